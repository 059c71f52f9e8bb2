"""The audit log: one line for each change, written in the transaction that makes it."""

from typing import Any
from uuid import UUID

from pydantic.alias_generators import to_camel
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tms.operations.models import AuditEntry
from tms.platform import client, logs

PERSONAL = frozenset({"firstName", "lastName", "email", "phone"})
"""Fields of which the log keeps no values, whoever tells them."""


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
            changes=_told(changes or {}),
            request_id=logs.request_id.get(),
            address=client.address.get(),
        )
    )


def _told(changes: dict[str, Any]) -> dict[str, Any]:
    """Spelled as the API spells fields."""
    named = {to_camel(name): value for name, value in changes.items()}
    return {name: True if name in PERSONAL else value for name, value in named.items()}
