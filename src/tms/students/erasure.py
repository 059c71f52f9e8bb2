"""Erasing a student: who they were goes, what was learnt stays with nobody's name on it.

T1 takes everything out of our tables and commits it with the job; from then on they cannot come in, and the address is
free. The step removes what lies outside, the account and the files. The job does both again a minute later, when every
request that was at work at the time has ended, and only then is the erasure done.
"""

import logging
from datetime import timedelta
from uuid import UUID

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tms.batches import service as batches
from tms.content import personal as content
from tms.identity import access, erasing
from tms.identity.errors import LeasedError, UserNotFoundError
from tms.identity.models import User
from tms.operations import audit, personal_data
from tms.platform import db, queue
from tms.platform.errors import UnavailableError
from tms.students.errors import StudentNotFoundError
from tms.students.models import Erasure

logger = logging.getLogger(__name__)

SETTLED_AFTER = timedelta(seconds=60)
"""Longer than any statement, lease or request that may have begun before."""


async def erase(student_id: UUID, *, by: UUID | None) -> bool:
    """Erase a student; false where the account is still to be removed, which the job goes on with.

    Raises `StudentNotFoundError`, for who was erased before too, and `StatusError` for who is staff by now.
    """
    async with db.transaction() as session:
        account_id = await _take_out(session, student_id, by=by)
    if account_id is not None:
        access.forget(account_id)
    try:
        await step(student_id)
    except (UnavailableError, LeasedError):
        logger.warning("an erasure goes on later", extra={"user": str(student_id)})
        return False
    return True


async def _take_out(session: AsyncSession, student_id: UUID, *, by: UUID | None) -> str | None:
    """T1. Batches are locked before the person, as whoever gives a seat does; gives back the account's id."""
    student = select(User.id).where(User.id == student_id, User.student_code.is_not(None))
    if (await session.execute(student)).first() is None:
        raise StudentNotFoundError
    await batches.lock_batches(session, student_id)
    try:
        account_id = await erasing.lock(session, student_id)
    except UserNotFoundError as error:
        raise StudentNotFoundError from error
    await _empty(session, student_id, by=by)
    await session.execute(
        insert(Erasure).values(user_id=student_id, requested_by=by).on_conflict_do_nothing()
    )
    await audit.record(
        session, actor=by, action="student.erased", object_type="user", object_id=student_id, changes={}
    )
    await queue.enqueue(session, "students.finish_erasure", after=SETTLED_AFTER, user_id=str(student_id))
    return account_id


async def _empty(session: AsyncSession, student_id: UUID, *, by: UUID | None) -> None:
    await batches.leave(session, student_id, by=by)
    await content.forget_file_names(session, student_id)
    await personal_data.erase(session, student_id)


async def step(student_id: UUID) -> bool:
    """Remove what lies outside of the tables: the account and the files; false while a file is still being read."""
    await erasing.remove_account(student_id)
    return await content.remove_files(student_id)


async def finish(student_id: UUID) -> None:
    """Remove what requests that were at work have still written, and note that nothing is left. Safe to repeat.

    Raises `ProviderUnavailableError` or `LeasedError` to be tried again.
    """
    async with db.reading() as session:
        still_open = select(Erasure.user_id).where(Erasure.user_id == student_id, Erasure.done_at.is_(None))
        if (await session.execute(still_open)).first() is None:
            return
    if not await step(student_id):
        raise LeasedError
    async with db.transaction() as session:
        await batches.lock_batches(session, student_id)
        await _empty(session, student_id, by=None)
        await session.execute(update(Erasure).where(Erasure.user_id == student_id).values(done_at=func.now()))


async def resume() -> None:
    """Enqueue what is open for longer than an hour: its job has used up its tries."""
    async with db.transaction() as session:
        late = Erasure.requested_at < func.now() - timedelta(hours=1)
        waiting = select(Erasure.user_id).where(Erasure.done_at.is_(None), late).limit(1000)
        for user_id in (await session.execute(waiting)).scalars().all():
            await queue.enqueue(
                session,
                "students.finish_erasure",
                unique=f"students.finish_erasure:{user_id}",
                user_id=str(user_id),
            )


async def replay(user_ids: list[UUID]) -> int:
    """Erase those again who come back with an older backup; gives their number. Who is not there is nobody's concern."""
    again = 0
    for user_id in user_ids:
        async with db.reading() as session:
            there = select(exists().where(User.id == user_id, User.status != "erased"))
            if not (await session.execute(there)).scalar_one():
                continue
        await erase(user_id, by=None)
        await finish(user_id)
        again += 1
    return again


async def erased(session: AsyncSession) -> list[UUID]:
    """The ids of all who were erased, in the order in which they were."""
    statement = select(Erasure.user_id).order_by(Erasure.requested_at, Erasure.user_id)
    return list((await session.execute(statement)).scalars())
