"""An outline that waits, in an editor's hands: looked over, put beside the course, applied or discarded."""

import asyncio
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import outlines, reviews, shapes
from tms.content import queries as content
from tms.content.errors import NotWaitingError
from tms.content.schemas import PlanIn
from tms.http import policy
from tms.http.parameters import PathId
from tms.http.sessions import ReadSession, WriteSession
from tms.platform.errors import PreconditionFailedError
from tms.students import previews
from tms.web import outline_form, rendering
from tms.web.documents import EDITORS, UPLOAD
from tms.web.outline_form import OUTLINE_BYTES, Fields
from tms.web.sessions import Visitor
from tms.web.visitor import FORM_BYTES, PostingStaff, StaffVisitor

POLICY = [
    policy.Line("POST", f"{UPLOAD}/difference", policy.PUBLIC, EDITORS, max_bytes=OUTLINE_BYTES),
    policy.Line("POST", f"{UPLOAD}/apply", policy.PUBLIC, EDITORS, max_bytes=OUTLINE_BYTES),
    policy.Line("POST", f"{UPLOAD}/discard", policy.PUBLIC, EDITORS, max_bytes=FORM_BYTES),
]

router = APIRouter(include_in_schema=False)


@router.post(f"{UPLOAD}/difference")
async def difference(
    request: Request, upload_id: PathId, visitor: StaffVisitor, session: ReadSession
) -> HTMLResponse:
    """What applying the outline would change in the course, and whom it touches; nothing is changed yet."""
    form = await outline_form.fields(request, visitor)
    row, plan = await _asked(session, upload_id, visitor, form)
    preview, version = await previews.preview(session, upload_id, shapes.decision(plan), visitor.caller)
    return rendering.page(
        request,
        "difference.html",
        visitor,
        upload=shapes.listed(row),
        course_title=row["course_title"],
        course_version=version,
        preview=preview,
        plan=plan.model_dump_json(by_alias=True),
    )


@router.post(f"{UPLOAD}/apply")
async def apply(
    request: Request, upload_id: PathId, visitor: StaffVisitor, session: WriteSession
) -> RedirectResponse:
    """Make sections of the outline; a form that is sent twice leads to what the first one did."""
    form = await outline_form.fields(request, visitor)
    row, plan = await _asked(session, upload_id, visitor, form)
    if row["status"] != "completed":
        await reviews.apply(
            session,
            upload_id,
            shapes.decision(outline_form.with_choices(plan, form)),
            caller=visitor.caller,
            expected=_version(form),
        )
    return RedirectResponse(UPLOAD.format(upload_id=upload_id), 303)


@router.post(f"{UPLOAD}/discard")
async def discard(upload_id: PathId, visitor: PostingStaff, session: WriteSession) -> RedirectResponse:
    """Give the outline up."""
    row = await content.editable(session, upload_id, visitor.caller)
    await outlines.discard(session, upload_id, visitor.caller)
    return RedirectResponse(f"/staff/courses/{row['course_id']}", 303)


async def _asked(
    session: AsyncSession, upload_id: UUID, visitor: Visitor, form: Fields
) -> tuple[RowMapping, PlanIn]:
    """The upload, and the plan that the form holds for it."""
    row = await content.editable(session, upload_id, visitor.caller)
    if row["status"] not in {"needs_review", "completed"}:
        raise NotWaitingError
    rows = await asyncio.to_thread(shapes.outline, await content.outline(session, upload_id))
    return row, outline_form.plan(form, rows)


def _version(form: Fields) -> int | None:
    """The course's version that the form was made for; none where nothing was compared."""
    told = outline_form.first(form, "version")
    if not told:
        return None
    if not told.isascii() or not told.isdigit() or len(told) > 9:
        raise PreconditionFailedError
    return int(told)
