from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from tms.platform.db import Base


class Email(Base):
    """The outbox: one row for each e-mail, written in the transaction of the event that it tells of.

    It holds what the text is made from and never a secret: passwords and reset links are derived when it is rendered.
    """

    __tablename__ = "emails"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'sent', 'failed', 'outbox')", name="status"),
        CheckConstraint("status <> 'sent' OR sent_at IS NOT NULL", name="sent_has_time"),
        CheckConstraint("status <> 'failed' OR last_error IS NOT NULL", name="failed_has_reason"),
        Index("ix_emails_created_at_id", "created_at", "id"),
        Index("ix_emails_user_id", "user_id"),
        Index("ix_emails_queued", "created_at", postgresql_where="status = 'queued'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str | None] = mapped_column(String(200), unique=True)
    """Names the event, so that it makes one e-mail however often it is told."""
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    to_address: Mapped[str] = mapped_column(String(255))
    template: Mapped[str] = mapped_column(String(50))
    context: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    subject: Mapped[str] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(20))
    """`outbox`: nothing to send with was set when it was due."""
    message_id: Mapped[str] = mapped_column(String(320), unique=True)
    attempts: Mapped[int] = mapped_column(server_default="0")
    last_error: Mapped[str | None] = mapped_column(String(100))
    """A stable code, never what the mail server said."""
    leased_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    """When a mail server last took it."""
