"""Each check of the room finds what is planted, and only that."""

import pytest
from sqlalchemy import text

from tms.courses.doctor import CHECKS
from tms.operations import doctor
from tms.platform import db

PLANTED = {
    "published_courses_have_sections": "UPDATE course_sections SET archived_at = now(), order_index = NULL",
    "section_count": "UPDATE courses SET section_count = 3",
    "section_places": "UPDATE course_sections SET order_index = order_index + 1",
    "course_dates": "UPDATE courses SET archived_at = now()",
    "course_trainers_are_staff": "INSERT INTO course_trainers SELECT courses.id, users.id FROM courses, users "
    "WHERE role = 'student'",
    "assignment_sources": "DELETE FROM assignment_sources",
    "assignment_due_dates": "UPDATE course_assignments SET due_at = now()",
    "assignment_extensions": "UPDATE course_assignments SET extended_by = student_id",
}


def test_every_check_is_planted_here():
    assert PLANTED.keys() == {check.name for check in CHECKS}


@pytest.mark.parametrize("name", PLANTED)
async def test_a_broken_promise_is_found(people, name):
    admin, student = await people.admin(), await people.student()
    course = {
        "title": "T",
        "category": "C",
        "templateType": "text-only",
        "difficulty": "D",
        "estimatedDuration": 1,
    }
    course_id = (await admin.post("/courses", course, status=201))["data"]["id"]
    for title in ("One", "Two"):
        await admin.post(f"/courses/{course_id}/sections", {"title": title})
    await admin.put(f"/courses/{course_id}/publish")
    await admin.post(f"/courses/{course_id}/assignments", {"studentIds": [str(student.id)]}, status=201)
    assert await doctor.examine(CHECKS) == []
    async with db.transaction() as session:
        await session.execute(text(PLANTED[name]))
    found = {finding.check.name: finding.ids for finding in await doctor.examine(CHECKS)}
    assert name in found
    assert len(found[name]) == 1
