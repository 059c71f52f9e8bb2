"""`PUT /progress/sections/{id}` and `GET /progress`."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, text
from tests.progress.learning import (
    NOBODY,
    add_section,
    give,
    make_course,
    mark,
    mine,
    remove_section,
    set_assignment,
    set_course,
)

from tms import app
from tms.operations import doctor


async def test_a_section_is_completed_and_the_course_follows(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", "self", "self", by=admin, learners=[student])
    before = await mine(student, course)
    assert (before["status"], before["progress"], before["sectionsCompleted"]) == ("not-started", 0, 0)
    assert before["resume"] is None
    first = await mark(student, course.sections[0], completed=True, timeSpentSeconds=40, positionSeconds=12)
    assert first["completed"] is True
    assert first["completedAt"].endswith("Z")
    assert first["course"] == {
        "courseId": str(course.id),
        "progress": 33,
        "sectionsCompleted": 1,
        "totalSections": 3,
        "status": "in-progress",
        "completedAt": None,
    }
    await mark(student, course.sections[1], completed=True)
    answer = await student.put(f"/progress/sections/{course.sections[2]}", {"completed": True})
    assert answer["message"] == "Course completed"
    assert answer["data"]["course"]["progress"] == 100
    assert answer["data"]["course"]["status"] == "completed"
    after = await mine(student, course)
    assert after["completedAt"] == answer["data"]["course"]["completedAt"] is not None
    assert after["timeSpentSeconds"] == 40
    assert await doctor.examine(app.CHECKS) == []


async def test_opening_a_section_starts_the_course_and_is_where_to_go_on(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", "self", by=admin, learners=[student])
    opened = await mark(student, course.sections[1], positionSeconds=70)
    assert opened["completed"] is False
    assert opened["course"]["status"] == "in-progress"
    assert opened["course"]["progress"] == 0
    row = await mine(student, course)
    assert row["lastSectionId"] == str(course.sections[1])
    assert row["resume"] == {
        "sectionId": str(course.sections[1]),
        "title": "Section 2",
        "orderIndex": 2,
        "positionSeconds": 70,
    }
    await remove_section(course, course.sections[1])
    assert (await mine(student, course))["resume"] is None


async def test_one_of_many_sections_is_in_progress_though_it_rounds_to_nothing(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course(*["self"] * 101, by=admin, learners=[student])
    state = (await mark(student, course.sections[0], completed=True))["course"]
    assert (state["progress"], state["status"], state["sectionsCompleted"]) == (0, "in-progress", 1)
    for section in course.sections[1:-1]:
        state = (await mark(student, section, completed=True))["course"]
    assert (state["progress"], state["status"], state["sectionsCompleted"]) == (99, "in-progress", 100)


async def test_totals_never_shrink_and_repeats_change_nothing(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", "self", by=admin, learners=[student])
    section = course.sections[0]
    done = await mark(student, section, completed=True, timeSpentSeconds=100, positionSeconds=50)
    again = await mark(student, section, completed=True, timeSpentSeconds=100, positionSeconds=50)
    assert again == done
    less = await mark(student, section, completed=False, timeSpentSeconds=7, positionSeconds=3)
    assert less == done
    more = await mark(student, section, timeSpentSeconds=101)
    assert (more["timeSpentSeconds"], more["positionSeconds"], more["completed"]) == (101, 50, True)
    await mark(student, course.sections[1], timeSpentSeconds=9)
    assert (await mine(student, course))["timeSpentSeconds"] == 110


async def test_the_largest_times_add_up(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course(*["self"] * 25, by=admin, learners=[student])
    for section in course.sections:
        await mark(student, section, timeSpentSeconds=100_000_000, positionSeconds=100_000_000)
    assert (await mine(student, course))["timeSpentSeconds"] == 2_500_000_000


async def test_a_section_to_be_viewed_is_completed_by_its_first_mark_and_never_by_reading(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course("viewed", "self", by=admin, learners=[student])
    await student.get("/progress")
    assert (await mine(student, course))["status"] == "not-started"
    assert (await mark(student, course.sections[0]))["completed"] is True


async def test_a_section_with_a_test_is_not_completed_by_saying_so(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course("test", by=admin, learners=[student])
    problem = await mark(student, course.sections[0], status=409, completed=True, timeSpentSeconds=5)
    assert problem["code"] == "completed_by_test"
    assert (await mine(student, course))["status"] == "not-started", "nothing of it was kept"
    state = await mark(student, course.sections[0], timeSpentSeconds=5)
    assert (state["completed"], state["timeSpentSeconds"]) == (False, 5)


@pytest.mark.parametrize(
    "body",
    [
        {"completed": "yes"},
        {"completed": 1},
        {"timeSpentSeconds": -1},
        {"timeSpentSeconds": 100_000_001},
        {"timeSpentSeconds": "5"},
        {"timeSpentSeconds": 1.5},
        {"positionSeconds": True},
        {"positionSeconds": 10**30},
        {"time_spent": 3},
        [],
        None,
    ],
)
async def test_a_bad_body_says_what_is_wrong(people, body):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", by=admin, learners=[student])
    answer = await student.request("PUT", f"/progress/sections/{course.sections[0]}", json=body, status=422)
    assert answer["errors"]
    assert (await mine(student, course))["status"] == "not-started"


async def test_who_may_learn(people):
    """Whoever has the course learns, whatever their role; nobody else does, and a role opens nothing."""
    admin, trainer = await people.admin(), await people.trainer()
    student, other = await people.student(), await people.student()
    course = await make_course("self", "self", by=admin, learners=[student])
    section = course.sections[0]
    for stranger in (admin, trainer, other):
        assert (await mark(stranger, section, status=404))["code"] == "section_not_found"
        assert await mine(stranger, course) is None
    await mark(student, section, completed=True)
    await give(course, trainer)
    assert (await mark(trainer, section, completed=True))["course"]["progress"] == 50
    assert (await mine(trainer, course))["sectionsCompleted"] == 1
    assert (await mine(student, course))["sectionsCompleted"] == 1
    await mark(student, NOBODY, status=404)
    assert (await student.put("/progress/sections/nonsense", {}, status=400))["code"] == "invalid_id"


async def test_anonymous_people_have_no_progress(people):
    anonymous = await people.anonymous()
    await anonymous.get("/progress", status=401)
    await anonymous.put(f"/progress/sections/{NOBODY}", {}, status=401)


async def test_what_cannot_be_learnt(people):
    """Drafts, withdrawn assignments and removed sections are not there; archived and waived ones go on."""
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", "self", by=admin, learners=[student])
    section, removed = course.sections
    await remove_section(course, removed)
    await mark(student, removed, status=404)
    draft = await make_course("self", by=admin, learners=[student], status="draft")
    await mark(student, draft.sections[0], status=404)
    assert await mine(student, draft) is None
    await set_course(course, status="archived", archived_at=func.now())
    await set_assignment(course, student, waived_at=func.now())
    await mark(student, section, timeSpentSeconds=1)
    assert (await mine(student, course))["waived"] is True
    await set_assignment(course, student, closed_at=func.now())
    await mark(student, section, status=404)
    assert await mine(student, course) is None
    await set_assignment(course, student, closed_at=None)
    assert (await mine(student, course))["timeSpentSeconds"] == 1, "the record was kept"


async def test_a_completed_course_stays_completed_when_sections_are_added(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", by=admin, learners=[student])
    done = await mark(student, course.sections[0], completed=True)
    added = await add_section(course)
    row = await mine(student, course)
    assert (row["progress"], row["status"], row["sectionsCompleted"], row["totalSections"]) == (
        100,
        "completed",
        1,
        2,
    )
    state = (await mark(student, added))["course"]
    assert (state["progress"], state["status"], state["sectionsCompleted"]) == (100, "completed", 1)
    assert state["completedAt"] == done["course"]["completedAt"]


async def test_my_courses_come_in_pages_and_orders(people):
    admin, student = await people.admin(), await people.student()
    for title, day in (("B", None), ("C", 2), ("A", 1)):
        due_at = datetime(2030, 1, day, tzinfo=UTC) if day else None
        await make_course("self", by=admin, learners=[student], title=title, due_at=due_at)
    for sort, titles in (("assignedAt", "BCA"), ("title", "ABC"), ("dueDate", "ACB"), ("-dueDate", "BCA")):
        found, cursor = "", None
        while len(found) < 3:
            wanted = {"sort": sort, "limit": 1} | ({"cursor": cursor} if cursor else {})
            page = await student.get("/progress", params=wanted)
            found += page["data"][0]["title"]
            assert page["page"]["total"] == 3
            cursor = page["page"]["nextCursor"]
        assert found == titles
        assert cursor is None
    await student.get("/progress", params={"sort": "size"}, status=422)


async def test_a_completion_is_in_the_audit_log_once(people, session):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", by=admin, learners=[student])
    for _ in range(3):
        await mark(student, course.sections[0], completed=True)
    lines = await session.execute(
        text("SELECT actor_id, object_id FROM audit_log WHERE action = 'course.completed'")
    )
    assert lines.all() == [(student.id, course.assignments[student.id])]
