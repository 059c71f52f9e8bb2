"""Sections: what they hold, where they stand, and that they keep their ids."""

import pytest
from sqlalchemy import text

from tms.courses import service
from tms.courses.errors import CourseNotFoundError
from tms.courses.service import NewSection
from tms.platform import db
from tms.platform.ids import new_id

UNKNOWN = "0192f0c1-2345-7abc-8def-0123456789ab"


async def add(admin, course_id, title, **fields):
    return (await admin.post(f"/courses/{course_id}/sections", {"title": title} | fields))["data"]


async def test_a_section_is_added_as_specified(admin, make_course, session):
    course_id = await make_course()
    full = {
        "title": "Ladders",
        "content": "<p>Three points of contact.</p>",
        "videoUrl": "https://videos.example.org/ladders?t=1",
        "imageUrl": "http://images.example.org/ladder.png",
        "orderIndex": 1,
        "duration": 12,
        "completion": "viewed",
    }
    response = await admin.http.post(f"/api/v1/courses/{course_id}/sections", json=full)
    assert response.status_code == 200
    assert response.json()["message"] == "Section added successfully"
    data = response.json()["data"]
    assert data.items() >= (full | {"courseId": course_id}).items()
    assert data["createdAt"].endswith("Z")
    assert response.headers["etag"] == f'"{data["version"]}"'
    told = await session.execute(text("SELECT count(*) FROM audit_log WHERE action = 'section.added'"))
    assert told.scalar_one() == 1


async def test_the_default_is_that_learners_say_they_are_done(admin, make_course):
    section = await add(admin, await make_course(), "Plain")
    expected = {"completion": "self", "content": None, "videoUrl": None, "imageUrl": None, "duration": None}
    assert section.items() >= expected.items()


async def test_a_taken_place_shifts_and_beyond_the_end_appends(admin, make_course, outline):
    course_id = await make_course()
    await add(admin, course_id, "A", orderIndex=5)
    await add(admin, course_id, "B")
    await add(admin, course_id, "C", orderIndex=1)
    await add(admin, course_id, "D", orderIndex=2)
    await add(admin, course_id, "E", orderIndex=2**31 - 1)
    assert await outline(course_id) == ["C", "D", "A", "B", "E"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "x" * 256),
        ("orderIndex", 0),
        ("orderIndex", -1),
        ("orderIndex", 2**31),
        ("orderIndex", "1"),
        ("duration", -1),
        ("duration", 2**63),
        ("completion", "never"),
        ("videoUrl", "javascript:alert(1)"),
        ("videoUrl", "data:text/html,x"),
        ("videoUrl", "//videos.example.org"),
        ("videoUrl", "videos.example.org"),
        ("videoUrl", "ftp://videos.example.org"),
        ("videoUrl", "https://"),
        ("videoUrl", "https://user:secret@videos.example.org"),
        ("videoUrl", "https://videos.example.org/a b"),
        ("videoUrl", "https://videos.example.org\\@evil.example"),
        ("videoUrl", "https://videos.example.org/\u0000"),
        ("videoUrl", "https://[::1"),
        ("videoUrl", " https://videos.example.org"),
        ("imageUrl", "JAVASCRIPT:alert(1)"),
        ("imageUrl", "https://x.example/" + "x" * 483),
        ("imageUrl", "https://x.example:99999/"),
        ("content", "x" * 900_001),
        ("content", 5),
        ("id", UNKNOWN),
    ],
)
async def test_bad_fields_are_named_and_nothing_is_added(admin, make_course, outline, field, value):
    course_id = await make_course(sections=1)
    problem = await admin.post(
        f"/courses/{course_id}/sections", {"title": "New", "orderIndex": 1} | {field: value}, status=422
    )
    assert [error["field"] for error in problem["errors"]] == [field]
    assert await outline(course_id) == ["Section 1"]


async def test_the_longest_address_fits(admin, make_course):
    address = "https://x.example/" + "x" * 482
    assert (await add(admin, await make_course(), "Long", videoUrl=address))["videoUrl"] == address


