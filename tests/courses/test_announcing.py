"""Students are told of what they have to learn: once, several courses in one mail, and only what they can see."""

import asyncio

import pytest
from sqlalchemy import text
from tests.courses.test_assigning import SPRING, change, drop, give

from tms.courses import assignments, jobs
from tms.platform import db


@pytest.fixture
def told(session):
    """`await told()`: for each mail, to whom and which courses with which dates."""

    async def read():
        rows = await session.execute(
            text(
                "SELECT to_address, context FROM emails WHERE template = 'courses_assigned' ORDER BY created_at, id"
            )
        )
        return [
            (to, [(course["title"], course["dueAt"]) for course in context["courses"]])
            for to, context in rows
        ]

    return read


async def test_several_courses_come_in_one_mail_and_once(admin, people, make_course, run_jobs, told, session):
    student, other = await people.student(), await people.student()
    first = await make_course(title="First", sections=1, published=True)
    second = await make_course(title="Second", sections=1, published=True)
    await give([first], [student], due=SPRING)
    await give([second], [student, other])
    waiting = await session.execute(
        text(
            "SELECT count(*), min(scheduled_at) > now() + interval '30 s' FROM procrastinate_jobs "
            "WHERE task_name = 'courses.announce'"
        )
    )
    assert waiting.one() == (1, True)
    await run_jobs()
    expected = [
        (student.email, [("First", SPRING.isoformat()), ("Second", None)]),
        (other.email, [("Second", None)]),
    ]
    assert sorted(await told()) == sorted(expected)
    await give([first, second], [student])
    await jobs.announce()
    assert len(await told()) == 2


async def test_a_draft_is_announced_when_it_is_published(admin, people, make_course, run_jobs, told):
    student = await people.student()
    course_id = await make_course(title="Draft", sections=1)
    await give([course_id], [student])
    await run_jobs()
    assert await told() == []
    await admin.put(f"/courses/{course_id}/publish")
    await run_jobs()
    assert await told() == [(student.email, [("Draft", None)])]
    await admin.put(f"/courses/{course_id}/archive")
    await admin.put(f"/courses/{course_id}/publish")
    await run_jobs()
    assert len(await told()) == 1


async def test_nobody_is_told_of_what_is_over_or_not_theirs(admin, people, make_course, told):
    withdrawn, waived = await people.student(), await people.student()
    disabled = await people.student(status="disabled")
    waits = await people.student(status="provisioning")
    course_id = await make_course(title="Course", sections=1, published=True)
    made = await give([course_id], [withdrawn, waived, disabled, waits])
    await drop(students=[withdrawn], courses=[course_id])
    async with db.reading() as session:
        found = await session.execute(
            text("SELECT id FROM course_assignments WHERE student_id = :id"), {"id": waived.id}
        )
        await change(found.scalar_one(), admin, waived=True)
    await jobs.announce()
    assert await told() == []
    async with db.transaction() as session:
        await session.execute(text("UPDATE users SET status = 'active' WHERE id = :id"), {"id": waits.id})
    await jobs.announce_missed(0)
    assert await told() == [(waits.email, [("Course", None)])]
    assert len(made.created) == 4


async def test_what_is_opened_again_is_announced_again(admin, people, make_course, told):
    student = await people.student()
    course_id = await make_course(title="Course", sections=1, published=True)
    for _ in range(2):
        await give([course_id], [student])
        await jobs.announce()
        await drop(students=[student], courses=[course_id])
    assert len(await told()) == 2


async def test_two_announcers_at_once_tell_everybody_once(admin, people, make_course, told, monkeypatch):
    monkeypatch.setattr(jobs, "STUDENTS_AT_ONCE", 3)
    students = [await people.student() for _ in range(8)]
    course_id = await make_course(title="Course", sections=1, published=True)
    await give([course_id], students)
    await asyncio.gather(*(jobs.announce() for _ in range(4)))
    assert sorted(to for to, _ in await told()) == sorted(student.email for student in students)


async def test_planning_waits_for_nobody_else_s_transaction(admin, people, make_course):
    course_id = await make_course(title="Course", sections=1, published=True)
    one, two = await people.student(), await people.student()
    async with db.transaction() as session:
        await assignments.announce_soon(session)
        await asyncio.wait_for(give([course_id], [one, two]), timeout=5)
        await assignments.announce_soon(session)
