"""Uploads that a request did not bring to their end, and what storage holds that nobody refers to."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import leases, leftovers, outlines, processing, queries
from tms.content.models import Upload
from tms.content.queries import UNFINISHED
from tms.platform import clock, db, queue

A_MOMENT = timedelta(seconds=1)
LOST_AFTER = timedelta(minutes=1)
"""An upload that nobody has begun by then has lost its job: the first one comes 20 seconds after the request."""


@queue.job("content.process", retry=queue.PATIENT)
async def process(upload_id: str) -> None:
    """Bring an upload to its end, unless that has happened; where somebody else is at it, look again soon."""
    await processing.step(UUID(upload_id))
    async with db.transaction() as session:
        row = await queries.upload(session, UUID(upload_id))
        if row is not None and row["status"] in UNFINISHED:
            await _enqueue(session, upload_id, after=leases.LEASE + A_MOMENT)


async def _enqueue(session: AsyncSession, upload_id: str, *, after: timedelta | None = None) -> None:
    unique = f"content.process:{upload_id}"
    await queue.enqueue(session, "content.process", unique=unique, after=after, upload_id=upload_id)


@queue.job("content.resume", periodic="* * * * *")
async def resume(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """Uploads whose worker died, and those whose job was lost, get a job again."""
    async with db.transaction() as session:
        statement = select(Upload.id).where(
            Upload.status.in_(UNFINISHED),
            (Upload.leased_until < clock.db_now())
            | (Upload.leased_until.is_(None) & (Upload.created_at < clock.db_now() - LOST_AFTER)),
        )
        for upload_id in (await session.execute(statement)).scalars().all():
            await _enqueue(session, str(upload_id))


@queue.job("content.sweep", periodic="17 3 * * *")
async def sweep(timestamp: int) -> None:  # noqa: ARG001 - as above
    """Once a day: outlines that nobody applied in time, pictures that no section names, and files in storage that nobody refers to, a day after they were."""
    async with db.transaction() as session:
        await outlines.forget_expired(session)
    await leftovers.sweep_media()
    await leftovers.sweep_storage()
