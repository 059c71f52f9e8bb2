import pytest

from tms.courses.doctor import CHECKS
from tms.operations import doctor

COURSE = {
    "title": "Safety at work",
    "description": "What everybody needs to know.",
    "category": "Safety",
    "templateType": "text-video",
    "difficulty": "beginner",
    "estimatedDuration": 3,
}


@pytest.fixture
async def admin(people):
    """An administrator; after the test, this room's promises about the data still hold."""
    yield await people.admin()
    assert await doctor.examine(CHECKS) == []


@pytest.fixture
def make_course(admin):
    """`await make_course(sections=2, published=True, title="...")` makes a course as an administrator would."""

    async def make(*, sections=0, published=False, **fields):
        course = (await admin.post("/courses", COURSE | fields, status=201))["data"]
        for number in range(1, sections + 1):
            await admin.post(f"/courses/{course['id']}/sections", {"title": f"Section {number}"})
        if published:
            await admin.put(f"/courses/{course['id']}/publish")
        return course["id"]

    return make


@pytest.fixture
def assign(admin):
    """`await assign(course_id, student)` gives the course by hand, as an administrator would; the assignment."""

    async def give(course_id, *students, due=None, status=200):
        body = {"studentIds": [str(student.id) for student in students], "dueDate": due}
        return await admin.post(f"/courses/{course_id}/assignments", body, status=status)

    return give


@pytest.fixture
def outline(admin):
    """`await outline(course_id)`: the titles of the live sections in order, whose places are checked to be 1..n."""

    async def read(course_id):
        course = (await admin.get(f"/courses/{course_id}?include_sections=true"))["data"]
        places = [section["orderIndex"] for section in course["sections"]]
        assert places == list(range(1, len(places) + 1))
        assert course["totalSections"] == len(places)
        return [section["title"] for section in course["sections"]]

    return read
