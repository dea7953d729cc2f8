"""Who waits for a seat."""

import sqlalchemy as sa
from alembic import op

from seatguard.storage.sqlalchemy.types import Instant, OneOf, ident, name
from seatguard.waiting.model import WaitingState

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "seatguard_waiting",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("project", ident(), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("type", name(200), nullable=True),
        sa.Column("holder", name(150), nullable=False),
        sa.Column("holder_key", name(450), nullable=False),
        sa.Column("email", name(254), nullable=True),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("state", OneOf(WaitingState), nullable=False),
        sa.Column("seat", ident(), nullable=True),
        sa.Column("asked_at", Instant(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["seatguard_project.id"], name="fk_seatguard_waiting_project"),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_waiting"),
        sa.UniqueConstraint(
            "project", "mode", "holder_key", name="uq_seatguard_waiting_project_mode_holder_key"
        ),
    )
    op.create_index("ix_seatguard_waiting_project_mode_id", "seatguard_waiting", ["project", "mode", "id"])
    op.create_index("ix_seatguard_waiting_tenant_id", "seatguard_waiting", ["tenant", "id"])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("seatguard_waiting")
