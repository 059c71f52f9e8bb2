from typing import Literal
from uuid import UUID

from tms.platform.schemas import Instant, Schema

Template = Literal[
    "welcome", "password_reset_by_admin", "password_reset_link", "password_changed", "courses_assigned"
]
Status = Literal["queued", "sent", "failed", "outbox"]


class EmailOut(Schema):
    """An e-mail in the list. `outbox`: there was nothing to send it with; it can be read here, and sent later."""

    id: UUID
    to: str
    template: str
    subject: str
    status: Status
    created_at: Instant
    sent_at: Instant | None


class EmailDetail(EmailOut):
    """An e-mail with its bodies as they would read now; `lastError` is a stable code such as `smtp_550`."""

    attempts: int
    last_error: str | None
    text: str
    html: str