async def test_an_edit_changes_what_is_sent_and_keeps_the_id(admin, make_course):
    course_id = await make_course()
    section = await add(admin, course_id, "Old", content="<p>kept</p>", duration=5)
    path = f"/courses/{course_id}/sections/{section['id']}"
    before = (await admin.get(f"/courses/{course_id}"))["data"]["version"]
    after = (await admin.patch(path, {"title": "New", "duration": None}))["data"]
    changed = {name for name in after if section[name] != after[name]}
    assert changed == {"title", "duration", "version"}
    assert (await admin.get(f"/courses/{course_id}"))["data"]["version"] == before + 1
    assert (await admin.patch(path, {}))["data"] == after


@pytest.mark.parametrize(
    "body", [{"title": None}, {"orderIndex": None}, {"completion": None}, {"orderIndex": 0}]
)
async def test_a_bad_edit_changes_nothing(admin, make_course, body):
    course_id = await make_course()
    section = await add(admin, course_id, "Old")
    path = f"/courses/{course_id}/sections/{section['id']}"
    await admin.patch(path, {"duration": 3} | body, status=422)
    assert (await admin.patch(path, {}))["data"] == section


async def test_versions_of_sections_are_checked(admin, make_course, outline):
    course_id = await make_course()
    section = await add(admin, course_id, "Old")
    path = f"/courses/{course_id}/sections/{section['id']}"
    first = {"headers": {"If-Match": '"1"'}}
    response = await admin.http.patch(f"/api/v1{path}", json={"title": "Mine"}, **first)
    assert (response.status_code, response.headers["etag"]) == (200, '"2"')
    await admin.patch(path, {"title": "Theirs"}, status=412, **first)
    await admin.delete(path, status=412, **first)
    assert await outline(course_id) == ["Mine"]
    await admin.delete(path, headers={"If-Match": '"2"'})
    assert await outline(course_id) == []


@pytest.mark.parametrize(
    ("title", "place", "expected"),
    [("D", 2, "ADBC"), ("A", 3, "BCAD"), ("B", 99, "ACDB"), ("C", 3, "ABCD"), ("D", 1, "DABC")],
)
async def test_a_section_is_moved_by_its_place(admin, make_course, outline, title, place, expected):
    course_id = await make_course()
    ids = {name: (await add(admin, course_id, name))["id"] for name in "ABCD"}
    moved = await admin.patch(f"/courses/{course_id}/sections/{ids[title]}", {"orderIndex": place})
    assert moved["data"]["orderIndex"] == min(place, 4)
    assert await outline(course_id) == list(expected)


async def test_all_sections_are_put_in_order_at_once(admin, make_course, outline):
    course_id = await make_course()
    ids = {name: (await add(admin, course_id, name))["id"] for name in "ABCD"}
    wanted = [ids[name] for name in "CADB"]
    response = await admin.http.put(
        f"/api/v1/courses/{course_id}/sections/order", json={"sectionIds": wanted}
    )
    assert response.json()["data"] == {"courseId": course_id, "sectionIds": wanted}
    assert await outline(course_id) == list("CADB")
    version = (await admin.get(f"/courses/{course_id}"))["data"]["version"]
    assert response.headers["etag"] == f'"{version}"'
    await admin.put(
        f"/courses/{course_id}/sections/order",
        {"sectionIds": wanted},
        headers={"If-Match": f'"{version - 1}"'},
        status=412,
    )


async def test_an_order_names_each_section_exactly_once(admin, make_course, outline):
    course_id = await make_course()
    ids = [(await add(admin, course_id, name))["id"] for name in "ABC"]
    foreign = (await add(admin, await make_course(), "X"))["id"]
    await admin.delete(f"/courses/{course_id}/sections/{ids[2]}")
    wrong = ([], ids[:1], ids, [*ids[:2], ids[0]], [ids[0], foreign], [ids[0], UNKNOWN], ["x"])
    for order in wrong:
        await admin.put(f"/courses/{course_id}/sections/order", {"sectionIds": order}, status=422)
    assert await outline(course_id) == ["A", "B"]


