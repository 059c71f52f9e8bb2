"""What batches do on their own."""

from tms.batches import queries, service
from tms.platform import db, queue


@queue.job("batches.catch_up", periodic="17 * * * *")
async def catch_up(timestamp: int = 0) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """Give members the courses of their batches that they went without, each batch in its own transaction.

    That happens when a course is archived while somebody joins and published again later; whoever publishes it again
    may enqueue this job at once.
    """
    async with db.reading() as session:
        batches = await queries.with_gaps(session)
    for batch_id in batches:
        async with db.transaction() as session:
            await service.catch_up(session, batch_id)
