"""E-mails: what is to be sent, to whom, and what became of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "emails",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("key", sa.String(200), unique=True),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id")),
        sa.Column("to_address", sa.String(255), nullable=False),
        sa.Column("template", sa.String(50), nullable=False),
        sa.Column("context", JSONB, nullable=False, server_default="{}"),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("message_id", sa.String(320), nullable=False, unique=True),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_error", sa.String(100)),
        sa.Column("leased_until", instant),
        sa.Column("created_at", instant, nullable=False, server_default=sa.func.now()),
        sa.Column("sent_at", instant),
        sa.CheckConstraint("status IN ('queued', 'sent', 'failed', 'outbox')", name="status"),
        sa.CheckConstraint("status <> 'sent' OR sent_at IS NOT NULL", name="sent_has_time"),
        sa.CheckConstraint("status <> 'failed' OR last_error IS NOT NULL", name="failed_has_reason"),
    )
    op.create_index("ix_emails_created_at_id", "emails", ["created_at", "id"])
    op.create_index("ix_emails_user_id", "emails", ["user_id"])
    op.create_index(
        "ix_emails_queued", "emails", ["created_at"], postgresql_where=sa.text("status = 'queued'")
    )


def downgrade() -> None:
    op.drop_table("emails")
