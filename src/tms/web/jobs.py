"""Jobs of the pages."""

from tms.platform import db, queue
from tms.web import sessions


@queue.job("web.forget_sessions", periodic="41 3 * * *")
async def forget_sessions(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """Once a day: sessions that are long over."""
    async with db.transaction() as session:
        await sessions.forget_old(session)
