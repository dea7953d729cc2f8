"""With which code a command ends, and what it says when it fails: one table for all commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, NoReturn

import click

from seatguard.errors import (
    Conflict,
    Denied,
    InvalidInput,
    Misconfigured,
    NotFound,
    SeatguardError,
    StorageUnavailable,
)
from seatguard.sentences import sentence


class Exit(IntEnum):
    """What a script may rely on."""

    OK = 0
    FINDING = 1
    BAD_INPUT = 2
    UNAVAILABLE = 3
    MISCONFIGURED = 4


MEANINGS = {
    Exit.OK: "done",
    Exit.FINDING: "a finding, or a refusal: what was asked is not so, or was not done",
    Exit.BAD_INPUT: "wrong usage or bad input; nothing was changed",
    Exit.UNAVAILABLE: "the storage did not answer in time; asking again is safe",
    Exit.MISCONFIGURED: "the set-up is wrong; the message tells the setting",
}

EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code.value}  {text}" for code, text in MEANINGS.items())

_CODES: tuple[tuple[type[SeatguardError], Exit, str], ...] = (
    (InvalidInput, Exit.BAD_INPUT, "invalid_input"),
    (NotFound, Exit.BAD_INPUT, "not_found"),
    (Denied, Exit.FINDING, "refused"),
    (Conflict, Exit.FINDING, "conflict"),
    (StorageUnavailable, Exit.UNAVAILABLE, "storage_unavailable"),
    (Misconfigured, Exit.MISCONFIGURED, "misconfigured"),
)


@contextmanager
def told(as_json: bool) -> Iterator[None]:
    """Turn our errors into a message on standard error and the exit code of the table."""
    try:
        yield
    except SeatguardError as error:
        fail(error, as_json=as_json)


def fail(error: SeatguardError, *, as_json: bool) -> NoReturn:
    """Say what went wrong and end with its code: ``field: message`` for people, one object for programs."""
    exit_code, name = _exit_of(error)
    facts: dict[str, Any] = {"error": name, "message": str(error)}
    lines = [str(error)]
    match error:
        case InvalidInput(problems=problems):
            facts["problems"] = [{"field": p.field, "code": p.code, "message": p.message} for p in problems]
            lines = [f"{problem.field}: {problem.message}" for problem in problems]
        case Denied(decision=decision):
            facts |= {"code": decision.reason.value, "message": sentence(decision)}
            lines = [f"refused: {decision.reason.value}: {facts['message']}"]
        case Conflict(code=code):
            facts["code"] = code
            lines = [f"refused: {code}: {error}"]
        case _:
            pass
    click.echo(json.dumps(facts, ensure_ascii=False) if as_json else "\n".join(lines), err=True)
    raise SystemExit(exit_code.value)


def _exit_of(error: SeatguardError) -> tuple[Exit, str]:
    for kind, exit_code, name in _CODES:
        if isinstance(error, kind):
            return exit_code, name
    return Exit.FINDING, "refused"
