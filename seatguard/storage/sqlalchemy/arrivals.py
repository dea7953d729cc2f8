"""Callers who come again: only what may have changed is read anew.

Reading all there is to know of a caller means sixty columns and five records. Each record has a version that
every change counts on, and a plan's slug stays for ever. So for a caller who was here a while ago the
versions are read, the names of the domains and the counters; where those are the same, so is the rest.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from seatguard.clients.model import Client
from seatguard.entitlements.model import Agreed, Arrival
from seatguard.projects.model import KnownKey, Project, ProjectKey
from seatguard.storage.sqlalchemy.database import Database
from seatguard.storage.sqlalchemy.statements import (
    AGREED_COLUMNS,
    ARRIVE,
    CLIENT_FIELDS,
    KEY_FIELDS,
    PROJECT_FIELDS,
    STILL,
    SUBSCRIPTION_FIELDS,
)
from seatguard.subscriptions.model import Subscription

KEPT = 60.0
"""Seconds after which everything is read again: what was changed by hand, or put back from a copy, may have
kept its version."""

_MOST = 10_000

_KEY = len(KEY_FIELDS)
_PROJECT = _KEY + len(PROJECT_FIELDS)
_CLIENT = _PROJECT + len(CLIENT_FIELDS)
_SUBSCRIPTION = len(SUBSCRIPTION_FIELDS)


def agreed(row: Sequence[Any]) -> Agreed:
    """A subscription, its plan's slug and its counter, from a row of ``AGREED_COLUMNS``."""
    values = dict(zip(SUBSCRIPTION_FIELDS, row, strict=False))
    return Agreed(Subscription(**values), *row[_SUBSCRIPTION:])


@dataclass(frozen=True, slots=True)
class _Kept:
    """Somebody who was here.

    Attributes:
        whose: versions of key, project and client, and the domains as they were read.
        agreed: by the subscription's id.
    """

    at: float
    whose: tuple[int, int, int, str | None]
    known: KnownKey
    agreed: dict[str, Agreed]

    def again(self, rows: Sequence[Sequence[Any]]) -> Arrival | None:
        """The same caller with the counters of these rows; ``None`` if anything else has changed."""
        found = []
        for *whose, name, version, live, held in rows:
            if tuple(whose) != self.whose:
                return None
            if name is None:
                continue
            known = self.agreed.get(name)
            if known is None or known.subscription.version != version:
                return None
            found.append(replace(known, live=live, held=held))
        return Arrival(self.known, tuple(found)) if rows and len(found) == len(self.agreed) else None


class Arrivals:
    """Who calls with the key of a digest; holds no key."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[bytes, _Kept] = {}

    def find(self, digest: bytes) -> Arrival | None:
        """See ``Ledger.arrive``."""
        kept = self._kept.get(digest)
        asked, now = {"digest": digest}, time.monotonic()
        if kept is not None and now - kept.at < KEPT:
            found = kept.again(self._database.run(lambda runner: runner.all(STILL, asked), write=False))
            if found is not None:
                return found
        rows = self._database.run(lambda runner: runner.all(ARRIVE, asked), write=False)
        if not rows:
            self._kept.pop(digest, None)
            return None
        first = rows[0]
        key = ProjectKey(**dict(zip(KEY_FIELDS, first, strict=False)))
        project = Project(**dict(zip(PROJECT_FIELDS, first[_KEY:], strict=False)))
        client = Client(**dict(zip(CLIENT_FIELDS, first[_PROJECT:], strict=False)))
        names = first[_CLIENT]
        known = KnownKey(key, project, client, tuple((names or "").split()))
        several = [agreed(one) for one in (row[-len(AGREED_COLUMNS) :] for row in rows) if one[0] is not None]
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept[digest] = _Kept(
            now,
            (key.version, project.version, client.version, names),
            known,
            {one.subscription.id: one for one in several},
        )
        return Arrival(known, tuple(several))
