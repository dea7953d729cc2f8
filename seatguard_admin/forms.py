"""Forms: fields with labels and hints, what was typed and what is wrong with it, and sending once."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Response, request

from seatguard.errors import Conflict, Denied, InvalidInput
from seatguard.idempotency.model import Begun, InFlight, Replied
from seatguard.sentences import sentence
from seatguard_admin.desk import Desk

Act = Callable[["Form"], Response]

MOST_ROWS = 200
"""Rows that a field of rows takes."""


@dataclass(slots=True, kw_only=True)
class Field:
    """One thing to fill in.

    Attributes:
        kind: ``text``, ``number``, ``date``, ``select``, ``radio``, ``check``, ``password``, ``area``,
            ``typed``, ``rows`` or ``hidden``; a ``section`` is a heading of those that follow.
        typed: what must be typed, letter by letter, into a field of kind ``typed``.
        steps: for a date, days and their labels that a button adds.
        columns: of a field of kind ``rows``: names and labels of what each row has.
        rows: what is in them; a row without any text counts as none.
        half: whether two such fields stand side by side where there is room.
    """

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    hint: str = ""
    options: Sequence[tuple[str, str]] = ()
    required: bool = False
    typed: str = ""
    autocomplete: str = "off"
    error: str = ""
    steps: Sequence[tuple[str, str]] = ()
    columns: Sequence[tuple[str, str]] = ()
    rows: list[list[str]] = field(default_factory=list)
    half: bool = False

    def told(self) -> str:
        """What is filled in, as one text."""
        return (
            "; ".join(" ".join(filter(None, row)) for row in self.rows) if self.kind == "rows" else self.value
        )

    def read(self) -> None:
        """Take what was sent."""
        if self.kind != "rows":
            self.value = request.form.get(self.name, "")
            return
        columns = [request.form.getlist(f"{self.name}-{name}") for name, _ in self.columns]
        rows = ([cell.strip() for cell in row] for row in zip(*columns, strict=False))
        self.rows = [row for row in rows if any(row)][:MOST_ROWS]


@dataclass(slots=True, kw_only=True)
class Form:
    """A form and what became of it.

    Attributes:
        version: of the record that is edited; an edit of another version conflicts.
        once: whether sending it twice must do it once.
        facts: lines of ``(label, text)`` shown above the fields: what will change, what stops.
        danger: whether the button destroys something.
        mine: for a conflict: field by field what was typed and what is stored now.
        changes: for a look at it before it is done: field by field what is so now and what will be.
        step: what the button says under the name ``step``; with one, a second button goes back to editing.
        wide: whether its fields want room.
        again: what is said when it is sent twice and shows nothing twice.
    """

    title: str
    button: str
    fields: list[Field] = field(default_factory=list)
    intro: str = ""
    back: str = ""
    version: int | None = None
    once: bool = False
    facts: Sequence[tuple[str, str]] = ()
    danger: bool = False
    error: str = ""
    mine: Sequence[tuple[str, str, str]] = ()
    changes: Sequence[tuple[str, str, str]] = ()
    step: str = ""
    wide: bool = False
    again: str = ""
    crumbs: Sequence[tuple[str, str]] = ()

    def text(self, name: str) -> str:
        """What was typed, without white space around it."""
        return self.named(name).value.strip()

    def optional(self, name: str) -> str | None:
        """The same; ``None`` when nothing was typed."""
        return self.text(name) or None

    def number(self, name: str) -> int | None:
        """A whole number; ``None`` when nothing was typed.

        Raises:
            InvalidInput: something else was typed.
        """
        text = self.text(name)
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 12:
            raise InvalidInput.single(name, "integer_expected", "must be a whole number")
        return int(text)

    def day(self, name: str) -> dt.date | None:
        """A calendar day; ``None`` when nothing was typed.

        Raises:
            InvalidInput: something else was typed.
        """
        from seatguard.subscriptions.rules import valid_date

        text = self.text(name)
        return valid_date(text, field=name) if text else None

    def checked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.named(name).value == "on"

    def named(self, name: str) -> Field:
        """A field by its name."""
        return next(one for one in self.fields if one.name == name)

    def wrong(self) -> list[Field]:
        """The fields with something wrong."""
        return [one for one in self.fields if one.error]


def handle(
    desk: Desk,
    form: Form,
    act: Act,
    *,
    names: Mapping[str, str] | None = None,
    now: Callable[[], tuple[int, Mapping[str, str]]] | None = None,
) -> Response:
    """Show a form, or do what was sent: errors come back at their fields, with everything typed kept.

    Args:
        act: does it, and answers with where to go.
        names: the engine's names of fields, where they differ from the form's.
        now: reads the record anew after a conflict: its version, and its values as the form shows them.
    """
    if request.method == "GET":
        return _shown(desk, form, 200)
    for one in form.fields:
        one.read()
    try:
        _check_typed(desk, form)
        if form.version is not None:
            form.version = _version(request.form.get("version", ""))
        return once(desk, lambda: act(form), again=form.again) if form.once else act(form)
    except InvalidInput as error:
        for problem in error.problems:
            _put_problem(form, (names or {}).get(problem.field, problem.field), problem.message)
        return _shown(desk, form, 422)
    except Conflict as error:
        if error.code == "version_conflict" and now is not None:
            return _conflict(desk, form, *now())
        _put(
            form, (names or {}).get(_FIELD_OF.get(error.code, ""), _FIELD_OF.get(error.code, "")), str(error)
        )
        return _shown(desk, form, 409)
    except Denied as error:
        form.error = _begun(sentence(error.decision))
        return _shown(desk, form, 409)


_FIELD_OF = {
    "external_id_taken": "external_id",
    "project_exists": "name",
    "slug_exists": "slug",
    "name_taken": "name",
    "view_exists": "name",
}


def _shown(desk: Desk, form: Form, status: int) -> Response:
    return desk.show("form.html", status=status, form=form)


def _put(form: Form, name: str, message: str) -> None:
    """An error at its field, or above all of them when there is no such field."""
    for one in form.fields:
        if one.name == name and one.kind != "hidden":
            one.error = _begun(message)
            return
    form.error = f"{name}: {message}" if name else _begun(message)


def _begun(message: str) -> str:
    return message[:1].upper() + message[1:]


def _put_problem(form: Form, path: str, message: str) -> None:
    """An error of a member of a field at that field, by the rest of its path."""
    name, rest = re.fullmatch(r"([^.\[]*)[.]?(.*)", path, re.DOTALL).groups()  # type: ignore[union-attr]
    known = next((one for one in form.fields if one.name == name and one.kind == "rows" and rest), None)
    if known is None:
        _put(form, path, message)
        return
    told = f"{rest}: {message}"
    known.error = f"{known.error}; {told}" if known.error else told


def _check_typed(desk: Desk, form: Form) -> None:
    for one in form.fields:
        if one.kind == "typed" and one.value.strip() != one.typed:
            raise InvalidInput.single(
                one.name, "not_confirmed", desk.t("type %(text)s to go on", text=one.typed)
            )


def _version(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _conflict(desk: Desk, form: Form, version: int, stored: Mapping[str, str]) -> Response:
    """Somebody else was faster: what is there now beside what was typed; sending again goes on from there."""
    form.version = version
    form.error = desk.t(
        "Somebody else changed this while you were editing. Look at both, then send yours again or go back."
    )
    form.mine = [
        (one.label, one.told() or "-", stored[one.name] or "-")
        for one in form.fields
        if one.name in stored and stored[one.name] != one.told()
    ]
    return _shown(desk, form, 409)


def once(desk: Desk, act: Callable[[], Response], *, again: str = "") -> Response:
    """Do it, unless the same sending was done before: then lead to where it led.

    Args:
        again: what is said of the second sending when the first led nowhere.

    Raises:
        Conflict: it led nowhere, is still under way, or was sent with other values.
    """
    t, key = desk.t, request.form.get("once", "")
    content = json.dumps(
        [
            [name, values]
            for name, values in sorted(request.form.lists())
            if name not in ("csrf_token", "once")
        ]
    )
    route = f"admin {request.path}"[:100]
    service = desk.engine.idempotency
    start = service.begin(desk.actor, route=route, key=key, body=content.encode())
    match start:
        case Replied(_, body):
            if body:
                return desk.go_to(body.decode(), said=t("Already done: it was sent twice."))
            raise Conflict("sent_twice", again or t("Already done: it was sent twice."))
        case InFlight():
            raise Conflict(
                "under_way",
                t("This was sent a moment ago and is still under way. Look at the list first."),
            )
        case Begun(reply):
            try:
                response = act()
            except BaseException:
                service.abandon(desk.actor, reply)
                raise
            place = response.headers.get("Location") or response.headers.get("X-SG-Location") or ""
            service.keep(desk.actor, reply.done(response.status_code, place.encode()))
            return response
        case _:
            raise Conflict(
                "sent_otherwise",
                t("This form was sent before with other values. Look at the list, then send it again."),
            )


def list_value(name: str, given: Mapping[str, str] | None = None) -> Any:
    """A filter of a list: what the address says, or another one that is given; ``None`` for nothing."""
    return (request.args if given is None else given).get(name, "").strip()[:200] or None
