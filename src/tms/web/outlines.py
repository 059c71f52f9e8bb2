"""An outline that waits, in an editor's hands: looked over, put beside the course, applied or discarded."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import outlines, reviews, shapes, sights
from tms.content import queries as content
from tms.content.errors import NothingLeftError, NotWaitingError, PlanError
from tms.content.pieces import Row
from tms.content.schemas import PlanIn, UploadDetail
from tms.courses import html as lesson_html
from tms.http import policy
from tms.http.parameters import PathId
from tms.http.sessions import ReadSession, WriteSession
from tms.platform.errors import PreconditionFailedError
from tms.students import previews
from tms.web import outline_form, page_form, rendering
from tms.web.errors import LessonNotFoundError
from tms.web.outline_form import OUTLINE_BYTES, Fields
from tms.web.page_form import Line
from tms.web.sessions import Visitor
from tms.web.visitor import FORM_BYTES, PostingStaff, StaffVisitor

UPLOAD = "/staff/uploads/{upload_id}"
EDITORS = sights.EDITORS.phrase
POLICY = [
    policy.Line("GET", f"{UPLOAD}/lessons/{{place}}", policy.PUBLIC, EDITORS),
    policy.Line("POST", f"{UPLOAD}/difference", policy.PUBLIC, EDITORS, max_bytes=OUTLINE_BYTES),
    policy.Line("POST", f"{UPLOAD}/apply", policy.PUBLIC, EDITORS, max_bytes=OUTLINE_BYTES),
    policy.Line("POST", f"{UPLOAD}/discard", policy.PUBLIC, EDITORS, max_bytes=FORM_BYTES),
]

router = APIRouter(include_in_schema=False)


@router.get(f"{UPLOAD}/lessons/{{place}}")
async def lesson(
    request: Request,
    upload_id: PathId,
    place: Annotated[int, Path(ge=1, le=2000)],
    visitor: StaffVisitor,
    session: ReadSession,
) -> HTMLResponse:
    """A lesson of an outline as it would be read, with the places at which its pages begin."""
    row = await content.editable(session, upload_id, visitor.caller)
    outline = await content.outline(session, upload_id)
    if place > len(outline):
        raise LessonNotFoundError("Its outline does not wait any more, or never had this lesson.")
    found = outline[place - 1]
    return rendering.page(
        request,
        "outline_lesson.html",
        visitor,
        upload=shapes.listed(row),
        course_title=row["course_title"],
        place=place,
        lessons=len(outline),
        lesson=found,
        parts_of_it=await asyncio.to_thread(_by_pages, found),
    )


def _by_pages(row: RowMapping) -> list[tuple[int | None, str]]:
    """The lesson's HTML from page to page, each with the page that begins there."""
    found = Row.of(row)
    begins = [part for part, one in enumerate(found.beginnings, start=1) if one.begins_page]
    ends = [*(begin - 1 for begin in begins), len(found.beginnings)]
    return [
        (found.page_of(begin), lesson_html.sanitise(found.slice(begin, end)))
        for begin, end in zip([0, *begins], ends, strict=True)
    ]


@router.post(f"{UPLOAD}/difference")
async def difference(
    request: Request, upload_id: PathId, visitor: StaffVisitor, session: ReadSession
) -> HTMLResponse:
    """What applying the outline would change in the course, and whom it touches; nothing is changed yet."""
    asked = await _asked(session, upload_id, visitor, await outline_form.fields(request, visitor))
    try:
        plan = asked.plan()
        preview, version = await previews.preview(session, upload_id, shapes.decision(plan), visitor.caller)
    except (PlanError, NothingLeftError) as error:
        return asked.again(request, visitor, error)
    return rendering.page(
        request,
        "difference.html",
        visitor,
        upload=shapes.listed(asked.row),
        course_title=asked.row["course_title"],
        course_version=version,
        preview=preview,
        plan=plan.model_dump_json(by_alias=True),
    )


@router.post(f"{UPLOAD}/apply")
async def apply(
    request: Request, upload_id: PathId, visitor: StaffVisitor, session: WriteSession
) -> Response:
    """Make sections of the outline, or go back to it; a form that is sent twice leads to what the first one did."""
    asked = await _asked(session, upload_id, visitor, await outline_form.fields(request, visitor))
    if asked.row["status"] != "completed":
        try:
            plan = asked.plan()
            if outline_form.first(asked.form, "back"):
                return asked.back(request, visitor, plan)
            plan = outline_form.with_choices(plan, asked.form)
            await reviews.apply(
                session,
                upload_id,
                shapes.decision(plan),
                caller=visitor.caller,
                expected=_version(asked.form),
            )
        except (PlanError, NothingLeftError) as error:
            return asked.again(request, visitor, error)
    return RedirectResponse(UPLOAD.format(upload_id=upload_id), 303)


