from typing import Annotated

from fastapi import APIRouter, Query, Response

from tms.http import policy
from tms.http.answers import Answer, Listing, listing, set_etag
from tms.http.bodies import StrictRoute
from tms.http.caller import Caller
from tms.http.parameters import IfMatch, PageQuery, PathId, Search
from tms.http.sessions import ReadSession
from tms.identity.schemas import Status
from tms.platform.schemas import Id
from tms.platform.statements import Found
from tms.progress.schemas import CourseExplained
from tms.students import details, queries
from tms.students.schemas import StudentCourses, StudentOut, StudentPatch

_WHOSE = "administrators all, trainers students of the batches that they run, students themselves"
SEES = policy.Sight(_WHOSE, trainer=policy.Reach.RELATED, student=policy.Reach.OWN)
POLICY = [
    policy.line(
        "GET",
        "/students",
        policy.STAFF,
        policy.Sight(
            "administrators all, trainers students of the batches that they run, without phone numbers",
            trainer=policy.Reach.RELATED,
        ),
    ),
    policy.line(
        "GET",
        "/students/{student_id}",
        policy.EVERYONE,
        policy.Sight(
            f"{_WHOSE}; trainers no phone numbers", trainer=policy.Reach.RELATED, student=policy.Reach.OWN
        ),
    ),
    policy.line("PATCH", "/students/{student_id}", policy.ADMIN, "administrators only"),
    policy.line("GET", "/students/{student_id}/courses", policy.EVERYONE, SEES),
    policy.line("GET", "/students/{student_id}/courses/{course_id}/progress", policy.EVERYONE, SEES),
]

router = APIRouter(prefix="/students", tags=["students"], route_class=StrictRoute)


def _out(row: Found) -> StudentOut:
    return StudentOut.model_validate(queries.overview(row))


def _answer(response: Response, row: Found, message: str | None = None) -> Answer[StudentOut]:
    set_etag(response, row["version"])
    return Answer(data=_out(row), message=message)


@router.get("")
async def list_students(
    caller: Caller,
    page: PageQuery,
    search: Search = None,
    batch: Annotated[Id | None, Query(description="The id of a batch.")] = None,
    status: Annotated[Status | None, Query()] = None,
) -> Listing[StudentOut]:
    """Students with how far they are; search finds parts of name, address and code. Sort by name, createdAt, studentId."""
    found = await queries.students(caller, page, search=search, batch=batch, status=status)
    return listing(found, _out)


@router.get("/{student_id}")
async def get_student(student_id: PathId, caller: Caller, response: Response) -> Answer[StudentOut]:
    """A student: who they are, their batches, and how far they are on the whole."""
    return _answer(response, await queries.student(caller, student_id))


@router.patch("/{student_id}")
async def change_student(
    student_id: PathId, body: StudentPatch, caller: Caller, if_match: IfMatch, response: Response
) -> Answer[StudentOut]:
    """Change a student's name, address or phone. Students change their own at `PATCH /me`."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    row = await details.change_details(student_id, changes, by=caller, expected_version=if_match)
    return _answer(response, row, "Student changed")


@router.get("/{student_id}/courses", response_model=Answer[StudentCourses])
async def get_student_courses(student_id: PathId, caller: Caller) -> Response:
    """A student's courses with progress, and statistics over them."""
    data = await queries.courses_json(caller, student_id)
    return Response(b'{"success":true,"data":%b,"message":null}' % data, media_type="application/json")


@router.get("/{student_id}/courses/{course_id}/progress")
async def get_student_progress(
    student_id: PathId, course_id: PathId, caller: Caller, session: ReadSession, *, explain: bool = False
) -> Answer[CourseExplained]:
    """How far a student is in one course; with `explain=true` section by section, and what is missing."""
    found = await queries.course(session, caller, student_id, course_id, explain=explain)
    return Answer(data=CourseExplained.model_validate(found))
