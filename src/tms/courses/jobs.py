"""Telling students what they have to learn."""

from itertools import groupby
from typing import Any

from sqlalchemy import RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.courses.models import Assignment, Course
from tms.courses.sources import among
from tms.identity.models import User
from tms.notifications import service as notifications
from tms.platform import clock, db, queue

STUDENTS_AT_ONCE = 100
"""In one transaction: each student is one e-mail and one job."""


@queue.job("courses.announce", retry=queue.PATIENT)
async def announce() -> None:
    """One e-mail to each active student with all published courses they have not been told of."""
    while True:
        async with db.transaction() as session:
            if not await _announce_some(session):
                return


@queue.job("courses.announce_missed", periodic="*/5 * * * *")
async def announce_missed(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """What no planned announcement saw: the student has become active since, or the planning was rolled back."""
    await announce()


async def _announce_some(session: AsyncSession) -> int:
    """Tell some students; how many. The rows are locked, so that two announcers never tell anybody twice."""
    due = (
        Assignment.announced_at.is_(None),
        Assignment.closed_at.is_(None),
        Assignment.waived_at.is_(None),
        Course.status == "published",
        User.status == "active",
    )
    students = (
        select(Assignment.student_id)
        .join(Course, Course.id == Assignment.course_id)
        .join(User, User.id == Assignment.student_id)
        .where(*due)
        .distinct()
        .order_by(Assignment.student_id)
        .limit(STUDENTS_AT_ONCE)
    )
    rows = (
        (
            await session.execute(
                select(
                    Assignment.id,
                    Assignment.student_id,
                    Assignment.due_at,
                    User.email,
                    Course.title,
                    Course.course_code,
                )
                .join(Course, Course.id == Assignment.course_id)
                .join(User, User.id == Assignment.student_id)
                .where(Assignment.student_id.in_(students), *due)
                .order_by(Assignment.student_id, Assignment.course_id)
                .with_for_update(of=Assignment, key_share=True)
            )
        )
        .mappings()
        .all()
    )
    await session.execute(
        update(Assignment)
        .where(Assignment.id == among([row["id"] for row in rows]))
        .values(announced_at=clock.db_now())
    )
    told = 0
    for student_id, group in groupby(rows, key=lambda row: row["student_id"]):
        courses = list(group)
        await notifications.queue_email(
            session,
            user_id=student_id,
            to=courses[0]["email"],
            template="courses_assigned",
            context={"courses": [_told(row) for row in courses]},
        )
        told += 1
    return told


def _told(row: RowMapping) -> dict[str, Any]:
    due = row["due_at"]
    return {
        "title": row["title"],
        "courseCode": row["course_code"],
        "dueAt": due.isoformat() if due else None,
    }
