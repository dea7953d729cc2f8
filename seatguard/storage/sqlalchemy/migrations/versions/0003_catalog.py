"""Plans say more than their seats."""

import sqlalchemy as sa
from alembic import op

from seatguard.storage.sqlalchemy.types import Instant, Json, name

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column(
        "seatguard_plan", sa.Column("display_order", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("seatguard_plan", sa.Column("description", name(1000), nullable=True))
    op.add_column("seatguard_plan", sa.Column("updated_at", Instant(), nullable=True))
    op.add_column("seatguard_plan_version", sa.Column("offer", Json(), nullable=True))


def downgrade() -> None:
    """Back to plans that say nothing but their seats."""
    op.drop_column("seatguard_plan_version", "offer")
    op.drop_column("seatguard_plan", "updated_at")
    op.drop_column("seatguard_plan", "description")
    op.drop_column("seatguard_plan", "display_order")
