"""A PostgreSQL database of a size that no test makes by hand: many clients, services and entries.

Loaded by the server itself, out of rows that the engine wrote. Right in all that lists and reports read:
names, standings, counters, times, ids in the order of time. Not as in life: the entries are not chained.
"""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import make_url

from seatguard import Seatguard
from seatguard.storage.sqlalchemy.database import Database
from seatguard.storage.sqlalchemy.migrate import upgrade

DAYS = 400
"""The entries lie within so many days, ending now."""


def load(url: str, *, services: int, entries: int) -> str:
    """Migrate an empty database and fill it.

    Of a hundred services six are nearly full, six expire within 30 days, six are over, six are suspended and
    six are canceled: each list of a thousand services fills a page. Of a hundred clients one is suspended and
    one is archived. One entry in twenty is a refusal. Each service has one seat on record.

    Returns:
        id of the tenant.
    """
    database = Database(url)
    upgrade(database)
    database.close()
    engine = Seatguard.open(url)
    me = engine.actor("benchmark", "estate")
    engine.catalog.add(me, slug="team", seats=200)
    client = engine.clients.add(me, name="Zero")
    project = engine.projects.add(me, client.id, name="Zero", domains=("zero.example",))
    service = engine.subscriptions.add(me, project.id, plan="team")
    engine.seats.take(me, engine.where(project.id), "ada").require()
    engine.close()
    clients, projects = max(1, services // 10), max(1, services // 4)
    parts = make_url(url)
    # Of the driver's own: Seatguard's connections have a statement timeout, which a million rows pass.
    with psycopg.connect(
        host=parts.host,
        port=parts.port,
        user=parts.username,
        password=parts.password,
        dbname=parts.database,
        autocommit=True,
    ) as raw:
        _copy_rows(
            raw,
            "seatguard_client",
            clients,
            id="pg_temp.estate_id(1, n)",
            name="'Client ' || n",
            external_id="'crm-' || n",
            state="CASE n % 100 WHEN 98 THEN 'suspended' WHEN 99 THEN 'archived' ELSE 'active' END",
        )
        _copy_rows(
            raw,
            "seatguard_project",
            projects,
            id="pg_temp.estate_id(2, n)",
            client=f"pg_temp.estate_id(1, n % {clients})",
            name="'Project ' || n",
        )
        _copy_rows(
            raw,
            "seatguard_domain",
            projects,
            id="pg_temp.estate_id(3, n)",
            project="pg_temp.estate_id(2, n)",
            name="'p' || n || '.example'",
        )
        _copy_rows(
            raw,
            "seatguard_subscription",
            services,
            id="pg_temp.estate_id(4, n)",
            number=f"{service.number} + 1 + n",
            project=f"pg_temp.estate_id(2, n % {projects})",
            client=f"pg_temp.estate_id(1, (n % {projects}) % {clients})",
            type="'type ' || n",
            live="CASE WHEN n % 100 BETWEEN 40 AND 45 THEN 180 + n % 19 ELSE n % 130 END",
            seq=f"CASE WHEN n < {entries % services} THEN 1 ELSE 0 END + {entries // services}",
            state="CASE WHEN n % 100 BETWEEN 10 AND 15 THEN 'suspended' "
            "WHEN n % 100 BETWEEN 16 AND 21 THEN 'canceled' ELSE 'active' END",
            expires_on="CASE WHEN n % 100 BETWEEN 22 AND 27 THEN current_date + n / 100 % 30 "
            "WHEN n % 100 BETWEEN 28 AND 33 THEN current_date - 9 "
            "WHEN n % 100 = 34 THEN NULL ELSE current_date + 60 + n % 700 END",
            closes_at="CASE WHEN n % 100 BETWEEN 22 AND 27 "
            "THEN pg_temp.estate_now() + (n / 100 % 30 + 1) * 86400000000 "
            "WHEN n % 100 BETWEEN 28 AND 33 THEN pg_temp.estate_now() - 8 * 86400000000::bigint "
            "WHEN n % 100 = 34 THEN NULL ELSE pg_temp.estate_now() + (61 + n % 700) * 86400000000 END",
        )
        _copy_rows(
            raw,
            "seatguard_seat",
            services,
            id="pg_temp.estate_id(5, n)",
            number="NULL",
            subscription="pg_temp.estate_id(4, n)",
            holder="'user-' || n",
            holder_key="'user-' || n",
        )
        at = f"pg_temp.estate_now() - ({entries} - n)::bigint * ({DAYS}::bigint * 86400000000 / {entries})"
        _copy_rows(
            raw,
            "seatguard_entry",
            entries,
            source="kind = 'seat.taken'",
            id=f"pg_temp.estate_id_at({at}, n)",
            stream=f"pg_temp.estate_id(4, n % {services})",
            seq=f"n / {services} + 1",
            happened_at=at,
            kind="CASE WHEN n % 20 = 3 THEN 'seat.denied' ELSE 'seat.taken' END",
            data='CASE WHEN n % 20 = 3 THEN \'{"reason":"limit_reached","count":2}\' ELSE \'{}\' END',
            subject="pg_temp.estate_id(5, n)",
            request_id="'request-' || n",
            person="md5(n::text)",
        )
        raw.execute("UPDATE seatguard_number SET value = value + %s WHERE name = 'service'", [services])
        raw.execute("VACUUM ANALYZE")
    return me.tenant


def _copy_rows(
    raw: psycopg.Connection[Any], table: str, rows: int, *, source: str = "true", **own: str
) -> None:
    """So many copies of one row of a table, with expressions over ``n`` (from 0) in place of some columns."""
    raw.execute(_FUNCTIONS)
    found = raw.execute(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND table_name = %s AND is_generated = 'NEVER'",
        [table],
    )
    names = [name for (name,) in found if own.get(name) != "NULL"]
    values = ", ".join(f"({own[name]})" if name in own else f"one.{name}" for name in names)
    raw.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} "
        f"FROM (SELECT * FROM {table} WHERE {source} LIMIT 1) AS one, generate_series(0, {rows} - 1) AS n"
    )


_FUNCTIONS = """
CREATE OR REPLACE FUNCTION pg_temp.estate_id(kind integer, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('018bcfe5-680' || kind || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE OR REPLACE FUNCTION pg_temp.estate_id_at(at bigint, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT (lpad(to_hex(at / 1000), 12, '0') || '7' || lpad(to_hex(at % 1000 * 4096 / 1000), 3, '0')
           || '8' || lpad(to_hex(n), 15, '0'))::uuid $$;
CREATE OR REPLACE FUNCTION pg_temp.estate_now() RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT (extract(epoch FROM date_trunc('hour', now())) * 1000000)::bigint $$;
"""
