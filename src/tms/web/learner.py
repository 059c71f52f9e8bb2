"""A learner's pages: my courses, an outline, a section to read. A trainer who learns has them too."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from tms.http import policy
from tms.http.parameters import PageQuery, PathId
from tms.http.sessions import ReadSession, WriteSession
from tms.platform import clock
from tms.platform.paging import PageRequest
from tms.progress import queries as progress
from tms.progress import service
from tms.progress.schemas import SectionMark
from tms.web import queries, rendering
from tms.web.errors import LessonNotFoundError
from tms.web.visitor import FORM_BYTES, PostingVisitor, Visitor

COURSE = "/my/courses/{course_id}"
SECTION = f"{COURSE}/sections/{{section_id}}"
MOST_SECONDS = 100_000_000

POLICY = [
    policy.Line("GET", "/my", policy.PUBLIC, "signed-in people: their own courses"),
    policy.Line("GET", COURSE, policy.PUBLIC, "signed-in people: a course of their own"),
    policy.Line("GET", f"{COURSE}/continue", policy.PUBLIC, "signed-in people: a course of their own"),
    policy.Line("GET", SECTION, policy.PUBLIC, "signed-in people: a section of a course of their own"),
    policy.Line(
        "POST",
        SECTION,
        policy.PUBLIC,
        "signed-in people: a section of a course of their own",
        max_bytes=FORM_BYTES,
    ),
    policy.Line(
        "POST",
        f"{SECTION}/time",
        policy.PUBLIC,
        "signed-in people: a section of a course of their own",
        max_bytes=FORM_BYTES,
    ),
]

router = APIRouter(include_in_schema=False)

SectionRow = Mapping[str, Any]


def _place(course: Mapping[str, Any], section_id: UUID) -> int:
    """Where the section stands in the outline; `LessonNotFoundError` where it does not."""
    for place, section in enumerate(course["sections"]):
        if section["section_id"] == str(section_id):
            return place
    raise LessonNotFoundError("This section was removed, or the link is an old one.")


def onward(sections: Sequence[SectionRow], place: int) -> SectionRow | None:
    """What to do after the section at `place`: the next one that is not done, else the first; none if all are."""
    open_ones = [*sections[place + 1 :], *sections[:place]]
    return next((section for section in open_ones if not section["completed"]), None)


def resume(course: Mapping[str, Any]) -> SectionRow | None:
    """Where to go on: the section last opened unless it is done, else what is to be done after it, else the first."""
    sections: Sequence[SectionRow] = course["sections"]
    if not sections:
        return None
    place = -1
    if course["resume"]:
        last = str(course["resume"]["section_id"])
        place = next((at for at, section in enumerate(sections) if section["section_id"] == last), -1)
        if place >= 0 and not sections[place]["completed"]:
            return sections[place]
    return onward(sections, place) or sections[0]


def _address(course_id: UUID, section: SectionRow) -> str:
    return f"/my/courses/{course_id}/sections/{section['section_id']}"


@router.get("/my")
async def my_courses(request: Request, visitor: Visitor, session: ReadSession, page: PageQuery) -> Response:
    """My courses, what is due first on top; staff without courses of their own are led to their own area."""
    figures = await queries.statistics(session, visitor.caller.id)
    wanted = PageRequest(limit=page.limit, cursor=page.cursor, sort="dueDate")
    found = await progress.mine(visitor.caller.id, wanted)
    if visitor.is_staff and not found.total and not page.cursor:
        return RedirectResponse("/staff", 303)
    now = await clock.now(session)
    courses = [
        {
            **row,
            "overdue": row["due_at"] is not None
            and row["due_at"] < now
            and row["status"] != "completed"
            and not row["waived"],
        }
        for row in found.rows
    ]
    return rendering.page(
        request,
        "my.html",
        visitor,
        figures=figures,
        open_courses=[course for course in courses if course["status"] != "completed"],
        completed_courses=[course for course in courses if course["status"] == "completed"],
        page=found,
        cursor=page.cursor,
    )


@router.get(COURSE)
async def my_course(
    request: Request, course_id: PathId, visitor: Visitor, session: ReadSession
) -> HTMLResponse:
    """The outline of one of my courses, with what is done."""
    course = await queries.learning(session, visitor.caller.id, course_id)
    now = await clock.now(session)
    return rendering.page(
        request,
        "course.html",
        visitor,
        course=course,
        sections=course["sections"],
        resume=resume(course),
        overdue=course["due_at"] is not None
        and course["due_at"] < now
        and course["status"] != "completed"
        and not course["waived"],
    )


@router.get(f"{COURSE}/continue")
async def go_on(course_id: PathId, visitor: Visitor, session: ReadSession) -> RedirectResponse:
    """To the section where I was, or the next that is not done."""
    course = await queries.learning(session, visitor.caller.id, course_id)
    section = resume(course)
    return RedirectResponse(_address(course_id, section) if section else f"/my/courses/{course_id}", 303)


@router.get(SECTION)
async def read_section(
    request: Request, course_id: PathId, section_id: PathId, visitor: Visitor, session: ReadSession
) -> HTMLResponse:
    """One section to read."""
    course = await queries.learning(session, visitor.caller.id, course_id)
    place = _place(course, section_id)
    sections = course["sections"]
    return rendering.page(
        request,
        "section.html",
        visitor,
        base=f"/my/courses/{course_id}",
        course=course,
        sections=sections,
        section=await queries.section(session, course_id, section_id),
        mine=sections[place],
        origin=None,
        previous=sections[place - 1] if place else None,
        following=sections[place + 1] if place + 1 < len(sections) else None,
    )


@router.post(SECTION)
async def mark_done(
    course_id: PathId, section_id: PathId, visitor: PostingVisitor, session: WriteSession
) -> RedirectResponse:
    """I am done with this section: on to the next one, or back to the outline of a course that is completed."""
    course = await queries.learning(session, visitor.caller.id, course_id)
    place = _place(course, section_id)
    says_so = course["sections"][place]["completion"] != "viewed"
    await service.record(
        session, visitor.caller, section_id, SectionMark(completed=True if says_so else None)
    )
    section = onward(course["sections"], place)
    return RedirectResponse(_address(course_id, section) if section else f"/my/courses/{course_id}", 303)


@router.post(f"{SECTION}/time")
async def note_time(
    course_id: PathId,
    section_id: PathId,
    visitor: PostingVisitor,
    session: WriteSession,
    seconds: Annotated[int, Form(ge=0, le=MOST_SECONDS)],
) -> Response:
    """The page's script tells that the section was opened, and for how long it has been read in total."""
    course = await queries.learning(session, visitor.caller.id, course_id)
    _place(course, section_id)
    await service.record(
        session, visitor.caller, section_id, SectionMark.model_validate({"timeSpentSeconds": seconds})
    )
    return Response(status_code=204)
