from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.operations.models import Job
from tms.platform.caller import Caller
from tms.platform.errors import NotFoundError


async def job(session: AsyncSession, job_id: UUID, caller: Caller) -> RowMapping:
    """One piece of long work: administrators see all, others what they started; else `NotFoundError`."""
    statement = select(Job.__table__).where(Job.id == job_id)
    if not caller.is_admin:
        statement = statement.where(Job.created_by == caller.id)
    row = (await session.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFoundError
    return row
