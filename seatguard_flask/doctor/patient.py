"""Whom the doctor looks at, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from seatguard_flask.state import State

if TYPE_CHECKING:
    from flask import Flask

    from seatguard_flask.extension import Seatguard


@dataclass(frozen=True, slots=True)
class Found:
    """Something that is wrong, or soon will be.

    Attributes:
        problem: what it is, and what comes of it.
        cure: what to do; empty where the problem tells it.
        fixed: whether it was put right just now.
    """

    problem: str
    cure: str
    fixed: bool = False


class Patient:
    """One instance in one app.

    Attributes:
        environ: variables of the process that serves the app, as far as they are known.
        fix: whether to put right what can be put right safely.
        store_answers: whether it did when it was asked.
    """

    def __init__(self, app: Flask, seats: Seatguard, environ: Mapping[str, str], *, fix: bool) -> None:
        self.app = app
        self.seats = seats
        self.environ = environ
        self.fix = fix
        self.store_answers = True

    @cached_property
    def state(self) -> State:
        """What the instance knows of the app."""
        return self.seats._state()

    @property
    def is_live(self) -> bool:
        """Whether it may be serving real visitors: nothing says that it is debugged or tested."""
        return not (self.app.debug or self.app.testing)

    @property
    def is_sql(self) -> bool:
        """Whether the store is a database that is named in the settings."""
        return self.state.storage_kind not in ("memory", "engine")

    @property
    def uri(self) -> str:
        """Where the store is."""
        return self.state.settings.storage_uri or ""

    def config(self, key: str) -> Any:
        """A key of the app's configuration; ``None`` without it."""
        return self.app.config.get(key)


Check: TypeAlias = Callable[[Patient], Iterator[Found]]
