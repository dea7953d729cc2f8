"""What only the store can tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing

from seatguard.errors import Misconfigured, StorageUnavailable
from seatguard_flask.doctor.patient import Check, Found, Patient

SKEW = dt.timedelta(seconds=2)
"""Two clocks further apart than this do not agree."""


def storage(patient: Patient) -> Iterator[Found]:
    """A store that does not answer, has no driver here, or another schema than this version's."""
    patient.store_answers = False
    try:
        patient.state.engine.ready()
    except Misconfigured as wrong:
        yield Found(str(wrong), "")
    except StorageUnavailable as away:
        yield Found(
            f"the store does not answer ({away}), and guards answer {_MEANWHILE[_policy(patient)]}",
            "start it, or correct SEATGUARD_STORAGE_URI",
        )
    else:
        patient.store_answers = True


def clock(patient: Patient) -> Iterator[Found]:
    """Holds and expiry dates go by this machine's clock; those of two machines must not differ."""
    if not patient.is_sql:
        return
    from sqlalchemy import text

    from seatguard.storage.sqlalchemy import Database

    ours = patient.state.engine.clock
    with closing(Database(patient.uri)) as database, database.connection(write=False) as connection:
        question = text(_NOW[database.dialect.name])
        before, shown, after = ours(), connection.execute(question).scalar_one(), ours()
    theirs = shown if isinstance(shown, dt.datetime) else dt.datetime.fromisoformat(shown)
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=dt.UTC)
    apart = max(theirs - after, before - theirs)
    if apart > SKEW:
        yield Found(
            f"this machine's clock and the database's are {apart.total_seconds():.0f} seconds apart: holds"
            " and subscriptions end too early or too late",
            "synchronize both machines with a time server",
        )


def drift(patient: Patient) -> Iterator[Found]:
    """Counters that do not say what the rows say."""
    engine = patient.state.engine
    actor = engine.actor("cli", "doctor")
    for one in engine.verify(actor, repair=patient.fix):
        number = engine.subscriptions.get(actor, one.subscription).number
        yield Found(
            f"service {number} counts {one.counted[0]} seats and has {one.rows[0]}; held {one.counted[1]} and"
            f" {one.rows[1]}",
            "run this with --fix; the seats win, on record",
            fixed=one.repaired,
        )


def holds(patient: Patient) -> Iterator[Found]:
    """Holds that ended and are still lying about."""
    engine = patient.state.engine
    actor = engine.actor("cli", "doctor")
    services = engine.seats.uncleared(actor)
    if services:
        if patient.fix:
            engine.seats.sweep(actor)
        yield Found(
            f"holds of {services} services ended and were not cleared away: they take no seat, but"
            " nobody was told that they ended",
            "run this with --fix, and `seatguard seats sweep` every night",
            fixed=patient.fix,
        )


NEED_THE_STORE: frozenset[Check] = frozenset({clock, drift, holds})
"""Checks that have nothing to say where the store does not answer."""


def _policy(patient: Patient) -> str:
    return "allow" if patient.state.switches.dry_run else patient.state.settings.on_storage_error


_MEANWHILE = {"deny": "503", "allow": "nobody: they let everybody pass", "raise": "with an error"}
_NOW = {
    "sqlite": "SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')",
    "postgresql": "SELECT clock_timestamp()",
    "mysql": "SELECT UTC_TIMESTAMP(6)",
    "mariadb": "SELECT UTC_TIMESTAMP(6)",
}
"""How each database tells the time, in UTC where it names no zone."""
