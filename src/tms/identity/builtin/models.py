from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, func
from sqlalchemy.orm import Mapped, mapped_column

from tms.platform.db import Base


class Account(Base):
    """Who can sign in; `id` is the `sub` of the tokens, `user_id` marks the account as made for that user."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("role IN ('admin', 'trainer', 'student')", name="role"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID | None] = mapped_column(unique=True)
    """No foreign key: an identity provider knows its accounts only, and marks are compared by the reconciler."""
    email: Mapped[str] = mapped_column(String(255))
    email_norm: Mapped[str] = mapped_column(String(255), unique=True)
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(20))
    enabled: Mapped[bool] = mapped_column(server_default="true")
    password_hash: Mapped[str | None]
    """argon2id in PHC form; none where no password opens the account."""
    password_temporary: Mapped[bool] = mapped_column(server_default="false")
    password_epoch: Mapped[int] = mapped_column(server_default="1")
    """Grows with every change of the password, so that what was derived from an earlier one is worthless."""
    password_changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    reset_requested_at: Mapped[datetime | None]
    """When a link to choose a new password was last asked for; the link's lifetime counts from here."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SigningKey(Base):
    """A key that tokens are signed with. The private half is encrypted with a key derived from the server secret."""

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(String(100), primary_key=True)
    public: Mapped[dict[str, Any]]
    private: Mapped[str]
    """The JWK as a JWE (dir, A256GCM)."""
    secret_id: Mapped[str] = mapped_column(String(16))
    """Which server secret it is encrypted with."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    retired_at: Mapped[datetime | None]
    """From then on it is not published any more."""


class SignInSession(Base):
    """A sign-in that lives on: of a browser (with `cookie_hash`), or of a script or program that holds refresh tokens."""

    __tablename__ = "sign_in_sessions"
    __table_args__ = (
        Index("ix_sign_in_sessions_account_id", "account_id"),
        Index("ix_sign_in_sessions_expires_at", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """The `sid` of the tokens."""
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    cookie_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    idle_until: Mapped[datetime]
    expires_at: Mapped[datetime]


class AuthorizationCode(Base):
    """A code on its way from the browser to the program that asked for it; good once, for a minute."""

    __tablename__ = "authorization_codes"
    __table_args__ = (
        Index("ix_authorization_codes_account_id", "account_id"),
        Index("ix_authorization_codes_session_id", "session_id"),
        Index("ix_authorization_codes_expires_at", "expires_at"),
    )

    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sign_in_sessions.id", ondelete="CASCADE"))
    """The browser's session; once exchanged, the session that the tokens belong to."""
    client_id: Mapped[str] = mapped_column(String(50))
    redirect_uri: Mapped[str]
    code_challenge: Mapped[str] = mapped_column(String(43))
    nonce: Mapped[str | None]
    scope: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class RefreshToken(Base):
    """A refresh token; it is replaced at each use, and a used one that comes again ends its whole session."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index("ix_refresh_tokens_session_id", "session_id"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sign_in_sessions.id", ondelete="CASCADE"))
    client_id: Mapped[str] = mapped_column(String(50))
    scope: Mapped[str]
    issued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[datetime | None]


class SignInThrottle(Base):
    """Failed sign-ins of one kind and origin. The key is an HMAC: neither names nor addresses are kept."""

    __tablename__ = "sign_in_throttles"
    __table_args__ = (
        Index("ix_sign_in_throttles_last_at", "last_at"),
        Index("ix_sign_in_throttles_account_key", "account_key"),
    )

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The account that the row is about, so that a new password can lift every block of it."""
    failures: Mapped[int] = mapped_column(server_default="0")
    last_at: Mapped[datetime] = mapped_column(server_default=func.now())
    blocked_until: Mapped[datetime | None]
    succeeded_at: Mapped[datetime | None]
    """When the account was last signed in to from this origin; makes it a known one."""
