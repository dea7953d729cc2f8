"""Units of the meters in database transactions, and the time they are measured by."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, delete, insert, select

from seatguard.clock import Clock, from_micros, system_clock, to_micros, uptime
from seatguard.leases.model import Lease, LeaseState, Pool
from seatguard.storage.meters import Meters
from seatguard.storage.meters.leases import UnitLeases
from seatguard.storage.meters.rates import UnitRates
from seatguard.storage.meters.units import Work
from seatguard.storage.meters.usage import UnitUsage
from seatguard.storage.sqlalchemy import tables
from seatguard.storage.sqlalchemy.database import Database
from seatguard.storage.sqlalchemy.ledger import SqlWork
from seatguard.storage.sqlalchemy.statements import fields_of

T = TypeVar("T")

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

# The time at which the statement runs, which is after the lock; and of no session's own time zone, where
# the hour after the end of summer time comes twice.
_SERVER_TIME = {
    "postgresql": "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
    "mysql": "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
}
_SERVER_TIME["mariadb"] = _SERVER_TIME["mysql"]

_lease = tables.lease
_LEASE_FIELDS = fields_of(Lease)
_POOL_FIELDS = fields_of(Pool)


class _Work(SqlWork):
    """A unit of work with what the meters ask besides; see ``seatguard.storage.meters.units.Work``."""

    def __init__(
        self, connection: Connection, tenant: str, steady: Callable[[Connection], dt.datetime]
    ) -> None:
        super().__init__(connection, tenant)
        self._steady = steady

    def steady(self) -> dt.datetime:
        """See ``Work.steady``."""
        return self._steady(self._connection)

    def leases_ending(self, pool: str, *, by: dt.datetime | None, limit: int) -> list[Lease]:
        """See ``Work.leases_ending``."""
        query = (
            select(*(_lease.c[name] for name in _LEASE_FIELDS))
            .where(_lease.c.pool == pool, _lease.c.state == LeaseState.LIVE)
            .order_by(_lease.c.lapses_at, _lease.c.id)
            .limit(limit)
        )
        if by is not None:
            query = query.where(_lease.c.lapses_at <= by)
        return [Lease(**fields) for fields in self._rows(query)]

    def pools_lapsed(self, now: dt.datetime, *, limit: int) -> list[Pool]:
        """See ``Work.pools_lapsed``."""
        pool = tables.lease_pool
        lapsed = (
            select(_lease.c.pool)
            .where(_lease.c.tenant == self._tenant, _lease.c.state == LeaseState.LIVE)
            .where(_lease.c.lapses_at <= now)
        )
        query = (
            select(*(pool.c[name] for name in _POOL_FIELDS))
            .where(pool.c.id.in_(lapsed))
            .order_by(pool.c.id)
            .limit(limit)
        )
        return [Pool(**fields) for fields in self._rows(query)]

    def forget_leases(self, ended_before: dt.datetime) -> int:
        """See ``Work.forget_leases``."""
        return self._connection.execute(
            delete(_lease).where(
                _lease.c.tenant == self._tenant,
                _lease.c.state != LeaseState.LIVE,
                _lease.c.lapses_at <= ended_before,
            )
        ).rowcount

    def forget_windows(self, ended_before: dt.datetime) -> int:
        """See ``Work.forget_windows``."""
        window = tables.rate_window
        return self._connection.execute(
            delete(window).where(window.c.tenant == self._tenant, window.c.ends_at <= ended_before)
        ).rowcount

    def _rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        return [dict(row._mapping) for row in self._connection.execute(query)]


class SqlUnits:
    """Units as transactions of their own.

    Args:
        steady: the time by which leases and windows are measured; ``None`` asks the database server, or for
            a SQLite file this machine's uptime.
    """

    def __init__(self, database: Database, steady: Clock | None) -> None:
        self._database = database
        self._given = steady
        self._start: dt.datetime | None = None

    def run(self, tenant: str, act: Callable[[Work], T]) -> T:
        """See ``Units.run``."""
        return self._database.change(lambda connection: act(_Work(connection, tenant, self._now)))

    def look(self, tenant: str, act: Callable[[Work], T]) -> T:
        """See ``Units.look``."""
        return self._database.look(lambda connection: act(_Work(connection, tenant, self._now)))

    def _now(self, connection: Connection) -> dt.datetime:
        if self._given is not None:
            return self._given()
        if not self._database.is_sqlite:
            told = connection.exec_driver_sql(_SERVER_TIME[self._database.dialect.name]).scalar_one()
            return from_micros(int(told))
        return (self._start or self._agreed_start(connection)) + dt.timedelta(seconds=uptime())

    def _agreed_start(self, connection: Connection) -> dt.datetime:
        """When this machine started, as all its processes at this file agree.

        The first one works it out from the wall clock and writes it down. Whoever comes later, perhaps
        after somebody has set the clock, reads it.
        """
        number, name = tables.number, _boot_name()
        known = connection.execute(select(number.c.value).where(number.c.name == name)).scalar()
        if known is not None:
            self._start = from_micros(known)
            return self._start
        start = system_clock() - dt.timedelta(seconds=uptime())
        if connection.get_execution_options()["seatguard_write"]:
            connection.execute(delete(number).where(number.c.name.startswith("boot ", autoescape=True)))
            connection.execute(insert(number).values(name=name, value=to_micros(start)))
        return start


def _boot_name() -> str:
    """Under what the start of this machine is written down; another one after each start."""
    told = ""
    with contextlib.suppress(OSError):
        told = _BOOT_ID.read_text().strip().replace("-", "")
    return f"boot {told[:27]}"


def sql_meters(database: Database, clock: Clock, steady: Clock | None) -> Meters:
    """The meters of a SQL database."""
    units = SqlUnits(database, steady)
    return Meters(UnitUsage(units, clock), UnitRates(units), UnitLeases(units, clock))
