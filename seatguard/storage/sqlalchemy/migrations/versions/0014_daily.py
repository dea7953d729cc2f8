"""Sums by the day, and indexes that count services without reading their rows."""

import sqlalchemy as sa
from alembic import op

from seatguard.storage.sqlalchemy.types import ident, name

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLE = "seatguard_subscription"
_DECIDES = ("state", "closes_at", "opens_at", "client")


def _steps(*steps: int) -> str:
    return " ".join(f"WHEN live * 100 >= seat_limit * {step} THEN {step}" for step in steps)


_BEFORE = f"CASE {_steps(100, 95, 90, 80, 70)} ELSE 0 END"
_SINCE = (
    f"CASE WHEN live > seat_limit THEN 101 {_steps(*range(100, 89, -1), 80, 75, 70, 60, 50, 40, 30, 20, 10)} "
    "WHEN seat_limit IS NULL THEN -1 ELSE 0 END"
)

_OLD = {
    f"ix_{_TABLE}_client_id": ("client", "id"),
    f"ix_{_TABLE}_tenant_expires_on_id": ("tenant", "expires_on", "id"),
}
_NEW = {
    f"ix_{_TABLE}_of_client": ("tenant", "client", "state", "number", "id", "plan_version"),
    f"ix_{_TABLE}_of_plan": ("tenant", "plan_version", "state"),
    f"ix_{_TABLE}_by_state": ("tenant", "state", "number", "id"),
    f"ix_{_TABLE}_expiring": ("tenant", "expires_on", *_DECIDES),
}
_LAST_DAY = f"ix_{_TABLE}_last_day"
_BY_BUCKET = f"ix_{_TABLE}_tenant_util_bucket_id"
_FILLING = f"ix_{_TABLE}_filling"


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "seatguard_daily",
        sa.Column("tenant", ident(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("stream", ident(), nullable=False),
        sa.Column("what", name(64), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "day", "stream", "what", name="pk_seatguard_daily"),
    )
    op.drop_index(_BY_BUCKET, _TABLE)
    _put_bucket(_SINCE)
    op.create_index(_FILLING, _TABLE, ["tenant", "util_bucket", *_DECIDES, "id"])
    for index, columns in _NEW.items():
        op.create_index(index, _TABLE, list(columns))
    for index in _OLD:
        op.drop_index(index, _TABLE)
    if _on_postgres():
        op.drop_index(_LAST_DAY, _TABLE)
        _put_last_day("expires_on", *_DECIDES)


def downgrade() -> None:
    """Back to the version before."""
    if _on_postgres():
        op.drop_index(_LAST_DAY, _TABLE)
        _put_last_day()
    for index, columns in _OLD.items():
        op.create_index(index, _TABLE, list(columns))
    for index in _NEW:
        op.drop_index(index, _TABLE)
    op.drop_index(_FILLING, _TABLE)
    _put_bucket(_BEFORE)
    op.create_index(_BY_BUCKET, _TABLE, ["tenant", "util_bucket", "id"])
    op.drop_table("seatguard_daily")


def _put_bucket(steps: str) -> None:
    """Work the column out by other steps; what a generated column is made by cannot be changed."""
    # PostgreSQL has no index on a column that is not stored; SQLite adds none that is.
    made = sa.Computed(steps, persisted=True if _on_postgres() else None)
    op.drop_column(_TABLE, "util_bucket")
    op.add_column(_TABLE, sa.Column("util_bucket", sa.Integer(), made))


def _put_last_day(*included: str) -> None:
    op.create_index(
        _LAST_DAY,
        _TABLE,
        ["tenant", sa.text("coalesce(expires_on, '9999-12-31'::date)"), "id"],
        postgresql_include=list(included),
    )


def _on_postgres() -> bool:
    return op.get_context().dialect.name == "postgresql"
