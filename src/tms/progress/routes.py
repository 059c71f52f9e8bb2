from fastapi import APIRouter

from tms.http import policy
from tms.http.answers import Answer, Listing, listing
from tms.http.bodies import StrictRoute
from tms.http.caller import Caller
from tms.http.parameters import PageQuery, PathId
from tms.http.sessions import WriteSession
from tms.platform.statements import Found
from tms.progress import queries, service
from tms.progress.schemas import CourseState, MyCourse, SectionMark, SectionState

_OWN = policy.Reach.OWN
POLICY = [
    policy.line(
        "GET",
        "/progress",
        policy.EVERYONE,
        policy.Sight("everybody their own courses", admin=_OWN, trainer=_OWN, student=_OWN),
    ),
    policy.line(
        "PUT",
        "/progress/sections/{section_id}",
        policy.EVERYONE,
        policy.Sight(
            "everybody sections of courses that they have, whatever their role",
            admin=_OWN,
            trainer=_OWN,
            student=_OWN,
        ),
    ),
]

router = APIRouter(prefix="/progress", tags=["progress"], route_class=StrictRoute)


def _my_course(row: Found) -> MyCourse:
    return MyCourse.model_validate(queries.course(row))


def _section_state(row: Found) -> SectionState:
    return SectionState(
        section_id=row["section_id"],
        completed=row["section_completed_at"] is not None,
        completed_at=row["section_completed_at"],
        time_spent_seconds=row["time_spent_seconds"],
        position_seconds=row["position_seconds"],
        course=CourseState(
            course_id=row["course_id"],
            progress=row["progress"],
            sections_completed=row["sections_completed"],
            total_sections=row["total_sections"],
            status=row["status"],
            completed_at=row["course_completed_at"],
        ),
    )


@router.get("")
async def list_my_progress(caller: Caller, page: PageQuery) -> Listing[MyCourse]:
    """My courses with how far I am and where to go on. Sort by assignedAt, dueDate, title."""
    return listing(await queries.mine(caller.id, page), _my_course)


@router.put("/sections/{section_id}")
async def mark_section(
    section_id: PathId, body: SectionMark, caller: Caller, session: WriteSession
) -> Answer[SectionState]:
    """What I did with a section so far, in totals: the greater wins, so that sending it again changes nothing.

    A section of kind `viewed` is completed by the first of these, one of kind `self` by `completed: true`, one of kind
    `test` only by its test (409 `completed_by_test`). `completed: false` undoes nothing.
    """
    row = await service.record(session, caller, section_id, body)
    message = "Course completed" if row["newly_completed"] else "Progress saved"
    return Answer(data=_section_state(row), message=message)
