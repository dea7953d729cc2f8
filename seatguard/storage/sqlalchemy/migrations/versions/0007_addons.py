"""Products, add-ons, and changes agreed on for later."""

import sqlalchemy as sa
from alembic import op

from seatguard.storage.sqlalchemy.types import Instant, Json, OneOf, Scalar, ident, name
from seatguard.subscriptions.model import ChangeState

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column(
        "seatguard_subscription", sa.Column("extra_seats", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("seatguard_plan", sa.Column("product", ident(), nullable=True))
    op.create_table(
        "seatguard_product",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("slug", name(64), nullable=False),
        sa.Column("name", name(200), nullable=False),
        sa.Column("description", name(1000), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_product"),
        sa.UniqueConstraint("tenant", "slug", name="uq_seatguard_product_tenant_slug"),
    )
    op.create_table(
        "seatguard_addon",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("slug", name(64), nullable=False),
        sa.Column("name", name(200), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("offer", Json(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_addon"),
        sa.UniqueConstraint("tenant", "slug", name="uq_seatguard_addon_tenant_slug"),
    )
    op.create_table(
        "seatguard_extra",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("subscription", ident(), nullable=False),
        sa.Column("addon", ident(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_extra"),
        sa.UniqueConstraint("subscription", "addon", name="uq_seatguard_extra_subscription_addon"),
    )
    op.create_table(
        "seatguard_scheduled_change",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("subscription", ident(), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("value", Scalar(), nullable=True),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("policy", sa.String(length=16), nullable=False),
        sa.Column("state", OneOf(ChangeState), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_scheduled_change"),
    )
    op.create_index(
        "ix_seatguard_scheduled_change_tenant_state_id",
        "seatguard_scheduled_change",
        ["tenant", "state", "id"],
    )
    op.create_index(
        "ix_seatguard_scheduled_change_subscription_id",
        "seatguard_scheduled_change",
        ["subscription", "id"],
    )


def downgrade() -> None:
    """Back to plans alone."""
    op.drop_table("seatguard_scheduled_change")
    op.drop_table("seatguard_extra")
    op.drop_table("seatguard_addon")
    op.drop_table("seatguard_product")
    op.drop_column("seatguard_plan", "product")
    op.drop_column("seatguard_subscription", "extra_seats")
