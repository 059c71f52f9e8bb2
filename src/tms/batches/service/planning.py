"""A batch itself: made, changed and cancelled, and who runs it."""

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DataError
from sqlalchemy.ext.asyncio import AsyncSession

from tms.batches import due, queries
from tms.batches.errors import (
    BatchCancelledError,
    BatchNotFoundError,
    CapacityTooSmallError,
    DatesError,
    NotATrainerError,
    TimezoneError,
    TrainerNotFoundError,
)
from tms.batches.models import Batch, BatchCourse, BatchTrainer, batch_codes
from tms.batches.schemas import BatchIn, BatchPatch
from tms.batches.service.seats import check_open, lock_one
from tms.courses import assignments
from tms.identity.errors import UserNotFoundError
from tms.identity.models import User
from tms.operations import audit
from tms.platform import clock
from tms.platform.errors import FieldError, check_version
from tms.platform.ids import code, new_id
from tms.platform.settings import get_settings


async def create(session: AsyncSession, wanted: BatchIn, *, by: UUID) -> RowMapping:
    """A new, empty batch with the next code; without a zone of its own it has the organisation's."""
    timezone = wanted.timezone or get_settings().tms_timezone
    await _check_timezone(session, timezone)
    batch_id = new_id()
    number: int = (await session.execute(select(batch_codes.next_value()))).scalar_one()
    row = await session.execute(
        insert(Batch)
        .values(
            {
                **wanted.model_dump(),
                "id": batch_id,
                "batch_code": code("B", number),
                "timezone": timezone,
                "created_by": by,
            }
        )
        .returning(*queries.COLUMNS)
    )
    await _note(session, by, "batch.created", batch_id)
    return row.mappings().one()


async def change(
    session: AsyncSession, batch_id: UUID, wanted: BatchPatch, *, expected_version: int | None, by: UUID
) -> RowMapping:
    """Change what is sent.

    Raises `BatchCancelledError`, `DatesError`, and `CapacityTooSmallError` where more seats are taken than would be.
    With its time zone, a batch's due dates that are ends of days become the ends of those days in the new zone.
    """
    await lock_one(session, batch_id)
    before = await _row(session, batch_id)
    check_version(expected_version, before["version"])
    if before["status"] == "cancelled":
        raise BatchCancelledError(f"{before['batch_code']} has been cancelled and stays as it was.")
    asked = wanted.model_dump(exclude_unset=True)
    changes = {name: value for name, value in asked.items() if before[name] != value}
    if not changes:
        return before
    await _check_changes(session, before, changes)
    row = await session.execute(
        update(Batch)
        .where(Batch.id == batch_id)
        .values({**changes, "version": Batch.version + 1, "updated_at": clock.db_now()})
        .returning(*queries.COLUMNS)
    )
    after = row.mappings().one()
    if "timezone" in changes:
        await _carry_due_dates(session, batch_id, before["timezone"], after["timezone"])
    # Prose is too long for a line of the log; that it was changed is enough.
    noted = {
        name: [] if name == "description" else [_plain(before[name]), _plain(after[name])] for name in changes
    }
    await _note(session, by, "batch.changed", batch_id, noted)
    return after


async def cancel(session: AsyncSession, batch_id: UUID, *, by: UUID) -> RowMapping:
    """Cancel a batch for good: seats and records stay, but nobody has a course because of it any more.

    Cancelling twice changes nothing. Whoever is to go on elsewhere is moved, before or after.
    """
    batch = await lock_one(session, batch_id)
    if batch.status != "cancelled":
        await session.execute(
            update(Batch)
            .where(Batch.id == batch_id)
            .values(status="cancelled", version=Batch.version + 1, updated_at=clock.db_now())
        )
        await assignments.drop_sources(session, batch_id=batch_id, student_ids=None, course_ids=None, by=by)
        await _note(session, by, "batch.cancelled", batch_id, {"status": ["active", "cancelled"]})
    return await _row(session, batch_id)