@router.post(f"{UPLOAD}/discard")
async def discard(upload_id: PathId, visitor: PostingStaff, session: WriteSession) -> RedirectResponse:
    """Give the outline up."""
    row = await content.editable(session, upload_id, visitor.caller)
    await outlines.discard(session, upload_id, visitor.caller)
    return RedirectResponse(f"/staff/courses/{row['course_id']}", 303)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A form of an outline, and the upload that it is about."""

    row: RowMapping
    upload: UploadDetail
    form: Fields

    @property
    def by_pages(self) -> bool:
        """Whether its lessons are told by pages."""
        return outline_form.first(self.form, "by") == "pages"

    def plan(self) -> PlanIn:
        """What the form wants; raises `PlanError`."""
        if self.by_pages:
            return page_form.plan(self.form, self.upload.pages)
        return outline_form.plan(self.form, self.upload.outline)

    def again(self, request: Request, visitor: Visitor, error: PlanError | NothingLeftError) -> HTMLResponse:
        """The form as it was sent, with what is wrong."""
        if not self.by_pages or self.upload.pages is None:
            faults = [one.message for one in error.fields] or [error.detail]
            return by_headings(request, visitor, self.row, self.upload, self.form, faults=faults, status=422)
        lines, faults = page_form.with_errors(page_form.lines(self.form), error)
        rest = outline_form.first(self.form, "rest") == "skip"
        return by_pages(
            request, visitor, self.row, self.upload, lines, faults=faults, skips_rest=rest, status=422
        )

    def back(self, request: Request, visitor: Visitor, plan: PlanIn) -> HTMLResponse:
        """The form of which the plan was made, to be changed."""
        if any(piece.row is None for lesson in plan.lessons or () for piece in lesson.pieces):
            lines = page_form.lines_of(plan)
            return by_pages(request, visitor, self.row, self.upload, lines, skips_rest=bool(plan.skip))
        form = outline_form.fields_of(plan, self.upload.outline)
        return by_headings(request, visitor, self.row, self.upload, form)


def by_headings(
    request: Request,
    visitor: Visitor,
    row: RowMapping,
    upload: UploadDetail,
    form: Fields,
    *,
    faults: Sequence[str] = (),
    status: int = 200,
) -> HTMLResponse:
    """The page on which an outline is put right, filled in as the form says."""
    return rendering.page(
        request,
        "outline.html",
        visitor,
        status=status,
        upload=upload,
        course_title=row["course_title"],
        rows=outline_form.filled(form, upload.outline, page_form.word(upload.file_name)),
        faults=faults,
    )


def by_pages(
    request: Request,
    visitor: Visitor,
    row: RowMapping,
    upload: UploadDetail,
    lines: Sequence[Line],
    *,
    faults: Sequence[str] = (),
    skips_rest: bool = False,
    status: int = 200,
) -> HTMLResponse:
    """The page on which lessons are made of pages, with these lines."""
    return rendering.page(
        request,
        "outline_pages.html",
        visitor,
        status=status,
        upload=upload,
        course_title=row["course_title"],
        rows=outline_form.filled({}, upload.outline, page_form.word(upload.file_name)),
        lines=[*lines, *[Line()] * page_form.SPARE],
        faults=faults,
        skips_rest=skips_rest,
    )


async def _asked(session: AsyncSession, upload_id: UUID, visitor: Visitor, form: Fields) -> _Asked:
    row = await content.editable(session, upload_id, visitor.caller)
    if row["status"] not in {"needs_review", "completed"}:
        raise NotWaitingError
    outline = await content.outline(session, upload_id)
    return _Asked(row, await asyncio.to_thread(shapes.detail, row, outline, []), form)


def _version(form: Fields) -> int | None:
    """The course's version that the form was made for; none where nothing was compared."""
    told = outline_form.first(form, "version")
    if not told:
        return None
    if not told.isascii() or not told.isdigit() or len(told) > 9:
        raise PreconditionFailedError
    return int(told)
