"""`GET /students/{id}/courses` and `GET /students/{id}/courses/{courseId}/progress`."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter
from sqlalchemy import func
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

from tms.http.answers import Answer
from tms.students.schemas import StudentCourses

ENDS = datetime(2030, 1, 1, 12, tzinfo=UTC)


async def _courses(client, student):
    return (await client.get(f"/students/{student.id}/courses"))["data"]


async def test_the_shape_is_that_of_the_specification(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course(
        "self", "self", by=admin, learners=[student], title='"Ünï" \\ </b>', due_at=ENDS
    )
    await set_course(course, description="line\nline\ttab")
    await mark(student, course.sections[0], completed=True)
    found = await _courses(student, student)
    (row,) = found["courses"]
    assert datetime.fromisoformat(row.pop("assignedAt")).tzinfo is not None
    assert row == {
        "id": str(course.id),
        "courseCode": row["courseCode"],
        "title": '"Ünï" \\ </b>',
        "description": "line\nline\ttab",
        "templateType": "text-only",
        "progress": 50,
        "sectionsCompleted": 1,
        "totalSections": 2,
        "status": "in-progress",
        "dueDate": "2030-01-01T12:00:00.000000Z",
        "completedAt": None,
        "waived": False,
        "lastSectionId": str(course.sections[0]),
    }
    assert found["statistics"] == {
        "totalEnrolled": 1,
        "completed": 0,
        "inProgress": 1,
        "notStarted": 0,
        "averageProgress": 50,
    }


async def test_the_raw_bytes_are_what_the_document_promises(people):
    admin, student = await people.admin(), await people.student()
    for due_at in (None, ENDS):
        course = await make_course("self", by=admin, learners=[student], due_at=due_at)
        await mark(student, course.sections[0], completed=True)
    await make_course("self", by=admin, learners=[student])
    response = await student.http.get(f"/api/v1/students/{student.id}/courses")
    assert response.headers["content-type"] == "application/json"
    strict = TypeAdapter(Answer[StudentCourses], config=None)
    answer = strict.validate_json(response.content, strict=True, extra="forbid")
    assert [row.status for row in answer.data.courses] == ["completed", "completed", "not-started"]
    promised = set(StudentCourses.model_json_schema(by_alias=True)["$defs"]["AssignedCourse"]["properties"])
    assert all(set(row) == promised for row in response.json()["data"]["courses"])


async def test_nothing_assigned_is_an_empty_list(people):
    student = await people.student()
    assert await _courses(student, student) == {
        "courses": [],
        "statistics": {
            "totalEnrolled": 0,
            "completed": 0,
            "inProgress": 0,
            "notStarted": 0,
            "averageProgress": 0,
        },
    }


async def test_the_statistics_are_over_the_shown_values(people):
    admin, student = await people.admin(), await people.student()
    done = await make_course("self", by=admin, learners=[student])
    third = await make_course("self", "self", "self", by=admin, learners=[student])
    opened = await make_course("self", by=admin, learners=[student])
    await make_course("self", by=admin, learners=[student])
    await mark(student, done.sections[0], completed=True)
    await add_section(done)
    await mark(student, third.sections[0], completed=True)
    await mark(student, opened.sections[0])
    found = await _courses(student, student)
    assert [row["progress"] for row in found["courses"]] == [100, 33, 0, 0]
    assert found["statistics"] == {
        "totalEnrolled": 4,
        "completed": 1,
        "inProgress": 2,
        "notStarted": 1,
        "averageProgress": 33,
    }


async def test_who_sees_a_students_courses(people):
    admin, trainer, stranger = await people.admin(), await people.trainer(), await people.trainer()
    taught, other = await people.student(), await people.student()
    body = {"name": "Batch", "startDate": "2026-01-01", "endDate": "2030-01-01"}
    batch = (await admin.post("/batches", body, status=201))["data"]["id"]
    await admin.post(f"/batches/{batch}/students", {"studentIds": [str(taught.id)]}, status=201)
    await admin.put(f"/batches/{batch}/trainers/{trainer.id}")
    course = await make_course("self", by=admin, learners=[taught, other])
    detail = f"/students/{taught.id}/courses/{course.id}/progress"
    seen = await _courses(taught, taught)
    explained = await taught.get(detail, params={"explain": "true"})
    for client in (admin, trainer):
        assert await _courses(client, taught) == seen
        assert await client.get(detail, params={"explain": "true"}) == explained
    for nosy in (stranger, other):
        problem = await nosy.get(f"/students/{taught.id}/courses", status=404)
        assert problem["code"] == "student_not_found"
        assert (await nosy.get(detail, status=404))["code"] == "progress_not_found"
    await trainer.get(f"/students/{other.id}/courses", status=404)
    await other.get(f"/students/{other.id}/courses/{course.id}/progress")


async def test_one_course_explained(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course("viewed", "self", "test", "self", "viewed", by=admin, learners=[student])
    viewed, said, tested, opened, untouched = course.sections
    await mark(student, viewed, positionSeconds=9)
    await mark(student, said, completed=True, timeSpentSeconds=30)
    await mark(student, tested)
    await mark(student, opened)
    path = f"/students/{student.id}/courses/{course.id}/progress"
    brief = (await student.get(path))["data"]
    assert brief["sections"] is None
    found = (await student.get(path, params={"explain": "true"}))["data"]
    sections = found["sections"]
    assert {**found, "sections": None} == brief
    assert (found["progress"], found["sectionsCompleted"], found["totalSections"]) == (40, 2, 5)
    assert found["resume"]["sectionId"] == str(opened)
    assert [row["sectionId"] for row in sections] == [str(section) for section in course.sections]
    assert [row["orderIndex"] for row in sections] == [1, 2, 3, 4, 5]
    assert [row["completion"] for row in sections] == ["viewed", "self", "test", "self", "viewed"]
    assert [row["completed"] for row in sections] == [True, True, False, False, False]
    assert [row["missing"] for row in sections] == [None, None, "pass_test", "mark_done", "open"]
    assert [row["timeSpentSeconds"] for row in sections] == [0, 30, 0, 0, 0]
    assert [row["positionSeconds"] for row in sections] == [9, 0, 0, 0, 0]
    assert [row["firstSeenAt"] is None for row in sections] == [False, False, False, False, True]
    assert sections[0]["completedAt"].endswith("Z")
    await remove_section(course, said)
    found = (await student.get(path, params={"explain": "true"}))["data"]
    assert [row["sectionId"] for row in found["sections"]] == [
        str(section) for section in (viewed, tested, opened, untouched)
    ]
    assert (found["progress"], found["sectionsCompleted"]) == (25, 1)


async def test_what_a_student_does_not_have_is_not_found(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", by=admin)
    path = f"/students/{student.id}/courses/{course.id}/progress"
    await student.get(path, status=404)
    await give(course, student)
    await student.get(path)
    await set_assignment(course, student, closed_at=func.now())
    await student.get(path, status=404)
    draft = await make_course("self", by=admin, learners=[student], status="draft")
    for client in (admin, student):
        await client.get(f"/students/{student.id}/courses/{draft.id}/progress", status=404)
        await client.get(f"/students/{student.id}/courses/{NOBODY}/progress", status=404)
    assert (await _courses(admin, student))["courses"] == []
    await student.get(f"/students/{student.id}/courses/nonsense/progress", status=400)
    await student.get(path, params={"explain": "perhaps"}, status=422)


async def test_an_archived_course_is_kept_by_those_who_have_it(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", by=admin, learners=[student])
    await set_course(course, status="archived", archived_at=func.now())
    assert [row["id"] for row in (await _courses(student, student))["courses"]] == [str(course.id)]


async def test_all_answers_have_the_same_numbers(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", "self", "self", by=admin, learners=[student])
    state = (await mark(student, course.sections[0], completed=True))["course"]
    numbers = ("progress", "sectionsCompleted", "totalSections", "status", "completedAt")
    (listed,) = (await _courses(student, student))["courses"]
    detail = (await student.get(f"/students/{student.id}/courses/{course.id}/progress"))["data"]
    own = await mine(student, course)
    for other in (listed, detail, own):
        assert [other[name] for name in numbers] == [state[name] for name in numbers]


@pytest.mark.parametrize("role", ["admin", "trainer", "student"])
async def test_a_students_courses_are_one_statement(people, statements, role):
    admin, student = await people.admin(), await people.student()
    for _ in range(3):
        await make_course("self", "self", by=admin, learners=[student])
    caller = student
    if role == "admin":
        caller = admin
    elif role == "trainer":
        caller = await people.trainer()
    status = 404 if role == "trainer" else 200
    await caller.get(f"/students/{student.id}/courses", status=status)
    statements.clear()
    await caller.get(f"/students/{student.id}/courses", status=status)
    assert len(statements) == 1
