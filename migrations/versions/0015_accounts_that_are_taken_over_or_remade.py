"""Accounts that are taken over, or made anew; sign-out messages of the identity provider that were acted on."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("provisionings", sa.Column("adopted_account_id", sa.String(255)))
    op.add_column("provisionings", sa.Column("lost_account_id", sa.String(255)))
    op.create_table(
        "spent_logout_tokens",
        sa.Column("jti", sa.String(255), primary_key=True),
        sa.Column("expires_at", instant, nullable=False),
    )
    op.create_index("ix_spent_logout_tokens_expires_at", "spent_logout_tokens", ["expires_at"])
    op.create_index("ix_page_sessions_sid", "page_sessions", ["sid"])


def downgrade() -> None:
    op.drop_index("ix_page_sessions_sid", "page_sessions")
    op.drop_table("spent_logout_tokens")
    op.drop_column("provisionings", "lost_account_id")
    op.drop_column("provisionings", "adopted_account_id")
