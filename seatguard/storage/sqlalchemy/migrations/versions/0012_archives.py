"""Archives of the journal, and what each of them holds."""

import sqlalchemy as sa
from alembic import op

from seatguard.storage.sqlalchemy.types import Instant, digest, ident

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "seatguard_archive",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("entries_before", Instant(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("stretches", sa.BigInteger(), nullable=False),
        sa.Column("digest", digest(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["seatguard_tenant.id"], name="fk_seatguard_archive_tenant"),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_archive"),
    )
    op.create_index("ix_seatguard_archive_tenant_id", "seatguard_archive", ["tenant", "id"])
    op.create_table(
        "seatguard_stretch",
        sa.Column("id", ident(), nullable=False),
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("archive", ident(), nullable=False),
        sa.Column("aggregate", sa.String(length=16), nullable=False),
        sa.Column("stream", ident(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("start_link", digest(), nullable=False),
        sa.Column("link", digest(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["archive"], ["seatguard_archive.id"], name="fk_seatguard_stretch_archive"),
        sa.PrimaryKeyConstraint("id", name="pk_seatguard_stretch"),
        sa.UniqueConstraint("stream", "first_seq", name="uq_seatguard_stretch_stream_first_seq"),
    )
    op.create_index("ix_seatguard_stretch_stream_id", "seatguard_stretch", ["stream", "id"])
    op.create_index("ix_seatguard_stretch_archive_id", "seatguard_stretch", ["archive", "id"])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("seatguard_stretch")
    op.drop_table("seatguard_archive")
