import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from tms.http import policy
from tms.http.answers import Answer
from tms.http.caller import Caller
from tms.http.parameters import PathId
from tms.http.sessions import ReadSession
from tms.operations import queries
from tms.operations.schemas import JobOut
from tms.platform import db
from tms.platform.errors import DomainError

_STARTED = policy.Sight("administrators all, trainers what they started", trainer=policy.Reach.OWN)
POLICY = [
    policy.line("GET", "/jobs/{job_id}", policy.STAFF, _STARTED),
    policy.line("GET", "/jobs/{job_id}/events", policy.STAFF, _STARTED),
]
LOOK_EVERY_SECONDS = 0.5
RECHECK_EVERY_LOOKS = 5
"""With the two seconds for which a status is believed, whoever is disabled is out within five."""
QUIET_LOOKS = 30
"""So many looks without news end in a comment, which keeps proxies from closing the line."""

router = APIRouter(prefix="/jobs", tags=["operations"])


@router.get("/{job_id}")
async def get_job(job_id: PathId, caller: Caller, session: ReadSession) -> Answer[JobOut]:
    """Long work: its state, how far it is (0 to 1), and its result or what to do about its failure."""
    return Answer(data=JobOut.model_validate(dict(await queries.job(session, job_id, caller))))


@router.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def watch_job(
    job_id: PathId, caller: Caller, request: Request, session: ReadSession
) -> StreamingResponse:
    """The same as server-sent events: one `progress` event whenever something changed, until the work has ended."""
    await queries.job(session, job_id, caller)
    return StreamingResponse(_events(job_id, request), media_type="text/event-stream")


async def _events(job_id: UUID, request: Request) -> AsyncIterator[str]:
    """A stream outlives the request's session, so it opens its own; it rechecks the caller every 2.5 s."""
    last = ""
    looks = 0
    while True:
        looks += 1
        try:
            if looks % RECHECK_EVERY_LOOKS == 0:
                await request.state.recheck()
            async with db.reading() as session:
                row = await queries.job(session, job_id, request.state.caller)
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
