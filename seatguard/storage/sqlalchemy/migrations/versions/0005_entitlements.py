"""Features, overrides, users' own subscriptions, and a generation that tells when they changed."""

import sqlalchemy as sa
from alembic import op

from seatguard.catalog.features import FeatureKind
from seatguard.storage.sqlalchemy.types import Instant, Json, OneOf, ident, name

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column("seatguard_tenant", sa.Column("options", Json(), nullable=True))
    op.add_column(
        "seatguard_plan", sa.Column("followed_from", sa.Integer(), nullable=False, server_default="1")
    )
    op.create_table(
        "seatguard_feature",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("name", name(130), nullable=False),
        sa.Column("kind", OneOf(FeatureKind), nullable=False),
        sa.Column("definition", Json(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_feature"),
        sa.UniqueConstraint("tenant", "name", name="uq_seatguard_feature_tenant_name"),
    )
    op.create_table(
        "seatguard_override",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("subject", name(450), nullable=False),
        sa.Column("username", name(150), nullable=True),
        sa.Column("grants", Json(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_override"),
        sa.UniqueConstraint("tenant", "level", "subject", name="uq_seatguard_override_tenant_level_subject"),
    )
    op.create_table(
        "seatguard_user_subscription",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("username", name(150), nullable=False),
        sa.Column("user_key", name(450), nullable=False),
        sa.Column("slot", name(36), nullable=False),
        sa.Column("plan", ident(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_user_subscription"),
        sa.UniqueConstraint(
            "tenant", "user_key", "slot", name="uq_seatguard_user_subscription_tenant_user_key_slot"
        ),
    )
    op.create_index("ix_seatguard_user_subscription_plan_id", "seatguard_user_subscription", ["plan", "id"])
    op.create_table(
        "seatguard_generation",
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_seatguard_generation"),
    )


def downgrade() -> None:
    """Back to terms that know seats only."""
    op.drop_table("seatguard_generation")
    op.drop_table("seatguard_user_subscription")
    op.drop_table("seatguard_override")
    op.drop_table("seatguard_feature")
    op.drop_column("seatguard_plan", "followed_from")
    op.drop_column("seatguard_tenant", "options")
