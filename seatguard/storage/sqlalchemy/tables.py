"""The tables. A record's fields are its table's columns, by name.

``subscription`` also has the gate's own columns (``live``, ``held``) and every owner of a stream
has the chain's end (``seq``, ``head``); no record shows them. No index and no foreign key names
them: they change with every seat. Lists by utilization have ``bucket``, which changes twenty times
while a service fills up.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    func,
    text,
)

from seatguard.administrators.model import Role
from seatguard.catalog.features import Definition, FeatureKind
from seatguard.catalog.offers import Offer
from seatguard.clients.model import ClientState
from seatguard.idempotency.model import ReplyState
from seatguard.journal.rules import GENESIS
from seatguard.leases.model import LeaseState
from seatguard.periods import Period
from seatguard.seats.model import SeatState
from seatguard.storage.sqlalchemy.types import (
    Document,
    Instant,
    Json,
    OneOf,
    Scalar,
    Words,
    digest,
    ident,
    name,
)
from seatguard.subscriptions.model import ChangeState, SubscriptionState
from seatguard.tenants.model import TenantOptions
from seatguard.waiting.model import WaitingState

SCHEMA_HEAD = "0014"
"""The newest migration; a test holds it to the migrations folder."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


BUCKETS = (*range(100, 89, -1), 80, 75, 70, 60, 50, 40, 30, 20, 10)
"""Percentages that lists by utilization begin at: the steps of the generated column ``bucket``. From 90 on it
is the percentage itself."""

OVER = 101
"""The step of services with more seats taken than they may have."""


def _bucket() -> Column[int]:
    """The highest step that is reached, else 0, and -1 without a limit.

    PostgreSQL stores it, the others work it out.
    """
    steps = " ".join(f"WHEN live * 100 >= seat_limit * {step} THEN {step}" for step in BUCKETS)
    worked_out = f"CASE WHEN live > seat_limit THEN {OVER} {steps} WHEN seat_limit IS NULL THEN -1 ELSE 0 END"
    return Column("util_bucket", Integer, Computed(worked_out), key="bucket")


def _prefixes(table: Table, *columns: str) -> None:
    """Indexes for searching by the beginning of a name in any case, where the database can have them."""
    for column in columns:
        found = func.lower(table.c[column])
        Index(
            f"ix_{table.name}_{column}_prefix",
            table.c.tenant,
            found.label("lowered"),
            postgresql_ops={"lowered": "text_pattern_ops"},
        ).ddl_if(dialect="postgresql")


def _id() -> Column[str]:
    return Column("id", ident(), primary_key=True)


def _ref(column: str, table: str | None = None, *, nullable: bool = False) -> Column[str]:
    """A column with another record's id; with a foreign key only where no seat is taken through it."""
    if table is None:
        return Column(column, ident(), nullable=nullable)
    return Column(column, ident(), ForeignKey(f"seatguard_{table}.id"), nullable=nullable)


def _version() -> Column[int]:
    return Column("version", Integer, nullable=False)


def _chain() -> tuple[Column[int], Column[bytes]]:
    return (
        Column("seq", BigInteger, nullable=False, default=0),
        Column("head", digest(), nullable=False, default=GENESIS),
    )


