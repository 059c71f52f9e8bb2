from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from tms.content import formats, receiving, service, sights, sizes
from tms.content.schemas import UploadOut
from tms.http import bodies, policy
from tms.http.answers import PROBLEMS, Answer
from tms.http.caller import Caller
from tms.http.parameters import PathId
from tms.platform import limits
from tms.platform.schemas import Id

POLICY = [
    policy.line(
        "POST",
        "/courses/{course_id}/upload-content",
        policy.STAFF,
        sights.ADDERS,
        max_bytes=sizes.FORM_BYTES,
        limit=limits.UPLOADS,
    ),
]
router = APIRouter(tags=["content"])


@router.post(
    "/courses/{course_id}/upload-content",
    responses={
        202: {"model": Answer[UploadOut], "description": "Received; the document is being read"},
        415: {**PROBLEMS[422], "description": "A kind of file that TMS does not read"},
    },
    openapi_extra=bodies.form_with_file(
        "At most 200 MiB, videos and sounds at most 2,000 MiB; a file that ends in "
        f"{', '.join(formats.accepted_suffixes())}."
    ),
)
async def upload_content(
    course_id: PathId,
    caller: Caller,
    request: Request,
    response: Response,
    mode: Annotated[Literal["apply", "review"], Query()] = "apply",
    replaces: Annotated[Id | None, Query(description="The upload of which this is a new edition.")] = None,
) -> Answer[UploadOut]:
    """Make sections of a document: one for each first-level heading, appended in order, or none at all.

    Answers 202 when that takes longer than some seconds. The same document again changes nothing. `mode=review` stops at
    an outline that waits seven days for `POST /uploads/{id}/apply`; so does `replaces`, for a new edition.
    """
    purpose = service.Purpose(review=mode == "review" or replaces is not None, replaces=replaces)
    await service.check_open(course_id, caller, purpose)
    async with receiving.received(
        request.headers.get("content-type", ""), bodies.stream(request)
    ) as received:
        outcome = await service.upload(received, course_id=course_id, caller=caller, purpose=purpose)
    if not outcome.is_read:
        response.status_code = 202
    return Answer(data=_out(outcome), message=_message(outcome))


def _out(outcome: service.Outcome) -> UploadOut:
    row = outcome.row
    return UploadOut(
        upload_id=row["id"],
        job_id=row["job_id"],
        file_name=row["file_name"],
        file_size=row["size"],
        processing_status=row["status"] if outcome.is_read else "processing",
        extracted_sections=outcome.sections,
        warnings=row["warnings"],
    )


def _message(outcome: service.Outcome) -> str:
    if not outcome.is_read:
        return "File uploaded; it is being read"
    if outcome.row["status"] == "needs_review":
        return "File uploaded and read; its outline waits to be applied"
    if outcome.repeated:
        return "This document is in the course already; nothing was changed"
    return "File uploaded and processed successfully"
