"""Audit lines say where a change came from, and survive TRUNCATE; how often callers may ask is counted for all processes."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit_log", sa.Column("address", sa.Text))
    op.create_index("ix_audit_log_action", "audit_log", ["action"])
    # Lines are written in the order of time, so a few pages of ranges find a day among years of them.
    op.create_index("ix_audit_log_at", "audit_log", ["at"], postgresql_using="brin")
    op.execute(
        "CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit_log()"
    )
    # Unlogged: it may be lost with a crashed database server, and then everybody starts afresh.
    op.create_table(
        "request_limits",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("full_at", sa.DateTime(timezone=True), nullable=False),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_request_limits_full_at", "request_limits", ["full_at"])


def downgrade() -> None:
    op.drop_table("request_limits")
    op.execute("DROP TRIGGER never_emptied ON audit_log")
    op.drop_index("ix_audit_log_at", "audit_log")
    op.drop_index("ix_audit_log_action", "audit_log")
    op.drop_column("audit_log", "address")
