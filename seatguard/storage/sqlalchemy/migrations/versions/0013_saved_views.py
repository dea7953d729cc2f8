"""Saved views of lists, for the administrators who saved them."""

import sqlalchemy as sa
from alembic import op

from seatguard.storage.sqlalchemy.types import Instant, ident, name

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "seatguard_saved_view",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("owner", name(255), nullable=False),
        sa.Column("page", sa.String(length=20), nullable=False),
        sa.Column("name", name(60), nullable=False),
        sa.Column("query", sa.String(length=500), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["seatguard_tenant.id"], name="fk_seatguard_saved_view_tenant"),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_saved_view"),
        sa.UniqueConstraint(
            "tenant", "owner", "page", "name", name="uq_seatguard_saved_view_tenant_owner_page_name"
        ),
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("seatguard_saved_view")
