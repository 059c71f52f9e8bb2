"""Who must take which course by when: given by hand, extended, waived. They lie here since trainers of batches extend."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import RowMapping

from tms.batches import assigned, service
from tms.batches.schemas import AssignmentOut, AssignmentPatch, AssignmentsIn
from tms.http import policy
from tms.http.answers import Answer, Listing, listing
from tms.http.caller import Caller
from tms.http.idempotency import IdempotentRoute
from tms.http.parameters import PageQuery, PathId
from tms.http.sessions import ReadSession, WriteSession
from tms.platform.schemas import Id

POLICY = [
    policy.line("POST", "/courses/{course_id}/assignments", policy.ADMIN, "administrators all"),
    policy.line(
        "GET",
        "/assignments",
        policy.EVERYONE,
        policy.Sight(
            "administrators all, trainers those of their batches' students and their own, students their own",
            trainer=policy.Reach.RELATED,
            student=policy.Reach.OWN,
        ),
    ),
    policy.line(
        "PATCH",
        "/assignments/{assignment_id}",
        policy.STAFF,
        policy.Sight(
            "administrators all, trainers those that came by hand or from their batches to their students",
            trainer=policy.Reach.OWN,
            reads=policy.Reach.RELATED,
        ),
    ),
    policy.line("DELETE", "/assignments/{assignment_id}", policy.ADMIN, "administrators all"),
]

router = APIRouter(tags=["assignments"], route_class=IdempotentRoute)


def _shape(row: RowMapping) -> AssignmentOut:
    return AssignmentOut.model_validate(dict(row))


@router.post("/courses/{course_id}/assignments", status_code=201)
async def assign_course(
    course_id: PathId, body: AssignmentsIn, caller: Caller, session: WriteSession
) -> Answer[list[AssignmentOut]]:
    """Give people a course by hand, all of them or none; who has it already gets the new date."""
    rows = await service.assign_by_hand(session, course_id, body, caller=caller)
    return Answer(data=[_shape(row) for row in rows], message=f"Course assigned to {len(rows)}")


@router.get("/assignments")
async def list_assignments(
    caller: Caller,
    session: ReadSession,
    page: PageQuery,
    student: Annotated[Id | None, Query(description="Of this person.")] = None,
    course: Annotated[Id | None, Query(description="Of this course.")] = None,
    batch: Annotated[Id | None, Query(description="That come from this batch.")] = None,
    *,
    overdue: Annotated[bool, Query(description="Only what should be done by now and is not.")] = False,
    closed: Annotated[bool, Query(description="Also what has ended.")] = False,
) -> Listing[AssignmentOut]:
    """Assignments; `sort` is one of `dueDate`, `assignedAt`, `courseTitle`. Without a date counts as last."""
    wanted = assigned.AssignmentFilter(
        student=student, course=course, batch=batch, overdue=overdue, closed=closed
    )
    return listing(await assigned.page(session, caller, wanted=wanted, request=page), _shape)


@router.patch("/assignments/{assignment_id}")
async def change_assignment(
    assignment_id: PathId, body: AssignmentPatch, caller: Caller, session: WriteSession
) -> Answer[AssignmentOut]:
    """Extend one student's date (with a reason), take the extension back (null), change the date by hand, or waive."""
    row = await service.change_assignment(session, assignment_id, body, caller=caller)
    return Answer(data=_shape(row), message="Assignment changed")


@router.delete("/assignments/{assignment_id}")
async def drop_assignment(assignment_id: PathId, caller: Caller, session: WriteSession) -> Answer[None]:
    """Take back what was given by hand; a batch's course is taken back in the batch."""
    await service.drop_by_hand(session, assignment_id, caller=caller)
    return Answer(data=None, message="Assignment by hand taken back")
