"""The statements of every day, made once: building one costs several times what running it costs."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from sqlalchemy import (
    BindParameter,
    Executable,
    Integer,
    Select,
    String,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    join,
    or_,
    outerjoin,
    select,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from seatguard.clients.model import Client
from seatguard.idempotency.model import Reply
from seatguard.journal.model import Entry
from seatguard.projects.model import Project, ProjectKey
from seatguard.seats.model import Seat
from seatguard.storage.sqlalchemy.tables import (
    client,
    domain,
    entry,
    generation,
    plan,
    plan_version,
    project,
    project_key,
    reply,
    seat,
    subscription,
)
from seatguard.subscriptions.model import Subscription


class _Listed(FunctionElement[str]):
    """The texts of a column, a space between them. ``aggregate_strings`` is no statement before it is run."""

    inherit_cache = True
    type = String()


@compiles(_Listed)
def _listed(element: _Listed, compiler: Any, **how: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **how)}, ' ')"


@compiles(_Listed, "postgresql")
def _listed_postgresql(element: _Listed, compiler: Any, **how: Any) -> str:
    return f"string_agg({compiler.process(element.clauses, **how)}, ' ')"


@compiles(_Listed, "mysql", "mariadb")
def _listed_mariadb(element: _Listed, compiler: Any, **how: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **how)} SEPARATOR ' ')"


@functools.cache
def fields_of(record: type[Any]) -> tuple[str, ...]:
    """The names of a dataclass's fields."""
    return tuple(field.name for field in dataclasses.fields(record))


@functools.lru_cache(maxsize=256)
def one_record(table: Table, fields: tuple[str, ...], by: tuple[str, ...], *, lock: bool) -> Select[Any]:
    """A record by the values of some fields, each a parameter of that name."""
    query = select(*(table.c[name] for name in fields)).where(
        *(table.c[name] == bindparam(name) for name in by)
    )
    return query.with_for_update() if lock else query


@functools.lru_cache(maxsize=1024)
def list_records(
    table: Table,
    fields: tuple[str, ...],
    by: tuple[str, ...],
    missing: tuple[str, ...],
    *,
    after: bool,
    newest_first: bool,
) -> Select[Any]:
    """Records in the order of their ids, by the values of some fields and the absence of others.

    Parameters: one for each name in ``by``, ``row_limit``, and ``after_id`` if ``after``.
    """
    identifier = table.c.id
    query = select(*(table.c[name] for name in fields)).where(
        *(table.c[name] == bindparam(name) for name in by), *(table.c[name].is_(None) for name in missing)
    )
    if after:
        last: BindParameter[str] = bindparam("after_id")
        query = query.where(identifier < last if newest_first else identifier > last)
    query = query.order_by(identifier.desc() if newest_first else identifier)
    return query.limit(bindparam("row_limit", type_=Integer))


SUBSCRIPTION_FIELDS = fields_of(Subscription)
AGREED_COLUMNS = [
    *(subscription.c[name] for name in SUBSCRIPTION_FIELDS),
    plan.c.slug,
    subscription.c.live,
    subscription.c.held,
]
_AGREED = outerjoin(subscription, plan_version, plan_version.c.id == subscription.c.plan_version).outerjoin(
    plan, plan.c.id == plan_version.c.plan
)
AGREED = (
    select(*AGREED_COLUMNS)
    .select_from(_AGREED)
    .where(
        subscription.c.tenant == bindparam("tenant"),
        subscription.c.project == bindparam("project"),
        subscription.c.mode == bindparam("mode"),
    )
)
"""A project's subscriptions, each with its plan's slug and its counter."""

