from fastapi import APIRouter, Response

from tms.content import shapes
from tms.content.schemas import PlanIn
from tms.http import policy
from tms.http.answers import Answer, set_etag
from tms.http.bodies import StrictRoute
from tms.http.caller import Caller
from tms.http.parameters import PathId
from tms.http.sessions import ReadSession
from tms.students import previews
from tms.students.preview_schemas import PreviewOut

POLICY = [
    policy.line(
        "POST",
        "/uploads/{upload_id}/preview",
        policy.STAFF,
        policy.Sight(
            "administrators every course, trainers those they are named on, with the students of their batches",
            trainer=policy.Reach.OWN,
        ),
    )
]

router = APIRouter(tags=["content"], route_class=StrictRoute)


@router.post("/uploads/{upload_id}/preview")
async def preview_upload(
    upload_id: PathId, body: PlanIn, caller: Caller, session: ReadSession, response: Response
) -> Answer[PreviewOut]:
    """What `apply` with the same body would do: each section kept, changed, moved, added or removed, and whom it touches.

    Changes nothing. `ETag` is the course's version: sent as `If-Match` with `apply`, what was shown is what is done.
    """
    answer, version = await previews.preview(session, upload_id, shapes.decision(body), caller)
    set_etag(response, version)
    return Answer(data=answer)
