"""Who may do what with which course: every route, every role, one's own and somebody else's."""

import pytest
from tests.courses.conftest import COURSE

UNKNOWN = "0192f0c1-2345-7abc-8def-0123456789ab"
SECTION = {"title": "New"}

DECIDING = [
    ("DELETE", "/courses/{course}", None),
    ("PUT", "/courses/{course}/publish", None),
    ("PUT", "/courses/{course}/archive", None),
    ("POST", "/courses/{course}/duplicate", None),
    ("PUT", "/courses/{course}/trainers/{user}", None),
    ("DELETE", "/courses/{course}/trainers/{user}", None),
]
EDITING = [
    ("PATCH", "/courses/{course}", {"title": "New"}),
    ("POST", "/courses/{course}/sections", SECTION),
    ("PATCH", "/courses/{course}/sections/{section}", SECTION),
    ("PUT", "/courses/{course}/sections/order", {"sectionIds": []}),
    ("DELETE", "/courses/{course}/sections/{section}", None),
]
READING = [("GET", "/courses/{course}", None)]
GENERAL = [("POST", "/courses", COURSE), ("GET", "/courses", None)]


async def send(client, method, path, body, status, **ids):
    filled = path.format(**({"course": UNKNOWN, "section": UNKNOWN, "user": UNKNOWN} | ids))
    return await client.request(method, filled, status=status, **({"json": body} if body is not None else {}))


@pytest.mark.parametrize(("method", "path", "body"), [*DECIDING, *EDITING, *READING, *GENERAL])
async def test_nobody_comes_in_without_a_token(people, method, path, body):
    await send(await people.anonymous(), method, path, body, 401)


@pytest.mark.parametrize(("method", "path", "body"), [*DECIDING, *EDITING, GENERAL[0]])
async def test_students_change_nothing(people, make_course, assign, method, path, body):
    student = await people.student()
    course_id = await make_course(sections=2, published=True)
    await assign(course_id, student, status=201)
    assert (await send(student, method, path, body, 403, course=course_id))["code"] == "forbidden"


@pytest.mark.parametrize(("method", "path", "body"), [*DECIDING, GENERAL[0]])
async def test_trainers_do_not_decide_even_on_their_own(people, admin, make_course, method, path, body):
    trainer = await people.trainer()
    course_id = await make_course(sections=1)
    await admin.put(f"/courses/{course_id}/trainers/{trainer.id}")
    await send(trainer, method, path, body, 403, course=course_id, user=trainer.id)


@pytest.mark.parametrize(("method", "path", "body"), [*DECIDING, *EDITING, *READING])
async def test_what_does_not_exist_is_not_found(admin, method, path, body):
    assert (await send(admin, method, path, body, 404, user=admin.id))["code"] == "course_not_found"


@pytest.mark.parametrize(("method", "path", "body"), [*DECIDING, *EDITING, *READING])
async def test_an_odd_id_is_refused(admin, method, path, body):
    assert (await send(admin, method, path, body, 400, course="nonsense"))["code"] == "invalid_id"


@pytest.mark.parametrize(("method", "path", "body"), EDITING)
async def test_trainers_edit_what_they_are_named_on_and_only_that(
    people, admin, make_course, method, path, body
):
    trainer = await people.trainer()
    for published in (False, True):
        mine = await make_course(sections=2, published=published)
        await admin.put(f"/courses/{mine}/trainers/{trainer.id}")
        other = await make_course(sections=2, published=published)
        for course_id, status in ((other, 403 if published else 404), (mine, 200)):
            sections = (await admin.get(f"/courses/{course_id}?include_sections=true"))["data"]["sections"]
            ids = [section["id"] for section in sections]
            sent = {"sectionIds": ids} if "order" in path else body
            await send(trainer, method, path, sent, status, course=course_id, section=ids[0])
        unchanged = (await admin.get(f"/courses/{other}"))["data"]
        assert (unchanged["title"], unchanged["totalSections"]) == ("Safety at work", 2)
        await admin.delete(f"/courses/{mine}/trainers/{trainer.id}")
        await send(trainer, "PATCH", "/courses/{course}", SECTION, 403 if published else 404, course=mine)


async def visible(client):
    listed = {course["title"] for course in (await client.get("/courses"))["data"]}
    assert (await client.get("/courses"))["page"]["total"] == len(listed)
    return listed


async def test_trainers_read_what_is_published_and_their_own(people, admin, make_course):
    trainer = await people.trainer()
    await make_course(title="Foreign draft", sections=1)
    await make_course(title="Published", sections=1, published=True)
    archived = await make_course(title="Foreign archived", sections=1, published=True)
    await admin.put(f"/courses/{archived}/archive")
    mine = [await make_course(title="My draft"), await make_course(title="My archived", sections=1)]
    await admin.put(f"/courses/{mine[1]}/archive")
    for course_id in mine:
        await admin.put(f"/courses/{course_id}/trainers/{trainer.id}")
    assert await visible(trainer) == {"Published", "My draft", "My archived"}
    assert len(await visible(admin)) == 5
    await trainer.get(f"/courses/{archived}", status=404)


async def test_students_see_what_is_assigned_to_them_and_never_a_draft(people, admin, make_course, assign):
    student, other = await people.student(), await people.student()
    made = {
        title: await make_course(title=title, sections=1, published="raft" not in title)
        for title in ("Published", "Archived", "Draft", "Archived draft", "Withdrawn", "Waived", "Not mine")
    }
    given = {}
    for title, course_id in made.items():
        who = other if title == "Not mine" else student
        given[title] = (await assign(course_id, who, status=201))["data"][0]["id"]
    for title in ("Archived", "Archived draft"):
        await admin.put(f"/courses/{made[title]}/archive")
    await admin.delete(f"/assignments/{given['Withdrawn']}")
    await admin.patch(f"/assignments/{given['Waived']}", {"waived": True})
    expected = {"Published", "Archived", "Waived"}
    assert await visible(student) == expected
    for title, course_id in made.items():
        path = f"/courses/{course_id}?include_sections=true"
        if title in expected:
            assert (await student.get(path))["data"]["sections"][0]["title"] == "Section 1"
        else:
            assert (await student.get(path, status=404))["code"] == "course_not_found"
    await admin.put(f"/courses/{made['Draft']}/publish")
    assert await visible(student) == expected | {"Draft"}


async def test_a_trainer_may_be_a_learner_too(people, admin, make_course, assign):
    trainer = await people.trainer()
    course_id = await make_course(title="Old", sections=1, published=True)
    await assign(course_id, trainer, status=201)
    await admin.put(f"/courses/{course_id}/archive")
    assert await visible(trainer) == {"Old"}
    await send(trainer, "PATCH", "/courses/{course}", SECTION, 403, course=course_id)