KEY_FIELDS, PROJECT_FIELDS, CLIENT_FIELDS = fields_of(ProjectKey), fields_of(Project), fields_of(Client)
_DOMAINS = (
    select(_Listed(domain.c.name))
    .where(domain.c.project == project.c.id)
    .correlate(project)
    .scalar_subquery()
)
_WHOSE = (
    join(project_key, project, project.c.id == project_key.c.project)
    .join(client, client.c.id == project.c.client)
    .outerjoin(
        subscription,
        and_(subscription.c.project == project.c.id, subscription.c.mode == project_key.c.mode),
    )
)
ARRIVE = (
    select(
        *(project_key.c[name] for name in KEY_FIELDS),
        *(project.c[name] for name in PROJECT_FIELDS),
        *(client.c[name] for name in CLIENT_FIELDS),
        _DOMAINS,
        *AGREED_COLUMNS,
    )
    .select_from(
        _WHOSE.outerjoin(plan_version, plan_version.c.id == subscription.c.plan_version).outerjoin(
            plan, plan.c.id == plan_version.c.plan
        )
    )
    .where(project_key.c.digest == bindparam("digest"))
)
"""Whose a key is: one row for each subscription, or one with nulls in the place of one."""

STILL = (
    select(
        project_key.c.version,
        project.c.version,
        client.c.version,
        _DOMAINS,
        subscription.c.id,
        subscription.c.version,
        subscription.c.live,
        subscription.c.held,
    )
    .select_from(_WHOSE)
    .where(project_key.c.digest == bindparam("digest"))
)
"""By what it shows that nothing has changed since ``ARRIVE``, and the counters; rows as there."""

SEAT_FIELDS = fields_of(Seat)
SEAT_COLUMNS = [seat.c[name] for name in SEAT_FIELDS]
NEW_SEAT_FIELDS = [name for name in SEAT_FIELDS if name != "number"]
ENTRY_FIELDS = fields_of(Entry)
ENTRY_COLUMNS = [entry.c[name] for name in ENTRY_FIELDS]
POOL_COLUMNS = [
    subscription.c[name]
    for name in ("version", "cap", "open", "opens_at", "closes_at", "live", "held", "seq", "head")
]

_OF_TENANT = (subscription.c.tenant == bindparam("tenant")).is_(True)
"""Beside the id: no index over tenants is to be taken for it; see ``postgres``."""
READ_POOL = select(*POOL_COLUMNS).where(subscription.c.id == bindparam("subscription"), _OF_TENANT)
LOCK_POOL = READ_POOL.with_for_update()
"""With parameters ``subscription`` and ``tenant``."""

_other = subscription.alias("other")
OTHERS = (
    select(_other.c.id)
    .select_from(
        join(
            subscription,
            _other,
            and_(
                _other.c.project == subscription.c.project,
                _other.c.mode == subscription.c.mode,
                _other.c.id != subscription.c.id,
            ),
        )
    )
    .where(subscription.c.id == bindparam("subscription"))
    .limit(1)
)
"""Another subscription of the same project and mode, if there is one."""

TOUCH = (
    update(subscription)
    .where(subscription.c.id == bindparam("subscription_id"))
    .values(seq=subscription.c.seq)
)
"""Changes nothing, and takes the write lock of a SQLite file."""

SEAT_OF = select(*SEAT_COLUMNS).where(
    seat.c.subscription == bindparam("subscription"), seat.c.holder_key == bindparam("holder_key")
)
SEAT_OF_NOW = SEAT_OF.with_for_update()
"""What is committed now: at REPEATABLE READ, MariaDB's plain reads show an older state."""

SEAT_HERE = select(*SEAT_COLUMNS).where(
    seat.c.subscription == bindparam("subscription"), seat.c.id == bindparam("id")
)
SEAT_HERE_NOW = SEAT_HERE.with_for_update()
GLANCE = (
    select(*POOL_COLUMNS, *SEAT_COLUMNS)
    .select_from(
        subscription.outerjoin(
            seat,
            and_(seat.c.subscription == subscription.c.id, seat.c.holder_key == bindparam("holder_key")),
        )
    )
    .where(subscription.c.id == bindparam("subscription"), _OF_TENANT)
)
"""The pool's columns, then the holder's seat's, which are null when there is none."""

SEAT = select(*SEAT_COLUMNS).where(seat.c.id == bindparam("id"), seat.c.tenant == bindparam("tenant"))
SEAT_OF_ONE = SEAT_OF.where(seat.c.tenant == bindparam("tenant"))

