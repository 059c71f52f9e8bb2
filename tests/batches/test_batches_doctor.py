"""The doctor finds each broken promise about batches that is planted."""

from uuid import UUID

import pytest
from sqlalchemy import text

from tms.batches.doctor import CHECKS
from tms.operations import doctor
from tms.platform import db


async def broken(*statements, **values):
    async with db.transaction() as session:
        for statement in statements:
            await session.execute(text(statement), values)
    return {finding.check.name: finding.ids for finding in await doctor.examine(CHECKS)}


@pytest.fixture
async def batch(planner):
    made = await planner.batch(capacity=5)
    made["course"] = await planner.course()
    await planner.give(made, made["course"], "2026-05-31")
    students = await planner.students(2)
    await planner.join(made, *students)
    made["students"] = [str(student.id) for student in students]
    assert await doctor.examine(CHECKS) == []
    return made


async def test_seats_that_are_counted_wrong(batch):
    found = await broken("UPDATE batches SET seats_taken = 1")
    assert found == {"batches.seats": (batch["id"],)}


async def test_a_seat_that_is_not_counted(batch):
    found = await broken(
        "DELETE FROM student_batches WHERE student_id = :student", student=UUID(batch["students"][0])
    )
    assert found["batches.seats"] == (batch["id"],)
    assert len(found["batches.sources_without_reason"]) == 1


async def test_a_member_without_a_course_of_the_batch(batch):
    found = await broken("DELETE FROM assignment_sources")
    assert set(found) == {"batches.courses_of_members"}
    assert len(found["batches.courses_of_members"]) == 2


async def test_a_member_with_another_date_than_the_batch(batch):
    found = await broken("UPDATE assignment_sources SET due_at = NULL")
    assert len(found["batches.courses_of_members"]) == 2


@pytest.mark.parametrize(
    "statement", ["DELETE FROM batch_courses", "UPDATE batches SET status = 'cancelled'"]
)
async def test_a_course_of_a_batch_that_has_not_got_it(batch, statement):
    found = await broken(statement)
    assert len(found["batches.sources_without_reason"]) == 2
