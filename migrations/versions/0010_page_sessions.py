"""Sessions of people who use the pages in a browser."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "page_sessions",
        sa.Column("id_hash", sa.LargeBinary, primary_key=True),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("sid", sa.String(255)),
        sa.Column("tokens", sa.LargeBinary),
        sa.Column("checked_at", instant, nullable=False, server_default=sa.func.now()),
        sa.Column("check_due", instant, nullable=False),
        sa.Column("created_at", instant, nullable=False, server_default=sa.func.now()),
        sa.Column("last_seen_at", instant, nullable=False, server_default=sa.func.now()),
        sa.Column("ended_at", instant),
        sa.CheckConstraint("ended_at IS NOT NULL OR tokens IS NOT NULL", name="open_has_tokens"),
    )
    op.create_index("ix_page_sessions_user_id", "page_sessions", ["user_id"])
    op.create_index("ix_page_sessions_last_seen_at", "page_sessions", ["last_seen_at"])


def downgrade() -> None:
    op.drop_table("page_sessions")