async def add_trainer(session: AsyncSession, batch_id: UUID, user_id: UUID, *, by: UUID) -> None:
    """Let a trainer or administrator run the batch; twice is once. Raises `UserNotFoundError`, `NotATrainerError`."""
    check_open(await lock_one(session, batch_id))
    user = (await session.execute(select(User.role, User.status).where(User.id == user_id))).one_or_none()
    if user is None:
        raise UserNotFoundError
    if user.role == "student" or user.status != "active":
        raise NotATrainerError
    added = await session.execute(
        upsert(BatchTrainer)
        .values(batch_id=batch_id, user_id=user_id)
        .on_conflict_do_nothing()
        .returning(BatchTrainer.user_id)
    )
    if added.one_or_none() is not None:
        await _note(session, by, "batch.trainer_added", batch_id, {"trainer": [None, str(user_id)]})


async def remove_trainer(session: AsyncSession, batch_id: UUID, user_id: UUID, *, by: UUID) -> None:
    """The person no longer runs the batch and no longer sees it, unless they are an administrator."""
    await lock_one(session, batch_id)
    removed = await session.execute(
        delete(BatchTrainer)
        .where(BatchTrainer.batch_id == batch_id, BatchTrainer.user_id == user_id)
        .returning(BatchTrainer.user_id)
    )
    if removed.one_or_none() is None:
        raise TrainerNotFoundError
    await _note(session, by, "batch.trainer_removed", batch_id, {"trainer": [str(user_id), None]})


async def _row(session: AsyncSession, batch_id: UUID) -> RowMapping:
    row = (
        (await session.execute(select(*queries.COLUMNS).where(Batch.id == batch_id))).mappings().one_or_none()
    )
    if row is None:
        raise BatchNotFoundError
    return row


async def _check_timezone(session: AsyncSession, timezone: str) -> None:
    # Python's list of zones and the database's may be of different years; the database decides what day it is.
    try:
        await session.execute(select(func.timezone(timezone, clock.db_now())))
    except DataError as error:
        raise TimezoneError(
            f"The database does not know the time zone {timezone}.",
            fields=[FieldError("timezone", "is not known to the database")],
        ) from error


async def _check_changes(session: AsyncSession, before: RowMapping, changes: dict[str, Any]) -> None:
    after = {**before, **changes}
    if after["end_date"] < after["start_date"]:
        named = "endDate" if "end_date" in changes else "startDate"
        raise DatesError(
            f"The batch would run from {after['start_date']} to {after['end_date']}.",
            fields=[FieldError(named, "the end must not lie before the start")],
        )
    capacity = changes.get("capacity")
    if capacity is not None and capacity < before["seats_taken"]:
        raise CapacityTooSmallError(
            f"{before['seats_taken']} seats are taken; remove or move students first, or keep at least that many.",
            fields=[FieldError("capacity", f"must be at least {before['seats_taken']}")],
        )
    if "timezone" in changes:
        await _check_timezone(session, changes["timezone"])


async def _carry_due_dates(session: AsyncSession, batch_id: UUID, old: str, new: str) -> None:
    statement = (
        select(BatchCourse.course_id, BatchCourse.due_at)
        .where(BatchCourse.batch_id == batch_id, BatchCourse.due_at.is_not(None))
        .order_by(BatchCourse.course_id)
    )
    for course_id, due_at in (await session.execute(statement)).all():
        carried = due.in_other_zone(due_at, old, new) if due_at else None
        if carried != due_at:
            await session.execute(
                update(BatchCourse)
                .where(BatchCourse.batch_id == batch_id, BatchCourse.course_id == course_id)
                .values(due_at=carried)
            )
            await assignments.set_batch_due(session, batch_id=batch_id, course_id=course_id, due_at=carried)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else str(value)


async def _note(
    session: AsyncSession, by: UUID, action: str, batch_id: UUID, changes: dict[str, Any] | None = None
) -> None:
    await audit.record(
        session, actor=by, action=action, object_type="batch", object_id=batch_id, changes=changes
    )
