"""How long each lease lasts: a gate of its own gives so much time to leases that it fills in from here."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column("seatguard_lease", sa.Column("lasts", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Back to the version before."""
    op.drop_column("seatguard_lease", "lasts")
