from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Response
from sqlalchemy import RowMapping

from tms.batches import queries, service
from tms.batches.schemas import (
    BatchCourseIn,
    BatchCourseOut,
    BatchDetail,
    BatchIn,
    BatchOut,
    BatchPatch,
    BatchProgressOut,
    BatchStatus,
    MemberOut,
    MembersIn,
    MoveIn,
)
from tms.http import policy
from tms.http.answers import Answer, Listing, PageInfo, listing, set_etag
from tms.http.caller import Caller
from tms.http.idempotency import IdempotentRoute
from tms.http.parameters import IfMatch, PageQuery, PathId, Search
from tms.http.sessions import ReadSession, WriteSession
from tms.platform.schemas import Id

_RUN = policy.Sight("administrators all, trainers the batches that they run", trainer=policy.Reach.OWN)
_SEEN = policy.Sight(
    "administrators all, trainers the batches that they run, students those that they are in",
    trainer=policy.Reach.OWN,
    student=policy.Reach.OWN,
)
_ALL = "administrators all"
POLICY = [
    policy.line("POST", "/batches", policy.ADMIN, _ALL),
    policy.line("GET", "/batches", policy.EVERYONE, _SEEN),
    policy.line("GET", "/batches/{batch_id}", policy.EVERYONE, _SEEN),
    policy.line("PATCH", "/batches/{batch_id}", policy.ADMIN, _ALL),
    policy.line("DELETE", "/batches/{batch_id}", policy.ADMIN, _ALL),
    policy.line("GET", "/batches/{batch_id}/students", policy.STAFF, _RUN),
    policy.line("POST", "/batches/{batch_id}/students", policy.ADMIN, _ALL),
    policy.line("DELETE", "/batches/{batch_id}/students/{student_id}", policy.ADMIN, _ALL),
    policy.line("POST", "/batches/{batch_id}/students/{student_id}/move", policy.ADMIN, _ALL),
    policy.line("PUT", "/batches/{batch_id}/trainers/{user_id}", policy.ADMIN, _ALL),
    policy.line("DELETE", "/batches/{batch_id}/trainers/{user_id}", policy.ADMIN, _ALL),
    policy.line("PUT", "/batches/{batch_id}/courses/{course_id}", policy.STAFF, _RUN),
    policy.line("DELETE", "/batches/{batch_id}/courses/{course_id}", policy.STAFF, _RUN),
    policy.line("GET", "/batches/{batch_id}/progress", policy.STAFF, _RUN),
]

router = APIRouter(prefix="/batches", tags=["batches"], route_class=IdempotentRoute)


class BatchProgressAnswer(Answer[BatchProgressOut]):
    """Who is where, a page of students at a time."""

    page: PageInfo


def _shape(row: RowMapping) -> BatchOut:
    return BatchOut.model_validate(dict(row))


def _member(row: RowMapping) -> MemberOut:
    return MemberOut.model_validate(dict(row))


@router.post("", status_code=201)
async def create_batch(
    body: BatchIn, caller: Caller, session: WriteSession, response: Response
) -> Answer[BatchOut]:
    """Plan a batch. Days are days of its time zone; without one it has the organisation's."""
    row = await service.create(session, body, by=caller.id)
    set_etag(response, row["version"])
    return Answer(data=_shape(row), message="Batch created successfully")


@router.get("")
async def list_batches(
    caller: Caller,
    session: ReadSession,
    page: PageQuery,
    search: Search = None,
    status: BatchStatus | None = None,
    trainer: Annotated[Id | None, Query(description="Run by this person.")] = None,
    student: Annotated[
        Id | None, Query(description="With this student; students may only name themselves.")
    ] = None,
) -> Listing[BatchOut]:
    """Batches; `search` looks into name and code, `sort` is one of `startDate`, `name`, `createdAt`."""
    wanted = queries.BatchFilter(search=search, status=status, trainer=trainer, student=student)
    return listing(await queries.page(session, caller, wanted=wanted, request=page), _shape)


@router.get("/{batch_id}")
async def get_batch(
    batch_id: PathId, caller: Caller, session: ReadSession, response: Response
) -> Answer[BatchDetail]:
    """One batch with those who run it and its courses."""
    found = await queries.detail(session, caller, batch_id)
    set_etag(response, found["version"])
    return Answer(data=BatchDetail.model_validate(found))


@router.patch("/{batch_id}")
async def change_batch(
    batch_id: PathId,
    body: BatchPatch,
    caller: Caller,
    session: WriteSession,
    response: Response,
    expected: IfMatch,
) -> Answer[BatchOut]:
    """Change what is sent; `capacity: null` lifts the limit. Due dates given as days follow a change of time zone."""
    row = await service.change(session, batch_id, body, expected_version=expected, by=caller.id)
    set_etag(response, row["version"])
    return Answer(data=_shape(row), message="Batch changed successfully")


