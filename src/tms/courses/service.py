"""The life of a course: draft, published, archived, and published again.

Administrators make, publish, archive, duplicate and delete courses and name their trainers, since these decide what
learners are given. A trainer named on a course edits it and its sections, in every status.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, RowMapping, Uuid, column, delete, exists, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as insert_once
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tms.courses import assignments, history, queries
from tms.courses.errors import CourseInUseError, CourseWithoutSectionsError
from tms.courses.models import Assignment, Course, CourseTrainer, Section, course_codes
from tms.courses.reshaping import ChangedSection, reshape_sections
from tms.courses.schemas import CourseIn, CoursePatch
from tms.courses.sections import NewSection, change_sections
from tms.identity.errors import UserNotFoundError
from tms.identity.models import User
from tms.operations import audit
from tms.platform import clock, errors, queue
from tms.platform.caller import Caller
from tms.platform.errors import FieldError, InvalidError
from tms.platform.ids import code, new_id

__all__ = [
    "ChangedSection",
    "NewSection",
    "archive",
    "change_sections",
    "create",
    "delete_draft",
    "drop_trainer",
    "duplicate",
    "edit",
    "name_trainer",
    "publish",
    "reshape_sections",
]

_COPY = "Copy of "
_LONGEST_TITLE = 255


async def create(session: AsyncSession, body: CourseIn, *, caller: Caller) -> RowMapping:
    """A new draft with the next code; parallel callers get different ones, and a code is never used again."""
    course_id = await _insert(session, body.model_dump(), caller)
    await _record(session, "course.created", course_id, caller)
    return await queries.course(session, course_id, caller)


async def edit(
    session: AsyncSession, course_id: UUID, body: CoursePatch, *, caller: Caller, expected: int | None
) -> RowMapping:
    """Change what the body names; raises 412 where `expected` is not the version any more."""
    found = await queries.lock(session, course_id, caller)
    errors.check_version(expected, found["version"])
    values = history.differing(found, body.model_dump(exclude_unset=True))
    if values:
        await _update(session, course_id, **values)
        await _record(session, "course.changed", course_id, caller, history.changes(found, values))
    return await queries.course(session, course_id, caller)


async def publish(session: AsyncSession, course_id: UUID, *, caller: Caller) -> RowMapping:
    """Open the course to its learners; `publishedAt` stays if it is open already.

    An archived course comes back with a new `publishedAt`. Raises `CourseWithoutSectionsError`.
    """
    found = await queries.lock(session, course_id, caller)
    if found["status"] != "published":
        if found["section_count"] == 0:
            raise CourseWithoutSectionsError
        await _update(
            session,
            course_id,
            status="published",
            published_at=clock.db_now(),
            published_by=caller.id,
            archived_at=None,
        )
        await assignments.announce_soon(session)
        if found["status"] == "archived":
            # Whoever joined a batch meanwhile went without this course of theirs.
            await queue.enqueue(session, "batches.catch_up", unique="batches.catch_up")
        await _record(
            session, "course.published", course_id, caller, {"status": [found["status"], "published"]}
        )
    return await queries.course(session, course_id, caller)


async def archive(session: AsyncSession, course_id: UUID, *, caller: Caller) -> RowMapping:
    """Close the course to new learners; those it has keep it. Archiving twice changes nothing."""
    found = await queries.lock(session, course_id, caller)
    if found["status"] != "archived":
        await _update(session, course_id, status="archived", archived_at=clock.db_now())
        await _record(
            session, "course.archived", course_id, caller, {"status": [found["status"], "archived"]}
        )
    return await queries.course(session, course_id, caller)


async def duplicate(session: AsyncSession, course_id: UUID, *, caller: Caller) -> RowMapping:
    """A draft with the same sections under new ids and the same trainers, who will work on it; pictures are shared."""
    found = await queries.lock(session, course_id, caller)
    kept = ("description", "category", "template_type", "difficulty", "estimated_duration", "section_count")
    values = {name: found[name] for name in kept}
    values["title"] = f"{_COPY}{found['title']}"[:_LONGEST_TITLE].rstrip()
    copy_id = await _insert(session, values, caller)
    await _copy_sections(session, course_id, copy_id)
    await session.execute(
        insert(CourseTrainer).from_select(
            ["course_id", "user_id"],
            select(literal(copy_id, Uuid()), CourseTrainer.user_id).where(
                CourseTrainer.course_id == course_id
            ),
        )
    )
    await _record(session, "course.created", copy_id, caller, {"copyOf": str(course_id)})
    return await queries.course(session, copy_id, caller)


async def delete_draft(session: AsyncSession, course_id: UUID, *, caller: Caller) -> None:
    """Remove a draft that was never assigned, with its sections; raises `CourseInUseError` for every other course."""
    found = await queries.lock(session, course_id, caller)
    assigned = await session.scalar(select(exists().where(Assignment.course_id == course_id)))
    if found["status"] != "draft" or assigned:
        raise CourseInUseError
    try:
        async with session.begin_nested():
            await session.execute(delete(Course).where(Course.id == course_id))
    except IntegrityError as error:
        # Something of a room above refers to it: a batch without students, say.
        raise CourseInUseError from error
    await _record(session, "course.deleted", course_id, caller, {"courseCode": found["course_code"]})


async def name_trainer(session: AsyncSession, course_id: UUID, user_id: UUID, *, caller: Caller) -> Any:
    """Let a trainer edit the course; naming twice changes nothing. The trainers it has now: `[{userId, name}]`.

    Raises `UserNotFoundError`, and 422 for a user who is not an active trainer or administrator.
    """
    await queries.lock(session, course_id, caller)
    user = (await session.execute(select(User.role, User.status).where(User.id == user_id))).one_or_none()
    if user is None:
        raise UserNotFoundError
    if user.role not in {"trainer", "admin"} or user.status != "active":
        raise InvalidError(
            "Only an active trainer or administrator can be named on a course.",
            fields=[FieldError("userId", "must be an active trainer or administrator")],
        )
    named = await session.execute(
        insert_once(CourseTrainer)
        .values(course_id=course_id, user_id=user_id)
        .on_conflict_do_nothing()
        .returning(CourseTrainer.user_id)
    )
    if named.first():
        await _update(session, course_id)
        await _record(session, "course.trainer_named", course_id, caller, {"userId": str(user_id)})
    return await queries.trainers(session, course_id)


async def drop_trainer(session: AsyncSession, course_id: UUID, user_id: UUID, *, caller: Caller) -> Any:
    """The trainer may not edit the course any more; one who is not named changes nothing."""
    await queries.lock(session, course_id, caller)
    dropped = await session.execute(
        delete(CourseTrainer)
        .where(CourseTrainer.course_id == course_id, CourseTrainer.user_id == user_id)
        .returning(CourseTrainer.user_id)
    )
    if dropped.first():
        await _update(session, course_id)
        await _record(session, "course.trainer_dropped", course_id, caller, {"userId": str(user_id)})
    elif not await session.scalar(select(exists().where(User.id == user_id))):
        raise UserNotFoundError
    return await queries.trainers(session, course_id)


async def _insert(session: AsyncSession, values: dict[str, Any], caller: Caller) -> UUID:
    course_id = new_id()
    number = (await session.execute(select(course_codes.next_value()))).scalar_one()
    await session.execute(
        insert(Course).values(id=course_id, course_code=code("C", number), created_by=caller.id, **values)
    )
    return course_id


async def _copy_sections(session: AsyncSession, course_id: UUID, copy_id: UUID) -> None:
    """The content goes from row to row inside the database; only ids travel."""
    live = select(Section.id).where(Section.course_id == course_id, Section.archived_at.is_(None))
    old = list((await session.execute(live)).scalars())
    pairs = (
        func.unnest(literal(old, ARRAY(Uuid())), literal([new_id() for _ in old], ARRAY(Uuid())))
        .table_valued(column("old", Uuid()), column("new", Uuid()), name="pairs")
        .render_derived()
        .c
    )
    names = ["title", "content", "video_url", "image_url", "order_index", "duration", "completion"]
    copied = select(pairs.new, literal(copy_id, Uuid()), *(getattr(Section, name) for name in names)).where(
        Section.id == pairs.old
    )
    await session.execute(
        insert(Section).from_select(["id", "course_id", *names], copied, include_defaults=False)
    )


async def _update(session: AsyncSession, course_id: UUID, **values: Any) -> None:
    await session.execute(
        update(Course)
        .where(Course.id == course_id)
        .values(**values, version=Course.version + 1, updated_at=func.now())
    )


async def _record(
    session: AsyncSession,
    action: str,
    course_id: UUID,
    caller: Caller,
    changes: dict[str, Any] | None = None,
) -> None:
    await audit.record(
        session,
        actor=caller.id,
        action=action,
        object_type="course",
        object_id=course_id,
        changes=changes,
    )
