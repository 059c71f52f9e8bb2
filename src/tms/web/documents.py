"""An editor's documents: uploaded to a course, watched while they are read, cancelled; and what became of them."""

import asyncio
from contextlib import suppress
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from pydantic import TypeAdapter, ValidationError

from tms.content import originals, receiving, service, shapes, sizes
from tms.content import queries as content
from tms.content.errors import NoSuchEditionError
from tms.content.service import Purpose
from tms.http import files, policy
from tms.http.bodies import stream
from tms.http.parameters import PathId
from tms.http.sessions import ReadSession, WriteSession
from tms.operations import cancelling, watching
from tms.operations import queries as operations
from tms.operations.errors import WorkEndedError
from tms.platform import limits
from tms.platform.schemas import Id
from tms.web import outlines, page_form, rendering
from tms.web import visitor as door
from tms.web.outlines import EDITORS, UPLOAD
from tms.web.visitor import FORM_BYTES, PostingStaff, StaffVisitor

STARTERS = "administrators all, trainers what they started"
POLICY = [
    policy.Line(
        "POST",
        "/staff/courses/{course_id}/uploads",
        policy.PUBLIC,
        EDITORS,
        max_bytes=sizes.FORM_BYTES,
    ),
    policy.Line("GET", UPLOAD, policy.PUBLIC, EDITORS),
    policy.Line("GET", f"{UPLOAD}/original", policy.PUBLIC, EDITORS),
    policy.Line("GET", "/staff/jobs/{job_id}/events", policy.PUBLIC, STARTERS),
    policy.Line("POST", "/staff/jobs/{job_id}/cancel", policy.PUBLIC, STARTERS, max_bytes=FORM_BYTES),
]
_EDITION = "edition:"
_ID: TypeAdapter[UUID] = TypeAdapter(Id)

router = APIRouter(include_in_schema=False)


def _address(upload_id: UUID) -> str:
    return UPLOAD.format(upload_id=upload_id)


def _purpose(chosen: str) -> Purpose:
    """`apply`, `review`, or `edition:<id>` of the upload that is replaced."""
    if not chosen.startswith(_EDITION):
        return Purpose(review=chosen != "apply")
    try:
        return Purpose(review=True, replaces=_ID.validate_python(chosen.removeprefix(_EDITION)))
    except ValidationError as error:
        raise NoSuchEditionError from error


@router.post("/staff/courses/{course_id}/uploads")
async def upload(request: Request, course_id: PathId, visitor: StaffVisitor) -> RedirectResponse:
    """Take a document and lead to the page where its reading can be watched."""
    door.check_origin(request)
    await service.check_open(course_id, visitor.caller)
    await limits.take(limits.UPLOADS, str(visitor.caller.id))
    async with receiving.received(request.headers.get("content-type", ""), stream(request)) as file:
        door.check_form(request, visitor, file.fields.get("csrf", ""))
        upload_id = await service.begin(
            file,
            course_id=course_id,
            caller=visitor.caller,
            purpose=_purpose(file.fields.get("purpose", "review")),
        )
    return RedirectResponse(_address(upload_id), 303)


@router.get(UPLOAD)
async def uploaded(
    request: Request,
    upload_id: PathId,
    visitor: StaffVisitor,
    session: ReadSession,
    by: Literal["headings", "pages"] = "headings",
    size: Annotated[int | None, Query(ge=1, le=1000)] = None,
) -> HTMLResponse:
    """Where a document stands: being read, an outline to look over, what was made of it, or why nothing was.

    `by` is how the outline is divided, `size` how many pages are proposed for a lesson.
    """
    row = await content.editable(session, upload_id, visitor.caller)
    outline = await content.outline(session, upload_id)
    sections = await content.sections_of(session, upload_id)
    detail = await asyncio.to_thread(shapes.detail, row, outline, sections)
    if detail.status == "needs_review":
        if by == "pages" and detail.pages is not None:
            return outlines.by_pages(request, visitor, row, detail, page_form.proposed(detail, size))
        return outlines.by_headings(request, visitor, row, detail, {})
    mine = visitor.caller.is_admin or row["created_by"] == visitor.caller.id
    reading = detail.status == "processing"
    job = await operations.job(session, row["job_id"], visitor.caller) if mine and reading else None
    return rendering.page(
        request,
        "upload.html",
        visitor,
        upload=detail,
        course_title=row["course_title"],
        job=job,
    )


@router.get(f"{UPLOAD}/original")
async def original(
    request: Request, upload_id: PathId, visitor: StaffVisitor, session: ReadSession
) -> Response:
    """The file as it was uploaded, to be saved; a browser sends its cookie, and no token, with this."""
    found = await originals.find(session, upload_id, visitor.caller)
    return await files.save(
        request,
        found.read,
        name=found.name,
        size=found.size,
        sha256=found.sha256,
        recheck=door.staff_again(request),
    )


@router.post("/staff/jobs/{job_id}/cancel")
async def cancel(job_id: PathId, visitor: PostingStaff, session: WriteSession) -> RedirectResponse:
    """Stop the reading; where that was too late, the page says what became of the document."""
    with suppress(WorkEndedError):
        await cancelling.cancel(session, job_id, visitor.caller)
    upload_id = await content.of_work(session, job_id)
    return RedirectResponse(_address(upload_id) if upload_id else "/staff/courses", 303)


@router.get("/staff/jobs/{job_id}/events")
async def events(
    request: Request, job_id: PathId, visitor: StaffVisitor, session: ReadSession
) -> StreamingResponse:
    """How far long work is, as server-sent events; a browser sends its cookie, and no token, with these."""
    await operations.job(session, job_id, visitor.caller)
    told = watching.events(job_id, visitor.caller, door.staff_again(request))
    return StreamingResponse(told, media_type="text/event-stream")
