from typing import Any, Literal
from uuid import UUID

from tms.platform.schemas import Instant, Schema


class JobError(Schema):
    """Why long work failed: a stable code and what to do."""

    code: str
    detail: str


class JobOut(Schema):
    """Long work as people watch it; `progress` runs from 0 to 1."""

    id: UUID
    kind: str
    state: Literal["queued", "running", "succeeded", "failed"]
    progress: float
    message: str | None
    result: dict[str, Any] | None
    error: JobError | None
    created_at: Instant
    updated_at: Instant
