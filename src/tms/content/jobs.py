"""Uploads that a request did not bring to their end, and what storage holds that nobody refers to."""

from uuid import UUID

from sqlalchemy import select

from tms.content import leftovers, processing
from tms.content.models import Upload
from tms.content.queries import UNFINISHED
from tms.platform import clock, db, queue


@queue.job("content.process", retry=queue.PATIENT)
async def process(upload_id: str) -> None:
    """Bring an upload to its end, unless that has happened or somebody is at it."""
    await processing.step(UUID(upload_id))


@queue.job("content.resume", periodic="*/5 * * * *")
async def resume(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """Uploads whose worker died, and those whose job was lost, get a job again."""
    async with db.transaction() as session:
        statement = select(Upload.id).where(
            Upload.status.in_(UNFINISHED),
            (Upload.leased_until < clock.db_now())
            | (Upload.leased_until.is_(None) & (Upload.created_at < clock.db_now() - processing.LEASE)),
        )
        for upload_id in (await session.execute(statement)).scalars().all():
            await queue.enqueue(
                session, "content.process", unique=f"content.process:{upload_id}", upload_id=str(upload_id)
            )


@queue.job("content.sweep", periodic="17 3 * * *")
async def sweep(timestamp: int) -> None:  # noqa: ARG001 - as above
    """Once a day: pictures that no section names, and files in storage that nobody refers to, a day after they were."""
    await leftovers.sweep_media()
    await leftovers.sweep_storage()
