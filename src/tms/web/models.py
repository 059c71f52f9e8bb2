from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, func
from sqlalchemy.orm import Mapped, mapped_column

from tms.platform.db import Base


class PageSession(Base):
    """A browser that somebody signed in with. The cookie holds a random id, the row only its SHA-256."""

    __tablename__ = "page_sessions"
    __table_args__ = (
        CheckConstraint("ended_at IS NOT NULL OR tokens IS NOT NULL", name="open_has_tokens"),
        Index("ix_page_sessions_user_id", "user_id"),
        Index("ix_page_sessions_last_seen_at", "last_seen_at"),
        Index("ix_page_sessions_sid", "sid"),
    )

    id_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    sid: Mapped[str | None] = mapped_column(String(255))
    """The identity provider's name of the sign-in behind it."""
    tokens: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Refresh and ID token, encrypted with a key derived from the server secret; gone once the session has ended."""
    checked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When the identity provider last confirmed the sign-in."""
    check_due: Mapped[datetime]
    """When it is to be asked again; moved ahead by whoever asks, so that no two use one refresh token at a time."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


class SpentLogoutToken(Base):
    """A sign-out message of the identity provider that was acted on: one that comes again does nothing."""

    __tablename__ = "spent_logout_tokens"
    __table_args__ = (Index("ix_spent_logout_tokens_expires_at", "expires_at"),)

    jti: Mapped[str] = mapped_column(String(255), primary_key=True)
    expires_at: Mapped[datetime]
    """When the message itself is too old to be believed, so that its name need not be kept."""
