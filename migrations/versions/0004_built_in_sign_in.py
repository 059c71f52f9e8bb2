"""Accounts, sessions, tokens and signing keys of the built-in identity provider."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

now = sa.func.now()
instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, unique=True),
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("email_norm", sa.String(255), nullable=False, unique=True),
        sa.Column("first_name", sa.String(100), nullable=False),
        sa.Column("last_name", sa.String(100), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default="true"),
        sa.Column("password_hash", sa.Text),
        sa.Column("password_temporary", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("password_epoch", sa.Integer, nullable=False, server_default="1"),
        sa.Column("password_changed_at", instant, nullable=False, server_default=now),
        sa.Column("reset_requested_at", instant),
        sa.Column("created_at", instant, nullable=False, server_default=now),
        sa.CheckConstraint("role IN ('admin', 'trainer', 'student')", name="role"),
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.String(100), primary_key=True),
        sa.Column("public", JSONB, nullable=False),
        sa.Column("private", sa.Text, nullable=False),
        sa.Column("secret_id", sa.String(16), nullable=False),
        sa.Column("created_at", instant, nullable=False, server_default=now),
        sa.Column("retired_at", instant),
    )
    _sessions()
    op.create_table(
        "sign_in_throttles",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("account_key", sa.LargeBinary),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_at", instant, nullable=False, server_default=now),
        sa.Column("blocked_until", instant),
        sa.Column("succeeded_at", instant),
    )
    for column in ("last_at", "account_key"):
        op.create_index(f"ix_sign_in_throttles_{column}", "sign_in_throttles", [column])


def _sessions() -> None:
    account = sa.ForeignKey("accounts.id", ondelete="CASCADE")
    op.create_table(
        "sign_in_sessions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("account_id", sa.Uuid, account, nullable=False),
        sa.Column("cookie_hash", sa.LargeBinary, unique=True),
        sa.Column("started_at", instant, nullable=False, server_default=now),
        sa.Column("idle_until", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
    )
    op.create_index("ix_sign_in_sessions_account_id", "sign_in_sessions", ["account_id"])
    op.create_index("ix_sign_in_sessions_expires_at", "sign_in_sessions", ["expires_at"])
    op.create_table(
        "authorization_codes",
        sa.Column("code_hash", sa.LargeBinary, primary_key=True),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
        sa.Column(
            "session_id", sa.Uuid, sa.ForeignKey("sign_in_sessions.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("client_id", sa.String(50), nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("code_challenge", sa.String(43), nullable=False),
        sa.Column("nonce", sa.Text),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.Column("used_at", instant),
    )
    for column in ("account_id", "session_id", "expires_at"):
        op.create_index(f"ix_authorization_codes_{column}", "authorization_codes", [column])
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary, primary_key=True),
        sa.Column(
            "session_id", sa.Uuid, sa.ForeignKey("sign_in_sessions.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("client_id", sa.String(50), nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("issued_at", instant, nullable=False, server_default=now),
        sa.Column("used_at", instant),
    )
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])


def downgrade() -> None:
    for table in (
        "sign_in_throttles",
        "refresh_tokens",
        "authorization_codes",
        "sign_in_sessions",
        "signing_keys",
        "accounts",
    ):
        op.drop_table(table)
