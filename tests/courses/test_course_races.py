"""What the room promises to people who work at the same time."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import text
from tests.courses.conftest import COURSE


async def together(*requests):
    """Send all at once; how often each status was answered."""
    return Counter(response.status_code for response in await asyncio.gather(*requests))


def call(client, method, path, body=None, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.http.request(method, f"/api/v1{path}", json=body, headers=names)


async def test_parallel_creates_get_different_codes(admin, session):
    assert await together(*(call(admin, "POST", "/courses", COURSE) for _ in range(20))) == {201: 20}
    codes = await session.execute(text("SELECT count(DISTINCT course_code) FROM courses"))
    assert codes.scalar_one() == 20


async def test_of_parallel_editors_of_one_version_one_wins(admin, make_course):
    course_id = await make_course()
    edits = (
        call(admin, "PATCH", f"/courses/{course_id}", {"title": f"Title {n}"}, If_Match='"1"')
        for n in range(8)
    )
    assert await together(*edits) == {200: 1, 412: 7}
    assert (await admin.get(f"/courses/{course_id}"))["data"]["version"] == 2


async def test_of_parallel_editors_of_one_section_one_wins(admin, make_course):
    course_id = await make_course()
    section = (await admin.post(f"/courses/{course_id}/sections", {"title": "T"}))["data"]
    path = f"/courses/{course_id}/sections/{section['id']}"
    edits = (call(admin, "PATCH", path, {"title": f"Title {n}"}, If_Match='"1"') for n in range(8))
    assert await together(*edits) == {200: 1, 412: 7}


async def test_parallel_adds_stand_densely(admin, make_course, outline):
    course_id = await make_course()
    adds = (
        call(admin, "POST", f"/courses/{course_id}/sections", {"title": f"S{n}", "orderIndex": n % 3 + 1})
        for n in range(24)
    )
    assert await together(*adds) == {200: 24}
    assert sorted(await outline(course_id)) == sorted(f"S{n}" for n in range(24))


async def test_adds_moves_and_removals_at_once_stand_densely(admin, make_course, outline):
    course_id = await make_course(sections=8)
    sections = (await admin.get(f"/courses/{course_id}?include_sections=true"))["data"]["sections"]
    path = f"/courses/{course_id}/sections"
    ids = [section["id"] for section in sections]
    changes = [
        *(call(admin, "POST", path, {"title": f"New {n}", "orderIndex": n + 1}) for n in range(6)),
        *(call(admin, "PATCH", f"{path}/{ids[n]}", {"orderIndex": 8 - n}) for n in range(4)),
        *(call(admin, "DELETE", f"{path}/{ids[n]}") for n in range(4, 8)),
    ]
    assert await together(*changes) == {200: 14}
    assert sorted(await outline(course_id)) == sorted(
        [*(f"New {n}" for n in range(6)), *(f"Section {n}" for n in range(1, 5))]
    )


async def test_a_section_is_removed_once(admin, make_course, outline):
    course_id = await make_course(sections=3)
    section = (await admin.get(f"/courses/{course_id}?include_sections=true"))["data"]["sections"][1]
    removals = (call(admin, "DELETE", f"/courses/{course_id}/sections/{section['id']}") for _ in range(6))
    assert await together(*removals) == {200: 1, 404: 5}
    assert await outline(course_id) == ["Section 1", "Section 3"]


@pytest.mark.parametrize("_", range(6))
async def test_publishing_against_removing_the_last_section(admin, make_course, _):
    course_id = await make_course(sections=1)
    section = (await admin.get(f"/courses/{course_id}?include_sections=true"))["data"]["sections"][0]
    publish = call(admin, "PUT", f"/courses/{course_id}/publish")
    remove = call(admin, "DELETE", f"/courses/{course_id}/sections/{section['id']}")
    published, removed = await asyncio.gather(publish, remove)
    outcome = (published.status_code, removed.status_code)
    assert outcome in {(200, 409), (400, 200)}
    course = (await admin.get(f"/courses/{course_id}"))["data"]
    expected = ("published", 1) if outcome == (200, 409) else ("draft", 0)
    assert (course["status"], course["totalSections"]) == expected


async def test_two_removals_leave_a_published_course_one_section(admin, make_course):
    course_id = await make_course(sections=2, published=True)
    sections = (await admin.get(f"/courses/{course_id}?include_sections=true"))["data"]["sections"]
    removals = (call(admin, "DELETE", f"/courses/{course_id}/sections/{one['id']}") for one in sections)
    assert await together(*removals) == {200: 1, 409: 1}


async def test_parallel_publishing_is_once(admin, make_course, session):
    course_id = await make_course(sections=1)
    answers = await asyncio.gather(*(call(admin, "PUT", f"/courses/{course_id}/publish") for _ in range(6)))
    assert len({answer.text for answer in answers}) == 1
    told = await session.execute(text("SELECT count(*) FROM audit_log WHERE action = 'course.published'"))
    assert told.scalar_one() == 1


@pytest.mark.parametrize("_", range(6))
async def test_archiving_against_assigning(admin, people, make_course, _):
    course_id = await make_course(sections=1, published=True)
    student = await people.student()
    archive = call(admin, "PUT", f"/courses/{course_id}/archive")
    assign = call(admin, "POST", f"/courses/{course_id}/assignments", {"studentIds": [str(student.id)]})
    archived, assigned = await asyncio.gather(archive, assign)
    assert archived.status_code == 200
    assert assigned.status_code in {201, 409}
    listed = (await student.get("/courses"))["data"]
    assert len(listed) == (1 if assigned.status_code == 201 else 0)


@pytest.mark.parametrize("_", range(6))
async def test_deleting_a_draft_against_assigning_it(admin, people, make_course, _):
    course_id = await make_course(sections=1)
    student = await people.student()
    delete = call(admin, "DELETE", f"/courses/{course_id}")
    assign = call(admin, "POST", f"/courses/{course_id}/assignments", {"studentIds": [str(student.id)]})
    deleted, assigned = await asyncio.gather(delete, assign)
    outcome = (deleted.status_code, assigned.status_code)
    assert (outcome[0] == 409 and outcome[1] == 201) or (outcome[0] == 200 and outcome[1] in {404, 422})
