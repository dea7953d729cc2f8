"""The first schema: agreements, seats, journal."""

import sqlalchemy as sa
from alembic import op

from seatguard.clients.model import ClientState
from seatguard.idempotency.model import ReplyState
from seatguard.seats.model import SeatState
from seatguard.storage.sqlalchemy.types import Instant, Json, OneOf, digest, ident, name
from seatguard.subscriptions.model import SubscriptionState

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "seatguard_entry",
        sa.Column("stream", ident(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("aggregate", sa.String(length=16), nullable=False),
        sa.Column("happened_at", Instant(), nullable=False),
        sa.Column("actor", name(200), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("subject", ident(), nullable=False),
        sa.Column("request_id", name(128), nullable=True),
        sa.Column("data", Json(), nullable=False),
        sa.Column("erasable", Json(), nullable=True),
        sa.Column("erasable_digest", digest(), nullable=True),
        sa.Column("person", sa.String(length=64), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("link", digest(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "seq", name="pk_seatguard_entry"),
        sa.UniqueConstraint("tenant", "id", name="uq_seatguard_entry_tenant_id"),
    )
    op.create_index("ix_seatguard_entry_tenant_person_id", "seatguard_entry", ["tenant", "person", "id"])
    op.create_index("ix_seatguard_entry_tenant_subject_id", "seatguard_entry", ["tenant", "subject", "id"])
    op.create_table(
        "seatguard_number",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_seatguard_number"),
    )
    op.create_table(
        "seatguard_reply",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("route", name(100), nullable=False),
        sa.Column("idempotency_key", name(255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("state", OneOf(ReplyState), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_reply"),
        sa.UniqueConstraint(
            "tenant", "route", "idempotency_key", name="uq_seatguard_reply_tenant_route_idempotency_key"
        ),
    )
    op.create_table(
        "seatguard_seat",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("subscription", ident(), nullable=False),
        sa.Column("holder", name(150), nullable=False),
        sa.Column("holder_key", name(450), nullable=False),
        sa.Column("email", name(254), nullable=True),
        sa.Column("state", OneOf(SeatState), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("lapses_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_seatguard_seat"),
        sa.UniqueConstraint("holder_key", "subscription", name="uq_seatguard_seat_holder_key_subscription"),
        sa.UniqueConstraint("id", name="uq_seatguard_seat_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_seatguard_seat_lapses_at",
        "seatguard_seat",
        ["lapses_at"],
        unique=False,
        postgresql_where=sa.text("lapses_at IS NOT NULL"),
        sqlite_where=sa.text("lapses_at IS NOT NULL"),
    )
    op.create_index(
        "ix_seatguard_seat_subscription_number", "seatguard_seat", ["subscription", "number"], unique=False
    )
    op.create_table(
        "seatguard_subscription",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("client", ident(), nullable=False),
        sa.Column("project", ident(), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("type", name(200), nullable=False),
        sa.Column("plan_version", ident(), nullable=True),
        sa.Column("own_limit", sa.Integer(), nullable=True),
        sa.Column("unlimited", sa.Boolean(), nullable=False),
        sa.Column("overage", sa.String(length=16), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("grace_days", sa.Integer(), nullable=False),
        sa.Column("state", OneOf(SubscriptionState), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("seat_limit", sa.BigInteger(), nullable=True),
        sa.Column("cap", sa.BigInteger(), nullable=True),
        sa.Column("ceiling", sa.BigInteger(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("opens_at", Instant(), nullable=True),
        sa.Column("closes_at", Instant(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("live", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("head", digest(), nullable=False),
        sa.CheckConstraint(
            "ceiling IS NULL OR live <= ceiling", name=op.f("ck_seatguard_subscription_ceiling")
        ),
        sa.CheckConstraint(
            "live >= 0 AND held >= 0 AND held <= live", name=op.f("ck_seatguard_subscription_counts")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_subscription"),
        sa.UniqueConstraint("number", name="uq_seatguard_subscription_number"),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(
        "ix_seatguard_subscription_plan_version_id",
        "seatguard_subscription",
        ["plan_version", "id"],
        unique=False,
    )
    op.create_index(
        "ix_seatguard_subscription_project_mode_id",
        "seatguard_subscription",
        ["project", "mode", "id"],
        unique=False,
    )
    op.create_index(
        "ix_seatguard_subscription_tenant_id", "seatguard_subscription", ["tenant", "id"], unique=False
    )
    op.create_table(
        "seatguard_tenant",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("slug", name(64), nullable=False),
        sa.Column("name", name(200), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("head", digest(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_tenant"),
        sa.UniqueConstraint("slug", name="uq_seatguard_tenant_slug"),
    )
    op.create_table(
        "seatguard_checkpoint",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("heads", Json(), nullable=False),
        sa.Column("previous", digest(), nullable=False),
        sa.Column("signature", digest(), nullable=False),
        sa.Column("key_id", sa.String(length=8), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["seatguard_tenant.id"], name="fk_seatguard_checkpoint_tenant"),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_checkpoint"),
        sa.UniqueConstraint("tenant", "number", name="uq_seatguard_checkpoint_tenant_number"),
    )
    op.create_table(
        "seatguard_client",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("name", name(200), nullable=False),
        sa.Column("external_id", name(200), nullable=True),
        sa.Column("state", OneOf(ClientState), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("head", digest(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["seatguard_tenant.id"], name="fk_seatguard_client_tenant"),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_client"),
        sa.UniqueConstraint("tenant", "external_id", name="uq_seatguard_client_tenant_external_id"),
    )
    op.create_index("ix_seatguard_client_tenant_id", "seatguard_client", ["tenant", "id"], unique=False)
    op.create_table(
        "seatguard_plan",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("slug", name(64), nullable=False),
        sa.Column("name", name(200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("current_version", ident(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("head", digest(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["seatguard_tenant.id"], name="fk_seatguard_plan_tenant"),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_plan"),
        sa.UniqueConstraint("tenant", "slug", name="uq_seatguard_plan_tenant_slug"),
    )
    op.create_table(
        "seatguard_plan_version",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("plan", ident(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=True),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["plan"], ["seatguard_plan.id"], name="fk_seatguard_plan_version_plan"),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_plan_version"),
        sa.UniqueConstraint("plan", "number", name="uq_seatguard_plan_version_plan_number"),
    )
    op.create_table(
        "seatguard_project",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("client", ident(), nullable=False),
        sa.Column("name", name(200), nullable=False),
        sa.Column("allow_dev_domains", sa.Boolean(), nullable=False),
        sa.Column("allow_wildcards", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("head", digest(), nullable=False),
        sa.ForeignKeyConstraint(["client"], ["seatguard_client.id"], name="fk_seatguard_project_client"),
        sa.ForeignKeyConstraint(["tenant"], ["seatguard_tenant.id"], name="fk_seatguard_project_tenant"),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_project"),
        sa.UniqueConstraint("client", "name", name="uq_seatguard_project_client_name"),
    )
    op.create_index("ix_seatguard_project_tenant_id", "seatguard_project", ["tenant", "id"], unique=False)
    op.create_table(
        "seatguard_domain",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("project", ident(), nullable=False),
        sa.Column("name", name(253), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["seatguard_project.id"], name="fk_seatguard_domain_project"),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_domain"),
        sa.UniqueConstraint("project", "name", name="uq_seatguard_domain_project_name"),
    )
    op.create_index("ix_seatguard_domain_name", "seatguard_domain", ["name"], unique=False)
    op.create_table(
        "seatguard_project_key",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("project", ident(), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("last4", sa.String(length=4), nullable=False),
        sa.Column("digest_version", sa.Integer(), nullable=False),
        sa.Column("digest", digest(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project"], ["seatguard_project.id"], name="fk_seatguard_project_key_project"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_project_key"),
        sa.UniqueConstraint("digest", name="uq_seatguard_project_key_digest"),
    )
    op.create_index(
        "ix_seatguard_project_key_project_id", "seatguard_project_key", ["project", "id"], unique=False
    )
    op.create_index(
        "ix_seatguard_project_key_tenant_prefix", "seatguard_project_key", ["tenant", "prefix"], unique=False
    )
    op.execute("INSERT INTO seatguard_number (name, value) VALUES ('service', 0)")


def downgrade() -> None:
    """Back to nothing."""
    op.drop_table("seatguard_project_key")
    op.drop_table("seatguard_domain")
    op.drop_table("seatguard_project")
    op.drop_table("seatguard_plan_version")
    op.drop_table("seatguard_plan")
    op.drop_table("seatguard_client")
    op.drop_table("seatguard_checkpoint")
    op.drop_table("seatguard_tenant")
    op.drop_table("seatguard_subscription")
    op.drop_table("seatguard_seat")
    op.drop_table("seatguard_reply")
    op.drop_table("seatguard_number")
    op.drop_table("seatguard_entry")