tenant = Table(
    "seatguard_tenant",
    metadata,
    _id(),
    _ref("tenant"),
    Column("slug", name(64), nullable=False, unique=True),
    Column("name", name(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    _version(),
    *_chain(),
    Column("options", Document(TenantOptions.from_stored), nullable=True),
)

client = Table(
    "seatguard_client",
    metadata,
    _id(),
    _ref("tenant", "tenant"),
    Column("name", name(200), nullable=False),
    Column("external_id", name(200), nullable=True),
    Column("state", OneOf(ClientState), nullable=False),
    Column("created_at", Instant, nullable=False),
    _version(),
    *_chain(),
    UniqueConstraint("tenant", "external_id"),
    Index(None, "tenant", "id"),
    Index(None, "tenant", "name", "id"),
    Index(None, "tenant", "state", "id"),
)
_prefixes(client, "name", "external_id")

project = Table(
    "seatguard_project",
    metadata,
    _id(),
    _ref("tenant", "tenant"),
    _ref("client", "client"),
    Column("name", name(200), nullable=False),
    Column("allow_dev_domains", Boolean, nullable=False),
    Column("allow_wildcards", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    _version(),
    *_chain(),
    UniqueConstraint("client", "name"),
    Index(None, "tenant", "id"),
    Index(None, "tenant", "name", "id"),
)
_prefixes(project, "name")

domain = Table(
    "seatguard_domain",
    metadata,
    _id(),
    _ref("tenant"),
    _ref("project", "project"),
    Column("name", name(253), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    _version(),
    UniqueConstraint("project", "name"),
)

project_key = Table(
    "seatguard_project_key",
    metadata,
    _id(),
    _ref("tenant"),
    _ref("project", "project"),
    Column("mode", String(8), nullable=False),
    Column("format", String(16), nullable=False),
    Column("prefix", String(16), nullable=False),
    Column("last4", String(4), nullable=False),
    Column("digest_version", Integer, nullable=False),
    Column("digest", digest(), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=True),
    Column("revoked_at", Instant, nullable=True),
    _version(),
    Index(None, "project", "id"),
    Index(None, "tenant", "prefix"),
)

management_key = Table(
    "seatguard_management_key",
    metadata,
    _id(),
    _ref("tenant", "tenant"),
    _ref("line"),
    Column("name", name(200), nullable=False),
    Column("scopes", Words, nullable=False),
    Column("prefix", String(16), nullable=False),
    Column("last4", String(4), nullable=False),
    Column("digest_version", Integer, nullable=False),
    Column("digest", digest(), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=True),
    Column("revoked_at", Instant, nullable=True),
    Column("last_used_at", Instant, nullable=True),
    _version(),
    Index(None, "line", "id"),
    Index(None, "tenant", "id"),
)

plan = Table(
    "seatguard_plan",
    metadata,
    _id(),
    _ref("tenant", "tenant"),
    Column("slug", name(64), nullable=False),
    Column("name", name(200), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("current_version", ident(), key="current", nullable=False),
    Column("created_at", Instant, nullable=False),
    _version(),
    *_chain(),
    Column("display_order", Integer, nullable=False, server_default="0"),
    Column("description", name(1000), nullable=True),
    Column("updated_at", Instant, nullable=True),
    Column("followed_from", Integer, nullable=False, server_default="1"),
    _ref("product", nullable=True),
    UniqueConstraint("tenant", "slug"),
)

product = Table(
    "seatguard_product",
    metadata,
    _id(),
    _ref("tenant"),
    Column("slug", name(64), nullable=False),
    Column("name", name(200), nullable=False),
    Column("description", name(1000), nullable=True),
    Column("active", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    _version(),
    UniqueConstraint("tenant", "slug"),
)

addon = Table(
    "seatguard_addon",
    metadata,
    _id(),
    _ref("tenant"),
    Column("slug", name(64), nullable=False),
    Column("name", name(200), nullable=False),
    Column("seats", Integer, nullable=False),
    Column("most", Integer, nullable=True),
    Column("active", Boolean, nullable=False),
    Column("offer", Document(Offer.from_stored), nullable=False),
    Column("created_at", Instant, nullable=False),
    _version(),
    UniqueConstraint("tenant", "slug"),
)

extra = Table(
    "seatguard_extra",
    metadata,
    _id(),
    _ref("tenant"),
    _ref("subscription"),
    _ref("addon"),
    Column("quantity", Integer, nullable=False),
    _version(),
    UniqueConstraint("subscription", "addon"),
)

scheduled_change = Table(
    "seatguard_scheduled_change",
    metadata,
    _id(),
    _ref("tenant"),
    _ref("subscription"),
    Column("what", String(16), nullable=False),
    Column("value", Scalar, nullable=True),
    Column("due_at", Instant, key="at", nullable=False),
    Column("policy", String(16), nullable=False),
    Column("state", OneOf(ChangeState), nullable=False),
    Column("reason", String(64), nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("settled_at", Instant, nullable=True),
    _version(),
    Index(None, "tenant", "state", "id"),
    Index(None, "subscription", "id"),
)

feature = Table(
    "seatguard_feature",
    metadata,
    _id(),
    _ref("tenant"),
    Column("name", name(130), nullable=False),
    Column("kind", OneOf(FeatureKind), nullable=False),
    Column("definition", Document(Definition.from_stored), nullable=False),
    Column("created_at", Instant, nullable=False),
    _version(),
    UniqueConstraint("tenant", "name"),
)

override = Table(
    "seatguard_override",
    metadata,
    _id(),
    _ref("tenant"),
    Column("level", String(16), nullable=False),
    Column("subject", name(450), nullable=False),
    Column("username", name(150), key="user", nullable=True),
    Column("grants", Document(Offer.from_stored), nullable=False),
    Column("updated_at", Instant, nullable=False),
    _version(),
    UniqueConstraint("tenant", "level", "subject"),
)

user_subscription = Table(
    "seatguard_user_subscription",
    metadata,
    _id(),
    _ref("tenant"),
    Column("username", name(150), key="user", nullable=False),
    Column("user_key", name(450), nullable=False),
    Column("slot", name(36), nullable=False),
    _ref("plan"),
    Column("number", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    Column("ends_at", Instant, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _version(),
    UniqueConstraint("tenant", "user_key", "slot"),
    Index(None, "plan", "id"),
)

generation = Table(
    "seatguard_generation",
    metadata,
    Column("tenant", ident(), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Counts the changes that decide what a tenant's users may do. A row of its own: inserting a client
locks the tenant's row through its foreign key, and two that count on there would wait for each other."""

plan_version = Table(
    "seatguard_plan_version",
    metadata,
    _id(),
    _ref("tenant"),
    _ref("plan", "plan"),
    Column("number", Integer, nullable=False),
    Column("seats", Integer, nullable=True),
    Column("published_at", Instant, nullable=False),
    _version(),
    Column("offer", Document(Offer.from_stored), nullable=True),
    UniqueConstraint("plan", "number"),
)

_DECIDES = ("state", "closes_at", "opens_at", "client")

subscription = Table(
    "seatguard_subscription",
    metadata,
    _id(),
    _ref("tenant"),
    Column("number", BigInteger, nullable=False, unique=True),
    _ref("client"),
    _ref("project"),
    Column("mode", String(8), nullable=False),
    Column("type", name(200), nullable=False),
    _ref("plan_version", nullable=True),
    Column("own_limit", Integer, nullable=True),
    Column("unlimited", Boolean, nullable=False),
    Column("overage", String(16), nullable=False),
    Column("starts_on", Date, nullable=True),
    Column("expires_on", Date, nullable=True),
    Column("timezone", String(64), nullable=False),
    Column("grace_days", Integer, nullable=False),
    Column("state", OneOf(SubscriptionState), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seat_limit", BigInteger, key="limit", nullable=True),
    Column("cap", BigInteger, nullable=True),
    Column("ceiling", BigInteger, nullable=True),
    Column("is_open", Boolean, key="open", nullable=False),
    Column("opens_at", Instant, nullable=True),
    Column("closes_at", Instant, nullable=True),
    _version(),
    Column("live", BigInteger, nullable=False, default=0),
    Column("held", BigInteger, nullable=False, default=0),
    *_chain(),
    Column("extra_seats", Integer, nullable=False, server_default="0"),
    _bucket(),
    CheckConstraint("live >= 0 AND held >= 0 AND held <= live", name="counts"),
    CheckConstraint("ceiling IS NULL OR live <= ceiling", name="ceiling"),
    Index(None, "project", "mode", "id"),
    Index(None, "plan_version", "id"),
    Index(None, "tenant", "id"),
    Index(None, "tenant", "number"),
    # What decides in which views a service is lies in the indexes: they are counted without their rows.
    Index("ix_seatguard_subscription_of_client", "tenant", "client", "state", "number", "id", "plan_version"),
    Index("ix_seatguard_subscription_of_plan", "tenant", "plan_version", "state"),
    Index("ix_seatguard_subscription_by_state", "tenant", "state", "number", "id"),
    Index("ix_seatguard_subscription_standing", "tenant", *_DECIDES, "plan_version"),
    Index("ix_seatguard_subscription_expiring", "tenant", "expires_on", *_DECIDES),
    Index("ix_seatguard_subscription_filling", "tenant", "bucket", *_DECIDES, "id"),
    postgresql_with={"fillfactor": "50"},
)
_prefixes(subscription, "type")
Index(
    "ix_seatguard_subscription_last_day",
    subscription.c.tenant,
    func.coalesce(subscription.c.expires_on, text("'9999-12-31'::date")),
    subscription.c.id,
    postgresql_include=["expires_on", *_DECIDES],
).ddl_if(dialect="postgresql")

seat = Table(
    "seatguard_seat",
    metadata,
    Column(
        "number",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("id", ident(), nullable=False, unique=True),
    _ref("tenant"),
    _ref("subscription"),
    Column("holder", name(150), nullable=False),
    Column("holder_key", name(450), nullable=False),
    Column("email", name(254), nullable=True),
    Column("state", OneOf(SeatState), nullable=False),
    Column("since", Instant, nullable=False),
    Column("lapses_at", Instant, nullable=True),
    UniqueConstraint("holder_key", "subscription"),
    Index(None, "subscription", "number"),
    Index(
        None,
        "lapses_at",
        postgresql_where=text("lapses_at IS NOT NULL"),
        sqlite_where=text("lapses_at IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

entry = Table(
    "seatguard_entry",
    metadata,
    Column("stream", ident(), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", ident(), nullable=False),
    _ref("tenant"),
    Column("aggregate", String(16), nullable=False),
    Column("happened_at", Instant, key="at", nullable=False),
    Column("actor", name(200), nullable=False),
    Column("kind", String(64), nullable=False),
    _ref("subject"),
    Column("request_id", name(128), nullable=True),
    Column("data", Json, nullable=False),
    Column("erasable", Json, nullable=True),
    Column("erasable_digest", digest(), nullable=True),
    Column("person", String(64), nullable=True),
    Column("salt", LargeBinary, nullable=False),
    Column("link", digest(), nullable=False),
    UniqueConstraint("tenant", "id"),
    Index(None, "tenant", "subject", "id"),
    Index(None, "tenant", "person", "id"),
    Index(None, "tenant", "kind", "id"),
    Index(None, "tenant", "actor", "id"),
    Index(None, "tenant", "request_id", "id"),
)

daily = Table(
    "seatguard_daily",
    metadata,
    Column("tenant", ident(), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("stream", ident(), primary_key=True),
    Column("what", name(64), primary_key=True),
    Column("times", BigInteger, nullable=False),
)
"""How often something was done on a day, for each stream and, under the tenant's own id, for all of them.

A day of the tenant's that was counted has a row with nothing under ``what``, and in it how many entries there
were."""

reply = Table(
    "seatguard_reply",
    metadata,
    _id(),
    _ref("tenant"),
    Column("route", name(100), nullable=False),
    Column("idempotency_key", name(255), key="key", nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("state", OneOf(ReplyState), nullable=False),
    Column("since", Instant, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    _version(),
    UniqueConstraint("tenant", "route", "key"),
)

waiting = Table(
    "seatguard_waiting",
    metadata,
    _id(),
    _ref("tenant"),
    _ref("project", "project"),
    Column("mode", String(8), nullable=False),
    Column("type", name(200), nullable=True),
    Column("holder", name(150), nullable=False),
    Column("holder_key", name(450), nullable=False),
    Column("email", name(254), nullable=True),
    Column("since", Instant, nullable=False),
    Column("state", OneOf(WaitingState), nullable=False),
    _ref("seat", nullable=True),
    Column("asked_at", Instant, nullable=True),
    _version(),
    UniqueConstraint("project", "mode", "holder_key"),
    Index(None, "project", "mode", "id"),
    Index(None, "tenant", "id"),
)

checkpoint = Table(
    "seatguard_checkpoint",
    metadata,
    _id(),
    _ref("tenant", "tenant"),
    Column("number", Integer, nullable=False),
    Column("made_at", Instant, key="at", nullable=False),
    Column("heads", Json, nullable=False),
    Column("previous", digest(), nullable=False),
    Column("signature", digest(), nullable=False),
    Column("key_id", String(8), nullable=False),
    _version(),
    UniqueConstraint("tenant", "number"),
)

archive = Table(
    "seatguard_archive",
    metadata,
    _id(),
    _ref("tenant", "tenant"),
    Column("entries_before", Instant, key="before", nullable=False),
    Column("made_at", Instant, key="at", nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("stretches", BigInteger, nullable=False),
    Column("digest", digest(), nullable=False),
    Column("finished", Boolean, nullable=False),
    _version(),
    Index(None, "tenant", "id"),
)

stretch = Table(
    "seatguard_stretch",
    metadata,
    _id(),
    _ref("tenant"),
    _ref("archive", "archive"),
    Column("aggregate", String(16), nullable=False),
    Column("stream", ident(), nullable=False),
    Column("first_seq", BigInteger, key="first", nullable=False),
    Column("last_seq", BigInteger, key="last", nullable=False),
    Column("start_link", digest(), key="start", nullable=False),
    Column("link", digest(), nullable=False),
    _version(),
    UniqueConstraint("stream", "first"),
    Index(None, "stream", "id"),
    Index(None, "archive", "id"),
)

usage_account = Table(
    "seatguard_usage_account",
    metadata,
    _id(),
    _ref("tenant"),
    _ref("subscription"),
    Column("meter", name(64), nullable=False),
    Column("period", OneOf(Period), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=True),
    Column("used", BigInteger, nullable=False),
    Column("carried", BigInteger, nullable=False),
    Column("quota_limit", BigInteger, key="limit", nullable=True),
    _version(),
    CheckConstraint("used >= 0 AND carried >= 0", name="amounts"),
    UniqueConstraint("subscription", "meter", "period", "starts_at"),
    Index(None, "subscription", "meter", "id"),
)

usage_charge = Table(
    "seatguard_usage_charge",
    metadata,
    _id(),
    _ref("tenant"),
    _ref("subscription"),
    Column("meter", name(64), nullable=False),
    Column("charge_key", name(255), key="key", nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("refunded", BigInteger, nullable=False),
    _ref("account"),
    Column("charged_at", Instant, key="at", nullable=False),
    _version(),
    CheckConstraint("refunded >= 0 AND refunded <= amount", name="refund"),
    UniqueConstraint("subscription", "meter", "key"),
    Index(None, "subscription", "meter", "id"),
)

rate_window = Table(
    "seatguard_rate_window",
    metadata,
    _id(),
    _ref("tenant"),
    _ref("subscription"),
    Column("meter", name(64), nullable=False),
    Column("caller", String(64), nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("counts", Json, nullable=False),
    _version(),
    UniqueConstraint("subscription", "meter", "caller"),
    Index(None, "tenant", "ends_at"),
    postgresql_with={"fillfactor": "50"},
)

lease_pool = Table(
    "seatguard_lease_pool",
    metadata,
    _id(),
    _ref("tenant"),
    _ref("subscription"),
    Column("name", name(64), nullable=False),
    Column("holder_key", name(450), nullable=False),
    Column("live", BigInteger, nullable=False),
    _version(),
    CheckConstraint("live >= 0", name="count"),
    UniqueConstraint("subscription", "name", "holder_key"),
    postgresql_with={"fillfactor": "50"},
)

lease = Table(
    "seatguard_lease",
    metadata,
    _id(),
    _ref("tenant"),
    _ref("subscription"),
    _ref("pool"),
    Column("name", name(64), nullable=False),
    Column("holder", name(150), nullable=False),
    Column("holder_key", name(450), nullable=False),
    Column("session", name(128), nullable=False),
    Column("state", OneOf(LeaseState), nullable=False),
    Column("since", Instant, nullable=False),
    Column("late_at", Instant, nullable=False),
    Column("lapses_at", Instant, nullable=False),
    _version(),
    Column("lasts", Integer, nullable=False, server_default="0"),
    Index(None, "pool", "state", "lapses_at"),
    Index(None, "pool", "holder_key"),
    Index(None, "subscription", "name", "id"),
    Index(None, "tenant", "state", "lapses_at"),
)

administrator = Table(
    "seatguard_administrator",
    metadata,
    _id(),
    _ref("tenant", "tenant"),
    Column("name", name(100), nullable=False),
    Column("role", OneOf(Role), nullable=False),
    Column("password", String(255), nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", Instant, nullable=True),
    Column("epoch", Integer, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    _version(),
    UniqueConstraint("tenant", "name"),
)

saved_view = Table(
    "seatguard_saved_view",
    metadata,
    _id(),
    _ref("tenant", "tenant"),
    Column("owner", name(255), nullable=False),
    Column("page", String(20), nullable=False),
    Column("name", name(60), nullable=False),
    Column("query", String(500), nullable=False),
    Column("created_at", Instant, nullable=False),
    _version(),
    UniqueConstraint("tenant", "owner", "page", "name"),
)

number = Table(
    "seatguard_number",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

schema_version = Table(
    "seatguard_schema_version", MetaData(), Column("version_num", String(32), primary_key=True)
)
"""Alembic's own table, under a name of ours: the host has one of its own."""