LAPSED = (
    select(*SEAT_COLUMNS)
    .where(seat.c.subscription == bindparam("subscription"), seat.c.lapses_at <= bindparam("now"))
    .order_by(seat.c.number)
    .limit(bindparam("row_limit", type_=Integer))
)
"""Holds past their end, the oldest first."""

SEATS_AFTER = (
    select(*SEAT_COLUMNS)
    .where(seat.c.subscription == bindparam("subscription"), seat.c.number > bindparam("after"))
    .order_by(seat.c.number)
    .limit(bindparam("row_limit", type_=Integer))
)

RECORDED_AT_ONCE = 100
RECORDED = select(entry.c.id).where(
    entry.c.tenant == bindparam("tenant"),
    entry.c.id.in_([bindparam(f"entry{place}") for place in range(RECORDED_AT_ONCE)]),
)
"""Which of so many ids are entries; with a parameter for each, and some of them may be the same."""

COUNT_LAPSED = (
    select(func.count())
    .select_from(seat)
    .where(seat.c.subscription == bindparam("subscription"), seat.c.lapses_at <= bindparam("now"))
)
COUNT_ROWS = (
    select(func.count(), func.count(seat.c.lapses_at))
    .select_from(seat)
    .where(seat.c.subscription == bindparam("subscription"))
)

ADD_SEAT = insert(seat).values({name: bindparam(name) for name in NEW_SEAT_FIELDS})
PUT_SEAT = (
    update(seat)
    .where(seat.c.id == bindparam("seat_id"))
    .values({name: bindparam(name) for name in NEW_SEAT_FIELDS if name != "id"})
)
DROP_SEAT = delete(seat).where(seat.c.id == bindparam("seat_id"))

ADD_ENTRY = insert(entry).values({name: bindparam(name) for name in ENTRY_FIELDS})
"""With a parameter for each of ``ENTRY_FIELDS``."""

REPLY_FIELDS = fields_of(Reply)
REPLY = select(*(reply.c[name] for name in REPLY_FIELDS)).where(
    reply.c.id == bindparam("id"), reply.c.tenant == bindparam("tenant")
)
KEEP_REPLY = (
    update(reply)
    .where(
        reply.c.id == bindparam("reply_id"),
        reply.c.tenant == bindparam("tenant_id"),
        reply.c.version == bindparam("before"),
    )
    .values({name: bindparam(name) for name in ("state", "status", "body", "version")})
)
"""Puts the answer in the place of the request in flight, if that is still the one that was begun."""

RECOUNT = (
    update(subscription)
    .where(subscription.c.id == bindparam("subscription"))
    .values(
        live=bindparam("new_live"),
        held=bindparam("new_held"),
        seq=bindparam("new_seq"),
        head=bindparam("new_head"),
    )
)
"""Sets the counter and the chain's end."""

COUNT = RECOUNT.where(
    or_(
        subscription.c.cap.is_(None),
        subscription.c.cap >= bindparam("new_live"),
        subscription.c.live >= bindparam("new_live"),
    )
)
"""The same, unless that would add a seat beyond the cap."""

RAISE_CEILING = (
    update(subscription)
    .where(subscription.c.id == bindparam("subscription_id"), subscription.c.ceiling < bindparam("at_least"))
    .values(ceiling=bindparam("at_least"))
)

GENERATION = select(generation.c.value).where(generation.c.tenant == bindparam("tenant"))


@functools.cache
def advance(dialect: str) -> Executable:
    """Counts the tenant's generation on, from nothing too. Parameter: ``tenant``."""
    values = {"tenant": bindparam("tenant"), "value": 1}
    if dialect in ("mysql", "mariadb"):
        return mysql.insert(generation).values(values).on_duplicate_key_update(value=generation.c.value + 1)
    made = postgresql.insert(generation) if dialect == "postgresql" else sqlite.insert(generation)
    return made.values(values).on_conflict_do_update(
        index_elements=[generation.c.tenant], set_={"value": generation.c.value + 1}
    )
