from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from tms.http import policy
from tms.http.answers import Answer
from tms.http.caller import Caller
from tms.http.idempotency import IdempotentRoute
from tms.http.parameters import PathId
from tms.http.sessions import ReadSession, WriteSession
from tms.operations import cancelling, queries, watching
from tms.operations.schemas import JobOut

_STARTED = policy.Sight("administrators all, trainers what they started", trainer=policy.Reach.OWN)
POLICY = [
    policy.line("GET", "/jobs/{job_id}", policy.STAFF, _STARTED),
    policy.line("GET", "/jobs/{job_id}/events", policy.STAFF, _STARTED),
    policy.line("POST", "/jobs/{job_id}/cancel", policy.STAFF, _STARTED),
]

router = APIRouter(prefix="/jobs", tags=["operations"], route_class=IdempotentRoute)


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
    return StreamingResponse(
        watching.events(job_id, caller, request.state.recheck), media_type="text/event-stream"
    )


@router.post("/{job_id}/cancel")
async def cancel_job(job_id: PathId, caller: Caller, session: WriteSession) -> Answer[JobOut]:
    """Stop long work within seconds, wherever it goes on; it ends as `failed` with the code `cancelled`."""
    return Answer(data=JobOut.model_validate(dict(await cancelling.cancel(session, job_id, caller))))