@router.delete("/{batch_id}")
async def cancel_batch(batch_id: PathId, caller: Caller, session: WriteSession) -> Answer[BatchOut]:
    """Cancel a batch for good: seats and records stay, but nobody has its courses because of it any more."""
    return Answer(
        data=_shape(await service.cancel(session, batch_id, by=caller.id)), message="Batch cancelled"
    )


@router.get("/{batch_id}/students")
async def list_members(
    batch_id: PathId, caller: Caller, session: ReadSession, page: PageQuery, search: Search = None
) -> Listing[MemberOut]:
    """Those who hold a seat; `search` looks into name, e-mail and code, `sort` is one of `name`, `joinedAt`."""
    found = await queries.members(session, caller, batch_id, search=search, request=page)
    return listing(found, _member)


@router.post("/{batch_id}/students", status_code=201)
async def add_members(
    batch_id: PathId, body: MembersIn, caller: Caller, session: WriteSession
) -> Answer[list[MemberOut]]:
    """Give students a seat and all courses of the batch: all of them, or none if one cannot join."""
    await service.add(session, batch_id, body.student_ids, by=caller.id)
    rows = await queries.seats(session, batch_id, body.student_ids)
    return Answer(data=[_member(row) for row in rows], message=f"{len(rows)} added to the batch")


@router.delete("/{batch_id}/students/{student_id}")
async def remove_member(
    batch_id: PathId, student_id: PathId, caller: Caller, session: WriteSession
) -> Answer[None]:
    """Free a seat. Courses that came only from this batch end for the student; what was learnt is kept."""
    await service.remove(session, batch_id, student_id, by=caller.id)
    return Answer(data=None, message="Student removed from the batch")


@router.post("/{batch_id}/students/{student_id}/move")
async def move_member(
    batch_id: PathId, student_id: PathId, body: MoveIn, caller: Caller, session: WriteSession
) -> Answer[MemberOut]:
    """Let a student go on in another batch, with all progress kept."""
    await service.move(session, batch_id, student_id, to_batch_id=body.to_batch_id, by=caller.id)
    (row,) = await queries.seats(session, body.to_batch_id, [student_id])
    return Answer(data=_member(row), message="Student moved")


@router.put("/{batch_id}/trainers/{user_id}")
async def add_trainer(
    batch_id: PathId, user_id: PathId, caller: Caller, session: WriteSession
) -> Answer[BatchDetail]:
    """Let an active trainer or administrator run the batch."""
    await service.add_trainer(session, batch_id, user_id, by=caller.id)
    return await _detail(session, caller, batch_id, "Trainer added")


@router.delete("/{batch_id}/trainers/{user_id}")
async def remove_trainer(
    batch_id: PathId, user_id: PathId, caller: Caller, session: WriteSession
) -> Answer[BatchDetail]:
    """Somebody no longer runs the batch, nor sees it."""
    await service.remove_trainer(session, batch_id, user_id, by=caller.id)
    return await _detail(session, caller, batch_id, "Trainer removed")


async def _detail(session: WriteSession, caller: Caller, batch_id: UUID, message: str) -> Answer[BatchDetail]:
    found = await queries.detail(session, caller, batch_id)
    return Answer(data=BatchDetail.model_validate(found), message=message)


@router.put("/{batch_id}/courses/{course_id}")
async def put_course(
    batch_id: PathId,
    course_id: PathId,
    caller: Caller,
    session: WriteSession,
    body: Annotated[BatchCourseIn | None, Body()] = None,
) -> Answer[BatchCourseOut]:
    """Give everybody in the batch a course, now and whoever joins later; sent again, it changes the date for all.

    `dueDate` is a day, which ends in the time zone of the batch, or an instant; without it there is no date.
    """
    row = await service.put_course(session, batch_id, course_id, body or BatchCourseIn(), caller=caller)
    return Answer(data=BatchCourseOut.model_validate(row), message="Course of the batch saved")


@router.delete("/{batch_id}/courses/{course_id}")
async def remove_course(
    batch_id: PathId, course_id: PathId, caller: Caller, session: WriteSession
) -> Answer[None]:
    """Take a course from the batch; students who have it from elsewhere keep it, and all records are kept."""
    await service.remove_course(session, batch_id, course_id, caller=caller)
    return Answer(data=None, message="Course removed from the batch")


@router.get("/{batch_id}/progress")
async def get_progress(
    batch_id: PathId, caller: Caller, session: ReadSession, page: PageQuery, search: Search = None
) -> BatchProgressAnswer:
    """Who is where in each course of the batch; a course that a student has not got is left out for them."""
    found, rows = await queries.standing(session, caller, batch_id, search=search, request=page)
    return BatchProgressAnswer(
        data=BatchProgressOut.model_validate(found),
        page=PageInfo(limit=rows.limit, next_cursor=rows.next_cursor, total=rows.total),
    )
