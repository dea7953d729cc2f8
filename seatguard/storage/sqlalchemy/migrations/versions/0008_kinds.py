"""The journal by kind: a rare kind is found without reading all the others."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INDEX = "ix_seatguard_entry_tenant_kind_id"


def upgrade() -> None:
    """To this version."""
    op.create_index(_INDEX, "seatguard_entry", ["tenant", "kind", "id"])


def downgrade() -> None:
    """Back to reading all of them."""
    op.drop_index(_INDEX, table_name="seatguard_entry")
