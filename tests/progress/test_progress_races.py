"""What is promised when several requests come at once; each round is a new chance for the race to be lost."""

import asyncio

from sqlalchemy import text
from tests.progress.learning import add_section, make_course, mark, mine, remove_section

from tms.operations import doctor
from tms.platform import db
from tms.progress import jobs
from tms.progress.doctor import CHECKS


async def test_fifty_marks_of_one_section_count_once(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", "self", by=admin, learners=[student])
    states = await asyncio.gather(
        *(
            mark(student, course.sections[0], completed=True, timeSpentSeconds=seconds)
            for seconds in range(50)
        )
    )
    assert {state["course"]["sectionsCompleted"] for state in states} == {1}
    assert {state["completedAt"] for state in states} == {states[0]["completedAt"]}
    row = await mine(student, course)
    assert (row["sectionsCompleted"], row["progress"], row["timeSpentSeconds"]) == (1, 50, 49)
    assert await doctor.examine(CHECKS) == []


async def test_two_last_sections_at_once_complete_the_course_once(people, session):
    admin, student = await people.admin(), await people.student()
    for _ in range(15):
        course = await make_course("self", "self", "self", by=admin, learners=[student])
        await mark(student, course.sections[0], completed=True)
        answers = await asyncio.gather(
            *(
                student.put(f"/progress/sections/{section}", {"completed": True})
                for section in course.sections
            )
        )
        assert [answer["message"] for answer in answers].count("Course completed") == 1
        assert (await mine(student, course))["completedAt"] is not None
    lines = await session.execute(text("SELECT count(*) FROM audit_log WHERE action = 'course.completed'"))
    assert lines.scalar_one() == 15
    assert await doctor.examine(CHECKS) == []


async def test_first_marks_at_once_share_the_row(people):
    admin, student = await people.admin(), await people.student()
    for _ in range(5):
        course = await make_course(*["self"] * 8, by=admin, learners=[student])
        await asyncio.gather(*(mark(student, section, completed=True) for section in course.sections))
        row = await mine(student, course)
        assert (row["sectionsCompleted"], row["status"]) == (8, "completed")


async def test_marks_while_the_course_is_edited_and_refreshed(people):
    """Whatever comes first, at the end every counter is what a naive recount finds."""
    admin = await people.admin()
    learners = [await people.student() for _ in range(4)]
    for _ in range(6):
        course = await make_course(*["self"] * 5, by=admin, learners=learners)
        marked, removed = list(course.sections[:4]), course.sections[4]

        async def edit(course=course, removed=removed):
            await remove_section(course, removed)
            await jobs.refresh_course(str(course.id))
            await add_section(course)
            await jobs.refresh_course(str(course.id))

        async def learn(learner, marked=marked):
            for section in marked:
                await mark(learner, section, completed=True)

        await asyncio.gather(edit(), *(learn(learner) for learner in learners))
        assert await doctor.examine(CHECKS) == []
        await jobs.refresh_course(str(course.id))
        assert await doctor.examine(CHECKS) == []
        for learner in learners:
            row = await mine(learner, course)
            assert (row["sectionsCompleted"], row["totalSections"]) == (4, 5)
            assert row["progress"] == (100 if row["completedAt"] else 80)


async def test_a_section_removed_while_it_is_marked_is_not_counted(people):
    admin, student = await people.admin(), await people.student()
    for _ in range(10):
        course = await make_course("self", "self", by=admin, learners=[student])
        keep, section = course.sections
        await mark(student, keep)
        answer, _ = await asyncio.gather(
            student.http.put(f"/api/v1/progress/sections/{section}", json={"completed": True}),
            remove_section(course, section),
        )
        assert answer.status_code in {200, 404}
        row = await mine(student, course)
        assert (row["sectionsCompleted"], row["totalSections"], row["status"]) == (0, 1, "in-progress")
    async with db.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM course_progress"))).scalar_one() == 10
