"""Edits of a course touch no learner's row: answers are exact at once, and a job brings the counters up to date."""

import asyncio

import pytest
from sqlalchemy import func, select, text
from tests.progress.learning import (
    add_section,
    make_course,
    mark,
    mine,
    remove_section,
    set_assignment,
)

from tms.operations import doctor
from tms.platform import db, queue
from tms.progress import jobs, service
from tms.progress.doctor import CHECKS
from tms.progress.models import CourseProgress


async def _stale(made):
    async with db.reading() as session:
        return made.id in await service.courses_to_refresh(session)


async def _kept(session, made, learner):
    statement = select(CourseProgress.completed_sections, CourseProgress.completed_at).where(
        CourseProgress.assignment_id == made.assignments[learner.id]
    )
    return (await session.execute(statement)).one()


async def test_answers_are_exact_before_the_counters_are(people, session):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", "self", "self", by=admin, learners=[student])
    await mark(student, course.sections[0], completed=True)
    await mark(student, course.sections[1], completed=True)
    await remove_section(course, course.sections[0])
    row = await mine(student, course)
    assert (row["sectionsCompleted"], row["totalSections"], row["progress"]) == (1, 2, 50)
    await add_section(course)
    row = await mine(student, course)
    assert (row["sectionsCompleted"], row["totalSections"], row["progress"]) == (1, 3, 33)
    assert await _stale(course)
    assert (await _kept(session, course, student)).completed_sections == 2, "no learner's row was touched"
    await jobs.refresh_course(str(course.id))
    assert not await _stale(course)
    assert (await _kept(session, course, student)).completed_sections == 1
    assert await mine(student, course) == row
    assert await doctor.examine(CHECKS) == []


async def test_removing_the_only_undone_section_completes_the_course(people, session):
    admin, student, beginner = await people.admin(), await people.student(), await people.student()
    course = await make_course("self", "self", by=admin, learners=[student, beginner])
    await mark(student, course.sections[0], completed=True)
    await mark(beginner, course.sections[0])
    await remove_section(course, course.sections[1])
    row = await mine(student, course)
    assert (row["progress"], row["status"], row["completedAt"]) == (100, "completed", None)
    await jobs.refresh_course(str(course.id))
    row = await mine(student, course)
    assert row["completedAt"] is not None
    assert (await mine(beginner, course))["status"] == "in-progress"
    await jobs.refresh_course(str(course.id))
    await add_section(course)
    await jobs.refresh_course(str(course.id))
    again = await mine(student, course)
    assert (again["progress"], again["completedAt"]) == (100, row["completedAt"])
    lines = await session.execute(
        text("SELECT object_id FROM audit_log WHERE action = 'course.completed' AND actor_id IS NULL")
    )
    assert lines.scalars().all() == [course.assignments[student.id]]


async def test_a_course_is_not_completed_where_the_removal_was_followed_by_an_addition(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", "self", by=admin, learners=[student])
    await mark(student, course.sections[0], completed=True)
    await remove_section(course, course.sections[1])
    await add_section(course)
    await jobs.refresh_course(str(course.id))
    row = await mine(student, course)
    assert (row["progress"], row["status"], row["completedAt"]) == (50, "in-progress", None)


async def test_who_no_longer_has_the_course_does_not_complete_it(people, session):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", "self", by=admin, learners=[student])
    await mark(student, course.sections[0], completed=True)
    await set_assignment(course, student, closed_at=func.now())
    await remove_section(course, course.sections[1])
    await jobs.refresh_course(str(course.id))
    assert (await _kept(session, course, student)).completed_at is None
    await set_assignment(course, student, closed_at=None)
    assert (await mine(student, course))["status"] == "completed"
    assert await _stale(course)
    await jobs.refresh_course(str(course.id))
    assert (await mine(student, course))["completedAt"] is not None


async def test_many_learners_are_refreshed_in_chunks(people, monkeypatch):
    admin = await people.admin()
    learners = [await people.student() for _ in range(7)]
    course = await make_course("self", "self", by=admin, learners=learners)
    for learner in learners:
        await mark(learner, course.sections[0], completed=True)
    await remove_section(course, course.sections[1])
    monkeypatch.setattr(service, "CHUNK", 3)
    chunks = []
    while not chunks or chunks[-1]:
        async with db.transaction() as session:
            chunks.append(await service.refresh_some(session, course.id))
    assert chunks == [3, 3, 1, 0]
    assert {(await mine(learner, course))["status"] for learner in learners} == {"completed"}


async def test_once_a_night_what_was_left_old_is_asked_for(people, run_jobs):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", "self", by=admin, learners=[student])
    await mark(student, course.sections[0], completed=True)
    await remove_section(course, course.sections[1])
    await jobs.refresh_courses(0)
    await run_jobs()
    assert not await _stale(course)


async def test_a_refreshing_waits_for_an_editor_who_found_it_in_line(people, session):
    """An editor who finds a job waiting asks for no second one; so the job must see what that editor did."""
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", "self", by=admin, learners=[student])
    await mark(student, course.sections[0], completed=True)
    async with db.transaction() as editing:
        await editing.execute(text("SELECT 1 FROM courses WHERE id = :id FOR UPDATE"), {"id": course.id})
        job = asyncio.create_task(jobs.refresh_course(str(course.id)))
        await asyncio.sleep(0.3)
        assert not job.done()
        await editing.execute(
            text(
                "WITH gone AS (UPDATE course_sections SET archived_at = now(), order_index = NULL WHERE id = :section)"
                " UPDATE courses SET section_count = 1, outline = outline + 1 WHERE id = :id"
            ),
            {"id": course.id, "section": course.sections[1]},
        )
    await job
    assert (await _kept(session, course, student)).completed_at is not None


async def test_the_jobs_are_known_by_name():
    assert {"progress.refresh_course", "progress.refresh_courses"} <= queue.names()


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("UPDATE course_progress SET completed_sections = 2", "progress.counters"),
        ("UPDATE course_progress SET outline = 99", "progress.counters"),
        ("UPDATE section_progress SET completed_at = now()", "progress.completed"),
        ("UPDATE course_progress SET completed_at = now()", "progress.completed_by_something"),
        ("UPDATE course_progress SET time_spent_seconds = 8", "progress.time"),
        ("DELETE FROM course_progress", "progress.sections"),
    ],
)
async def test_the_doctor_finds_what_is_wrong(people, damage, check):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", by=admin, learners=[student])
    await mark(student, course.sections[0], timeSpentSeconds=7)
    assert await doctor.examine(CHECKS) == []
    async with db.transaction() as session:
        await session.execute(text(damage))
    found = {finding.check.name: finding.ids for finding in await doctor.examine(CHECKS)}
    assert found[check] == (str(course.assignments[student.id]),)
