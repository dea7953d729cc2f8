"""Management keys."""

import sqlalchemy as sa
from alembic import op

from seatguard.storage.sqlalchemy.types import Instant, Words, digest, ident, name

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "seatguard_management_key",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("line", ident(), nullable=False),
        sa.Column("name", name(200), nullable=False),
        sa.Column("scopes", Words(), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("last4", sa.String(length=4), nullable=False),
        sa.Column("digest_version", sa.Integer(), nullable=False),
        sa.Column("digest", digest(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant"], ["seatguard_tenant.id"], name="fk_seatguard_management_key_tenant"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_management_key"),
        sa.UniqueConstraint("digest", name="uq_seatguard_management_key_digest"),
    )
    op.create_index("ix_seatguard_management_key_line_id", "seatguard_management_key", ["line", "id"])
    op.create_index("ix_seatguard_management_key_tenant_id", "seatguard_management_key", ["tenant", "id"])


def downgrade() -> None:
    """Back to before."""
    op.drop_table("seatguard_management_key")
