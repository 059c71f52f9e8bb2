"""Who is at work on an upload: a short lease, renewed by a heartbeat while the step is alive.

A process that dies stops beating, so that another one takes over within seconds; and a step whose upload was cancelled
or taken over learns it from its next beat, in whichever process it runs.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from sqlalchemy import RowMapping, Update, update
from sqlalchemy.exc import SQLAlchemyError

from tms.content import queries
from tms.content.models import Upload
from tms.platform import clock, db

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=20)
"""Ten beats: a busy machine may miss some."""
BEAT_SECONDS = 2.0


class LeaseLostError(Exception):
    """The upload was cancelled, or another worker took it over; what this one found out counts no more."""


async def take(upload_id: UUID) -> RowMapping | None:
    """Lease an upload that is not at its end and that nobody is at; none where there is nothing to do."""
    async with db.transaction() as session:
        statement = (
            update(Upload)
            .where(
                Upload.id == upload_id,
                Upload.status.in_(queries.UNFINISHED),
                Upload.leased_until.is_(None) | (Upload.leased_until < clock.db_now()),
            )
            .values(status="processing", leased_until=clock.db_now() + LEASE, attempts=Upload.attempts + 1)
            .returning(Upload.__table__)
        )
        row: RowMapping | None = (await session.execute(statement)).mappings().one_or_none()
        return row


def mine(upload: RowMapping) -> Update:
    """The row as long as it is leased to us."""
    return update(Upload).where(
        Upload.id == upload["id"], Upload.status == "processing", Upload.attempts == upload["attempts"]
    )


async def release(upload: RowMapping) -> None:
    """Whoever comes next need not wait for the lease to end."""
    async with db.transaction() as session:
        await session.execute(mine(upload).values(status="queued", leased_until=None))


@asynccontextmanager
async def beating(upload: RowMapping) -> AsyncIterator[None]:
    """Renew the lease while the body runs; once it is lost the body is cancelled and `LeaseLostError` raised."""
    try:
        async with asyncio.timeout(None) as body:
            heart = asyncio.create_task(_beat(upload, body))
            try:
                yield
            finally:
                heart.cancel()
                await asyncio.gather(heart, return_exceptions=True)
    except TimeoutError as error:
        if body.expired():
            raise LeaseLostError from error
        raise


async def _beat(upload: RowMapping, body: asyncio.Timeout) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        try:
            held = await _renew(upload)
        except SQLAlchemyError:
            # The work itself finds out what is the matter; without a beat the lease ends.
            logger.warning("a lease was not renewed", extra={"upload": str(upload["id"])})
            continue
        if not held:
            body.reschedule(asyncio.get_running_loop().time())
            return


async def _renew(upload: RowMapping) -> bool:
    async with db.transaction() as session:
        statement = mine(upload).values(leased_until=clock.db_now() + LEASE).returning(Upload.id)
        return (await session.execute(statement)).one_or_none() is not None
