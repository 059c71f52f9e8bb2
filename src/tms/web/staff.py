"""The staff's pages: who is where in my batches, what is in the courses, which e-mails were written."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from tms.batches import queries as batches
from tms.batches.queries import BatchFilter
from tms.content import formats
from tms.content import queries as content
from tms.courses import queries as courses
from tms.http import policy
from tms.http.parameters import PageQuery, PathId
from tms.http.sessions import ReadSession, WriteSession
from tms.notifications import queries as notifications
from tms.notifications import service as outbox
from tms.platform import clock
from tms.platform.paging import PageRequest
from tms.web import queries, rendering
from tms.web.errors import LessonNotFoundError
from tms.web.visitor import AdminVisitor, StaffVisitor

COURSE = "/staff/courses/{course_id}"

POLICY = [
    policy.Line("GET", "/staff", policy.PUBLIC, "trainers the batches that they run, administrators all"),
    policy.Line(
        "GET",
        "/staff/batches/{batch_id}",
        policy.PUBLIC,
        "trainers a batch that they run, administrators any",
    ),
    policy.Line(
        "GET",
        "/staff/courses",
        policy.PUBLIC,
        "trainers published courses and those that they edit, administrators all",
    ),
    policy.Line("GET", COURSE, policy.PUBLIC, "as the list of courses"),
    policy.Line("GET", f"{COURSE}/sections/{{section_id}}", policy.PUBLIC, "as the list of courses"),
    policy.Line("GET", "/staff/emails", policy.PUBLIC, "administrators all"),
    policy.Line(
        "GET", "/staff/emails/{email_id}", policy.PUBLIC, "administrators all; a shown secret is audited"
    ),
]

STUDENTS_ON_A_PAGE = 30
DOCUMENTS_ON_A_PAGE = 100

router = APIRouter(include_in_schema=False)

# A search form sends an empty field too, which means: not narrowed.
Search = Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$")]


@router.get("/staff")
async def my_batches(
    request: Request, visitor: StaffVisitor, session: ReadSession, page: PageQuery, search: Search = ""
) -> HTMLResponse:
    """The batches that I run; for administrators all."""
    wanted = PageRequest(limit=page.limit, cursor=page.cursor, sort="-startDate")
    found = await batches.page(
        session, visitor.caller, wanted=BatchFilter(search=search.strip() or None), request=wanted
    )
    learning = await queries.statistics(session, visitor.caller.id)
    return rendering.page(
        request,
        "staff.html",
        visitor,
        batches=found.rows,
        page=found,
        search=search,
        cursor=page.cursor,
        learning=learning["total_enrolled"],
    )


@router.get("/staff/batches/{batch_id}")
async def batch_progress(
    request: Request,
    batch_id: PathId,
    visitor: StaffVisitor,
    session: ReadSession,
    page: PageQuery,
    search: Search = "",
) -> HTMLResponse:
    """Who is where: the students of a batch and their progress in each of its courses."""
    wanted = PageRequest(limit=min(page.limit, STUDENTS_ON_A_PAGE), cursor=page.cursor, sort="name")
    standing, found = await batches.standing(
        session, visitor.caller, batch_id, search=search.strip() or None, request=wanted
    )
    now = await clock.now(session)
    for student in standing["students"]:
        student["by_course"] = {state["course_id"]: state for state in student["courses"]}
        for state in student["courses"]:
            due = state["due_date"]
            state["overdue"] = (
                due is not None and due < now and state["status"] != "completed" and not state["waived"]
            )
    return rendering.page(
        request,
        "batch.html",
        visitor,
        batch=standing["batch"],
        courses=standing["courses"],
        students=standing["students"],
        page=found,
        search=search,
        cursor=page.cursor,
    )


@router.get("/staff/courses")
async def all_courses(
    request: Request, visitor: StaffVisitor, session: ReadSession, page: PageQuery, search: Search = ""
) -> HTMLResponse:
    """The courses that I may read."""
    wanted = PageRequest(limit=page.limit, cursor=page.cursor, sort="title")
    found = await courses.page(session, visitor.caller, wanted, search=search.strip() or None)
    return rendering.page(
        request,
        "courses.html",
        visitor,
        courses=found.rows,
        page=found,
        search=search,
        cursor=page.cursor,
    )


@router.get(COURSE)
async def course(
    request: Request, course_id: PathId, visitor: StaffVisitor, session: ReadSession
) -> HTMLResponse:
    """A course with its outline; for those who may change it with its documents, too."""
    found = await courses.course(session, course_id, visitor.caller)
    may_edit = await courses.is_editable(session, course_id, visitor.caller)
    newest = PageRequest(limit=DOCUMENTS_ON_A_PAGE, cursor=None, sort="-createdAt")
    documents = await content.page(session, course_id, visitor.caller, newest)
    return rendering.page(
        request,
        "staff_course.html",
        visitor,
        course=found,
        sections=await queries.outline(session, course_id),
        may_edit=may_edit,
        documents=documents.rows,
        editions=[row for row in documents.rows if row["status"] == "completed"],
        suffixes=formats.accepted_suffixes(),
        kinds=formats.accepted_kinds(),
    )


@router.get(f"{COURSE}/sections/{{section_id}}")
async def section(
    request: Request, course_id: PathId, section_id: PathId, visitor: StaffVisitor, session: ReadSession
) -> HTMLResponse:
    """One section as learners read it, without marks; those who may change it see which document it comes from."""
    found = await courses.course(session, course_id, visitor.caller)
    sections = await queries.outline(session, course_id)
    places = [place for place, row in enumerate(sections) if row["section_id"] == section_id]
    if not places:
        raise LessonNotFoundError("This section was removed, or the link is an old one.")
    place = places[0]
    may_edit = await courses.is_editable(session, course_id, visitor.caller)
    return rendering.page(
        request,
        "section.html",
        visitor,
        base=f"/staff/courses/{course_id}",
        course=found,
        sections=sections,
        section=await queries.section(session, course_id, section_id),
        mine=None,
        origin=await content.origin(session, section_id) if may_edit else None,
        previous=sections[place - 1] if place else None,
        following=sections[place + 1] if place + 1 < len(sections) else None,
    )


@router.get("/staff/emails")
async def emails(
    request: Request, visitor: AdminVisitor, session: ReadSession, page: PageQuery, search: Search = ""
) -> HTMLResponse:
    """The outbox, the newest first."""
    wanted = PageRequest(limit=page.limit, cursor=page.cursor, sort="-createdAt")
    found = await notifications.emails(session, wanted, to=search.strip() or None)
    return rendering.page(
        request,
        "emails.html",
        visitor,
        emails=found.rows,
        page=found,
        search=search,
        cursor=page.cursor,
    )


@router.get("/staff/emails/{email_id}")
async def email(
    request: Request, email_id: PathId, visitor: AdminVisitor, session: WriteSession
) -> HTMLResponse:
    """An e-mail as it reads now; that a password or a link was shown is audited, as in the API."""
    found = await outbox.read(session, email_id, visitor.caller)
    return rendering.page(request, "email.html", visitor, email=found)
