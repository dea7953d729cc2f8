"""Indexes for the lists and reports of operators."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BUCKET = (
    "CASE WHEN live * 100 >= seat_limit * 100 THEN 100 WHEN live * 100 >= seat_limit * 95 THEN 95 "
    "WHEN live * 100 >= seat_limit * 90 THEN 90 WHEN live * 100 >= seat_limit * 80 THEN 80 "
    "WHEN live * 100 >= seat_limit * 70 THEN 70 ELSE 0 END"
)

_INDEXES = (
    ("client", "ix_seatguard_client_tenant_name_id", ("tenant", "name", "id")),
    ("client", "ix_seatguard_client_tenant_state_id", ("tenant", "state", "id")),
    ("project", "ix_seatguard_project_tenant_name_id", ("tenant", "name", "id")),
    ("subscription", "ix_seatguard_subscription_client_id", ("client", "id")),
    ("subscription", "ix_seatguard_subscription_tenant_number", ("tenant", "number")),
    ("subscription", "ix_seatguard_subscription_tenant_expires_on_id", ("tenant", "expires_on", "id")),
    ("subscription", "ix_seatguard_subscription_tenant_util_bucket_id", ("tenant", "util_bucket", "id")),
    (
        "subscription",
        "ix_seatguard_subscription_standing",
        ("tenant", "state", "closes_at", "opens_at", "client", "plan_version"),
    ),
    ("entry", "ix_seatguard_entry_tenant_actor_id", ("tenant", "actor", "id")),
    ("entry", "ix_seatguard_entry_tenant_request_id_id", ("tenant", "request_id", "id")),
)

_PREFIXES = (("client", "name"), ("client", "external_id"), ("project", "name"), ("subscription", "type"))


def upgrade() -> None:
    """To this version."""
    postgres = op.get_context().dialect.name == "postgresql"
    # PostgreSQL has no index on a column that is not stored; SQLite adds none that is.
    bucket = sa.Computed(_BUCKET, persisted=True if postgres else None)
    op.add_column("seatguard_subscription", sa.Column("util_bucket", sa.Integer(), bucket))
    for table, name, columns in _INDEXES:
        op.create_index(name, f"seatguard_{table}", list(columns))
    if not postgres:
        return
    for table, column in _PREFIXES:
        op.create_index(
            f"ix_seatguard_{table}_{column}_prefix",
            f"seatguard_{table}",
            ["tenant", sa.text(f"lower({column}) text_pattern_ops")],
        )
    op.create_index(
        "ix_seatguard_subscription_last_day",
        "seatguard_subscription",
        ["tenant", sa.text("coalesce(expires_on, '9999-12-31'::date)"), "id"],
    )


def downgrade() -> None:
    """Back to the version before."""
    if op.get_context().dialect.name == "postgresql":
        op.drop_index("ix_seatguard_subscription_last_day", "seatguard_subscription")
        for table, column in _PREFIXES:
            op.drop_index(f"ix_seatguard_{table}_{column}_prefix", f"seatguard_{table}")
    for table, name, _ in _INDEXES:
        op.drop_index(name, f"seatguard_{table}")
    op.drop_column("seatguard_subscription", "util_bucket")
