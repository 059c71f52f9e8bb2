from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from tms.content import arrivals, formats, queries, service
from tms.content.arrivals import UPLOAD_BYTES
from tms.content.errors import MediaNotFoundError
from tms.content.schemas import UploadOut
from tms.courses.html import MEDIA_PATH
from tms.http import policy
from tms.http.answers import PROBLEMS, Answer
from tms.http.bodies import chunks
from tms.http.caller import Caller
from tms.http.parameters import PathId
from tms.http.sessions import ReadSession
from tms.platform import limits, signing, storage
from tms.platform.schemas import Id

POLICY = [
    policy.line(
        "POST",
        "/courses/{course_id}/upload-content",
        policy.STAFF,
        policy.Sight(
            "administrators every course, trainers those they are named on",
            trainer=policy.Reach.OWN,
            reads=policy.Reach.RELATED,
        ),
        max_bytes=UPLOAD_BYTES,
        limit=limits.UPLOADS,
    ),
    policy.line(
        "GET", "/media/{media_id}", policy.PUBLIC, "whoever was given a signed address, for five minutes"
    ),
]
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": f"A document, at most 50 MiB: {', '.join(formats.accepted_suffixes())}.",
                        }
                    },
                }
            }
        },
    }
}
# Drawings are documents of their own when they are opened alone; then they may neither run nor fetch anything.
_DRAWING_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'"

router = APIRouter(tags=["content"])


@router.post(
    "/courses/{course_id}/upload-content",
    responses={
        202: {"model": Answer[UploadOut], "description": "Received; the document is being read"},
        415: {**PROBLEMS[422], "description": "A kind of file that TMS does not read"},
    },
    openapi_extra=_FORM,
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
    async with arrivals.received(request.headers.get("content-type", ""), chunks(request)) as form:
        outcome = await service.upload(form.file, course_id=course_id, caller=caller, purpose=purpose)
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


@router.get(
    "/media/{media_id}",
    response_class=StreamingResponse,
    responses={200: {"content": {"image/*": {}}}, 304: {"description": "Not changed since it was read"}},
)
async def get_media(
    media_id: PathId,
    session: ReadSession,
    signature: Annotated[str, Query(max_length=200)] = "",
    if_none_match: Annotated[str, Header(max_length=500)] = "",
) -> Response:
    """A picture of a section, by the signed address that reading the section gave."""
    if not signing.is_signed(f"{MEDIA_PATH}{media_id}", signature):
        raise MediaNotFoundError
    found = await queries.media(session, media_id)
    headers = {
        "ETag": f'"{found["sha256"]}"',
        "Cache-Control": f"private, max-age={signing.LIFETIME_SECONDS}, immutable",
        "Content-Disposition": "inline",
        # The signed address is the permission; a front end of another origin shows the pictures too.
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if found["media_type"] == "image/svg+xml":
        headers["Content-Security-Policy"] = _DRAWING_POLICY
    if headers["ETag"] in if_none_match:
        return Response(status_code=304, headers=headers)
    chunks = storage.read(found["storage_key"])
    try:
        first = await anext(chunks, b"")
    except storage.MissingObjectError as error:
        raise MediaNotFoundError from error
    headers["Content-Length"] = str(found["size"])
    return StreamingResponse(_all(first, chunks), headers=headers, media_type=found["media_type"])


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
