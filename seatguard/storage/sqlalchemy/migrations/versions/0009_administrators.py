"""Administrators of the admin pages' own sign-in."""

import sqlalchemy as sa
from alembic import op

from seatguard.administrators.model import Role
from seatguard.storage.sqlalchemy.types import Instant, OneOf, ident, name

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "seatguard_administrator",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("name", name(100), nullable=False),
        sa.Column("role", OneOf(Role), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", Instant(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant"], ["seatguard_tenant.id"], name="fk_seatguard_administrator_tenant"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_administrator"),
        sa.UniqueConstraint("tenant", "name", name="uq_seatguard_administrator_tenant_name"),
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("seatguard_administrator")
