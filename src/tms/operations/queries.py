from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.operations.models import AuditEntry, Job
from tms.platform.caller import Caller
from tms.platform.errors import NotFoundError
from tms.platform.paging import AnySelect


async def job(session: AsyncSession, job_id: UUID, caller: Caller) -> RowMapping:
    """One piece of long work: administrators see all, others what they started; else `NotFoundError`."""
    statement = select(Job.__table__).where(Job.id == job_id)
    if not caller.is_admin:
        statement = statement.where(Job.created_by == caller.id)
    row = (await session.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFoundError
    return row


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which lines of the audit log are wanted; none of them set: all. `since` belongs to the span, `before` does not."""

    actor: UUID | None = None
    action: str | None = None
    object_type: str | None = None
    object_id: UUID | None = None
    since: datetime | None = None
    before: datetime | None = None


def audit_entries(wanted: AuditFilter) -> AnySelect:
    """The lines of the audit log, without an order; who may read them is an administrator, which the policy says."""
    statement: AnySelect = select(AuditEntry.__table__)
    if wanted.actor is not None:
        statement = statement.where(AuditEntry.actor_id == wanted.actor)
    if wanted.action is not None:
        statement = statement.where(AuditEntry.action == wanted.action)
    if wanted.object_type is not None:
        statement = statement.where(AuditEntry.object_type == wanted.object_type)
    if wanted.object_id is not None:
        statement = statement.where(AuditEntry.object_id == wanted.object_id)
    if wanted.since is not None:
        statement = statement.where(AuditEntry.at >= wanted.since)
    if wanted.before is not None:
        statement = statement.where(AuditEntry.at < wanted.before)
    return statement
