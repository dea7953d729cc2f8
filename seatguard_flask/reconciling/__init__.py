"""Reconciliation: the register compared with the host's own user table, and brought in line with it.

Two passes over users and seats find what may be wrong (:mod:`.comparing`); each of these is then looked at
again, in a transaction of its own, before it is told or repaired (:mod:`.settling`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import current_app
from sqlalchemy import inspect

from seatguard.errors import Misconfigured
from seatguard.seats import telling
from seatguard_flask.models import Meaning, Of
from seatguard_flask.reconciling.comparing import Comparison
from seatguard_flask.reconciling.ground import Ground
from seatguard_flask.reconciling.report import Finding, Kind, Outcome, Report
from seatguard_flask.reconciling.settling import Settling
from seatguard_flask.usertable import UserTable

if TYPE_CHECKING:
    from seatguard_flask.extension import Seatguard

__all__ = ["Finding", "Kind", "Outcome", "Report", "reconcile", "tables"]


def reconcile(
    seats: Seatguard, tables: Sequence[UserTable], *, projects: Sequence[str], repair: bool, grace: float
) -> Report:
    """Compare, and repair if asked to.

    Args:
        tables: whose users sit in the projects; together they own every seat there.
        projects: more projects to look at than those the users name.
        grace: seconds; younger seats and users are left alone.
    """
    ground = Ground(seats, tables, grace=grace)
    comparison, settling = Comparison(ground), Settling(ground, repair=repair)
    comparison.run(projects)
    settling.run(comparison.found)
    found = tuple(settling.findings)
    ground.engine.announce(telling.drifted(ground.actor, found, repair=repair))
    numbers = comparison.numbers
    return Report(
        findings=found,
        users=numbers["users"],
        counting=numbers["counting"],
        seats=numbers["seats"],
        repair=repair,
    )


def tables(
    seats: Seatguard, model: type[Any] | None, meaning: Meaning | None, session: Any, created: Of | None
) -> list[UserTable]:
    """The tables to compare with: the model's, and those of all guarded models, for a seat is a project's and
    not a model's.

    Args:
        model: the first table; ``None`` is all the guarded ones.
        meaning: what its users mean; ``None`` is what its guard says.
        session: of the host; ``None`` is the one of Flask-SQLAlchemy.

    Raises:
        Misconfigured: nothing tells what a user means, or where the users are.
    """
    meanings = [guard.meaning for guard in seats.model_guards]
    own = meaning or next((one for one in meanings if one.model is model), None)
    if own is None and model is not None:
        raise Misconfigured(
            f"{model.__name__} is not guarded here: give project and subject, or call seats.guard before"
        )
    if own is not None:
        meanings = [own, *(one for one in meanings if one.model is not own.model)]
    if not meanings:
        raise Misconfigured("no model is guarded: name one, with its project and its subject")
    if session is None:
        session = getattr(current_app.extensions.get("sqlalchemy"), "session", None)
    if session is None:
        raise Misconfigured("nothing tells where the users are: give a session")
    return [
        UserTable(
            one,
            session.get_bind(mapper=inspect(one.model)).engine,
            created=created if index == 0 else None,
        )
        for index, one in enumerate(meanings)
    ]
