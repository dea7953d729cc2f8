"""Usage, rates and leases."""

import sqlalchemy as sa
from alembic import op

from seatguard.leases.model import LeaseState
from seatguard.periods import Period
from seatguard.storage.sqlalchemy.types import Instant, Json, OneOf, ident, name

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "seatguard_usage_account",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("subscription", ident(), nullable=False),
        sa.Column("meter", name(64), nullable=False),
        sa.Column("period", OneOf(Period), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=True),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("carried", sa.BigInteger(), nullable=False),
        sa.Column("quota_limit", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("used >= 0 AND carried >= 0", name="amounts"),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_usage_account"),
        sa.UniqueConstraint(
            "subscription",
            "meter",
            "period",
            "starts_at",
            name="uq_seatguard_usage_account_subscription_meter_period_starts_at",
        ),
    )
    op.create_index(
        "ix_seatguard_usage_account_subscription_meter_id",
        "seatguard_usage_account",
        ["subscription", "meter", "id"],
    )
    op.create_table(
        "seatguard_usage_charge",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("subscription", ident(), nullable=False),
        sa.Column("meter", name(64), nullable=False),
        sa.Column("charge_key", name(255), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.Column("account", ident(), nullable=False),
        sa.Column("charged_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("refunded >= 0 AND refunded <= amount", name="refund"),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_usage_charge"),
        sa.UniqueConstraint(
            "subscription",
            "meter",
            "charge_key",
            name="uq_seatguard_usage_charge_subscription_meter_charge_key",
        ),
    )
    op.create_index(
        "ix_seatguard_usage_charge_subscription_meter_id",
        "seatguard_usage_charge",
        ["subscription", "meter", "id"],
    )
    op.create_table(
        "seatguard_rate_window",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("subscription", ident(), nullable=False),
        sa.Column("meter", name(64), nullable=False),
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("counts", Json(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_rate_window"),
        sa.UniqueConstraint(
            "subscription",
            "meter",
            "caller",
            name="uq_seatguard_rate_window_subscription_meter_caller",
        ),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index("ix_seatguard_rate_window_tenant_ends_at", "seatguard_rate_window", ["tenant", "ends_at"])
    op.create_table(
        "seatguard_lease_pool",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("subscription", ident(), nullable=False),
        sa.Column("name", name(64), nullable=False),
        sa.Column("holder_key", name(450), nullable=False),
        sa.Column("live", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("live >= 0", name="count"),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_lease_pool"),
        sa.UniqueConstraint(
            "subscription", "name", "holder_key", name="uq_seatguard_lease_pool_subscription_name_holder_key"
        ),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "seatguard_lease",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("subscription", ident(), nullable=False),
        sa.Column("pool", ident(), nullable=False),
        sa.Column("name", name(64), nullable=False),
        sa.Column("holder", name(150), nullable=False),
        sa.Column("holder_key", name(450), nullable=False),
        sa.Column("session", name(128), nullable=False),
        sa.Column("state", OneOf(LeaseState), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("late_at", Instant(), nullable=False),
        sa.Column("lapses_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_lease"),
    )
    op.create_index(
        "ix_seatguard_lease_pool_state_lapses_at", "seatguard_lease", ["pool", "state", "lapses_at"]
    )
    op.create_index("ix_seatguard_lease_pool_holder_key", "seatguard_lease", ["pool", "holder_key"])
    op.create_index(
        "ix_seatguard_lease_subscription_name_id", "seatguard_lease", ["subscription", "name", "id"]
    )
    op.create_index(
        "ix_seatguard_lease_tenant_state_lapses_at", "seatguard_lease", ["tenant", "state", "lapses_at"]
    )


def downgrade() -> None:
    """Back to seats alone."""
    op.drop_table("seatguard_lease")
    op.drop_table("seatguard_lease_pool")
    op.drop_table("seatguard_rate_window")
    op.drop_table("seatguard_usage_charge")
    op.drop_table("seatguard_usage_account")
