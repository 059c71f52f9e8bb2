from typing import Any, Literal
from uuid import UUID

from pydantic import Field

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


class AuditEntryOut(Schema):
    """Who did what to which thing. `changes` has before and after of changed fields, of personal ones only the name."""

    id: int
    at: Instant
    actor_id: UUID | None = Field(description="Null: the system itself.")
    actor_name: str | None
    action: str = Field(examples=["course.published"])
    object_type: str = Field(examples=["course"])
    object_id: UUID | None
    changes: dict[str, Any]
    request_id: str | None = Field(description="The `X-Request-Id` of the answer.")
    address: str | None = Field(
        description="The client's network address, as far as trusted proxies tell it."
    )
