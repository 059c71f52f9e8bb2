"""The audit log: one line for each change, written in the transaction that makes it."""

from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tms.operations.models import AuditEntry
from tms.platform import logs


async def record(
    session: AsyncSession,
    *,
    actor: UUID | None,
    action: str,
    object_type: str,
    object_id: UUID | None,
    changes: dict[str, Any] | None = None,
) -> None:
    """Note that `actor` (none: the system) did `action`, such as `student.enrolled`, to one thing.

    `changes` holds before and after of changed fields; of personal ones (name, address, phone) only the field's name.
    """
    await session.execute(
        insert(AuditEntry).values(
            actor_id=actor,
            action=action,
            object_type=object_type,
            object_id=object_id,
            changes=changes or {},
            request_id=logs.request_id.get(),
        )
    )
