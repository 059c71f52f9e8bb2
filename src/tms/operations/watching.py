"""Long work watched while it goes on: server-sent events (WHATWG HTML, 9.2) for the API and for pages."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

from tms.operations import queries
from tms.operations.schemas import JobOut
from tms.operations.service import LOOK_EVERY_SECONDS
from tms.platform import db
from tms.platform.caller import Caller
from tms.platform.errors import DomainError

RECHECK_EVERY_LOOKS = 5
"""With the two seconds for which a status is believed, whoever is disabled is out within five."""
QUIET_LOOKS = 30
"""So many looks without news end in a comment, which keeps proxies from closing the line."""


async def events(
    job_id: UUID, caller: Caller, recheck: Callable[[], Awaitable[object]]
) -> AsyncIterator[str]:
    """One `progress` event whenever something changed, until the work has ended.

    A stream outlives the request's session, so it opens its own; every 2.5 s `recheck` asks whether the caller may still
    see this, and raises a `DomainError` where not.
    """
    last = ""
    looks = 0
    while True:
        looks += 1
        try:
            if looks % RECHECK_EVERY_LOOKS == 0:
                await recheck()
            async with db.reading() as session:
                row = await queries.job(session, job_id, caller)
        except DomainError:
            return
        job = JobOut.model_validate(dict(row))
        data = job.model_dump_json(by_alias=True)
        if data != last:
            yield f"event: progress\ndata: {data}\n\n"
            last = data
        elif looks % QUIET_LOOKS == 0:
            yield ": still here\n\n"
        if job.state in {"succeeded", "failed"}:
            return
        await asyncio.sleep(LOOK_EVERY_SECONDS)