async def test_a_removed_section_is_archived_and_its_gap_closed(admin, make_course, outline, session):
    course_id = await make_course(sections=1, published=True)
    ids = [(await add(admin, course_id, name))["id"] for name in "AB"]
    removed = await admin.delete(f"/courses/{course_id}/sections/{ids[0]}")
    assert removed["data"] == {"id": ids[0], "totalSections": 2}
    assert await outline(course_id) == ["Section 1", "B"]
    kept = await session.execute(
        text("SELECT title, archived_at IS NOT NULL FROM course_sections WHERE id = :id"), {"id": ids[0]}
    )
    assert kept.one() == ("A", True)
    problem = await admin.delete(f"/courses/{course_id}/sections/{ids[0]}", status=404)
    assert problem["code"] == "section_not_found"
    await admin.patch(f"/courses/{course_id}/sections/{ids[0]}", {"title": "Back"}, status=404)


async def test_a_published_course_keeps_its_last_section(admin, make_course, outline):
    course_id = await make_course()
    section = await add(admin, course_id, "Only")
    await admin.put(f"/courses/{course_id}/publish")
    problem = await admin.delete(f"/courses/{course_id}/sections/{section['id']}", status=409)
    assert problem["code"] == "last_section"
    await admin.put(f"/courses/{course_id}/archive")
    await admin.delete(f"/courses/{course_id}/sections/{section['id']}")
    assert await outline(course_id) == []


async def test_a_section_is_found_only_in_its_own_course(admin, make_course):
    section = await add(admin, await make_course(), "Mine")
    other = await make_course(sections=1)
    for course_id, section_id in ((other, section["id"]), (other, UNKNOWN), (UNKNOWN, section["id"])):
        await admin.patch(f"/courses/{course_id}/sections/{section_id}", {"title": "X"}, status=404)
        await admin.delete(f"/courses/{course_id}/sections/{section_id}", status=404)
    await admin.patch(f"/courses/{other}/sections/nonsense", {"title": "X"}, status=400)


async def test_the_outline_number_grows_with_what_comes_and_goes_only(admin, make_course, session):
    course_id = await make_course(sections=2)

    async def number():
        found = await session.execute(text("SELECT outline FROM courses WHERE id = :id"), {"id": course_id})
        return found.scalar_one()

    assert await number() == 2
    section = await add(admin, course_id, "Third")
    path = f"/courses/{course_id}/sections/{section['id']}"
    await admin.patch(path, {"title": "Renamed", "orderIndex": 1})
    assert await number() == 3
    await admin.delete(path)
    assert await number() == 4


async def test_learners_counters_are_refreshed_after_a_change(admin, make_course, session):
    course_id = await make_course(sections=1)

    async def waiting():
        found = await session.execute(
            text(
                "SELECT args->>'course_id' FROM procrastinate_jobs WHERE task_name = 'progress.refresh_course'"
            )
        )
        return list(found.scalars())

    assert await waiting() == []
    await admin.put(f"/courses/{course_id}/publish")
    await add(admin, course_id, "A")
    await add(admin, course_id, "B")
    assert await waiting() == [course_id]


async def test_many_sections_are_appended_in_order(admin, make_course, outline):
    course_id = await make_course(sections=1)
    new = [NewSection(title=f"Page {n}", content=f"<p onclick=x()>{n}</p>") for n in range(1, 301)]
    async with db.transaction() as session:
        from_document = await service.change_sections(session, course_id=course_id, add=new, by=admin.id)
        assert await service.change_sections(session, course_id=course_id, add=[], by=admin.id) == []
    assert await outline(course_id) == ["Section 1", *(section.title for section in new)]
    sections = (await admin.get(f"/courses/{course_id}?include_sections=true"))["data"]["sections"]
    assert [section["id"] for section in sections[1:]] == [str(section_id) for section_id in from_document]
    assert sections[7]["content"] == "<p>7</p>"
    with pytest.raises(CourseNotFoundError):
        async with db.transaction() as session:
            await service.change_sections(session, course_id=new_id(), add=new, by=admin.id)
