"""A course from its first draft to its archive."""

import pytest
from sqlalchemy import text
from tests.courses.conftest import COURSE

from tms.platform import db

UNKNOWN = "0192f0c1-2345-7abc-8def-0123456789ab"


async def test_a_new_course_is_a_draft_with_a_code(admin, session):
    response = await admin.http.post("/api/v1/courses", json=COURSE)
    assert response.status_code == 201
    body = response.json()
    assert body["success"] is True
    assert body["message"] == "Course created successfully"
    data = body["data"]
    assert data.items() >= (COURSE | {"status": "draft", "totalSections": 0, "trainers": []}).items()
    assert data["courseCode"].startswith("C")
    assert len(data["courseCode"]) >= 4
    assert data["createdAt"].endswith("Z")
    assert data["publishedAt"] is None
    assert data["createdBy"] == str(admin.id)
    assert response.headers["etag"] == '"1"'
    told = (await session.execute(text("SELECT action, actor_id FROM audit_log"))).one()
    assert told == ("course.created", admin.id)


async def test_only_the_description_may_be_left_out(admin):
    without = {name: value for name, value in COURSE.items() if name != "description"}
    assert (await admin.post("/courses", without, status=201))["data"]["description"] is None
    for name in without:
        lacking = {key: value for key, value in COURSE.items() if key != name}
        problem = await admin.post("/courses", lacking, status=422)
        assert [error["field"] for error in problem["errors"]] == [name]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "   "),
        ("title", "x" * 256),
        ("title", "a\u0000b"),
        ("title", "two\nlines"),
        ("title", None),
        ("title", 5),
        ("category", "x" * 101),
        ("difficulty", "x" * 51),
        ("description", "x" * 20_001),
        ("description", "a\u0000b"),
        ("templateType", "audio"),
        ("templateType", "TEXT-ONLY"),
        ("estimatedDuration", -1),
        ("estimatedDuration", 2**31),
        ("estimatedDuration", 2**63),
        ("estimatedDuration", 1.5),
        ("estimatedDuration", "3"),
        ("estimatedDuration", True),
        ("status", "published"),
        ("courseCode", "C999"),
    ],
)
async def test_bad_fields_are_named_and_nothing_is_made(admin, session, field, value):
    problem = await admin.post("/courses", COURSE | {field: value}, status=422)
    assert [error["field"] for error in problem["errors"]] == [field]
    assert (await session.execute(text("SELECT count(*) FROM courses"))).scalar_one() == 0


async def test_the_longest_values_fit(admin):
    longest = {
        "title": "T" * 255,
        "description": "é" * 20_000,
        "category": "c" * 100,
        "difficulty": "d" * 50,
        "estimatedDuration": 2**31 - 1,
    }
    made = (await admin.post("/courses", COURSE | longest, status=201))["data"]
    assert made.items() >= longest.items()


async def test_reading_one_with_and_without_sections(admin, make_course):
    course_id = await make_course(sections=2)
    response = await admin.http.get(f"/api/v1/courses/{course_id}")
    assert response.json()["data"]["sections"] is None
    assert response.json()["data"]["totalSections"] == 2
    assert response.headers["etag"] == f'"{response.json()["data"]["version"]}"'
    sections = (await admin.get(f"/courses/{course_id}?include_sections=true"))["data"]["sections"]
    assert [section["title"] for section in sections] == ["Section 1", "Section 2"]
    assert sections[0].keys() == {
        "id",
        "title",
        "content",
        "videoUrl",
        "imageUrl",
        "orderIndex",
        "duration",
        "completion",
        "version",
    }
    assert (await admin.get(f"/courses/{await make_course()}?include_sections=true"))["data"][
        "sections"
    ] == []


async def test_an_edit_changes_what_is_sent_and_nothing_else(admin, make_course, session):
    course_id = await make_course()
    before = (await admin.get(f"/courses/{course_id}"))["data"]
    after = (await admin.patch(f"/courses/{course_id}", {"title": "Fire safety", "description": None}))[
        "data"
    ]
    assert after["title"] == "Fire safety"
    assert after["description"] is None
    changed = {name for name in after if before[name] != after[name]}
    assert changed == {"title", "description", "updatedAt", "version"}
    for nothing in ({}, {"title": "Fire safety"}):
        assert (await admin.patch(f"/courses/{course_id}", nothing))["data"] == after
    told = await session.execute(text("SELECT changes FROM audit_log WHERE action = 'course.changed'"))
    assert told.scalar_one() == {"title": ["Safety at work", "Fire safety"], "description": "changed"}


@pytest.mark.parametrize(
    "body",
    [{"title": None}, {"category": None}, {"estimatedDuration": None}, {"status": "published"}, {"x": 1}],
)
async def test_a_bad_edit_changes_nothing(admin, make_course, body):
    course_id = await make_course()
    before = await admin.get(f"/courses/{course_id}")
    await admin.patch(f"/courses/{course_id}", {"difficulty": "hard"} | body, status=422)
    assert await admin.get(f"/courses/{course_id}") == before


async def test_an_edit_of_an_older_version_is_refused(admin, make_course):
    course_id = await make_course()
    first = {"headers": {"If-Match": '"1"'}}
    await admin.patch(f"/courses/{course_id}", {"title": "One"}, **first)
    problem = await admin.patch(f"/courses/{course_id}", {"title": "Two"}, status=412, **first)
    assert problem["code"] == "version_changed"
    assert (await admin.get(f"/courses/{course_id}"))["data"]["title"] == "One"


async def test_publishing_answers_as_specified_and_twice_the_same(admin, make_course, clock):
    course_id = await make_course(sections=1)
    first = await admin.put(f"/courses/{course_id}/publish")
    assert first["message"] == "Course published successfully"
    assert first["data"].keys() == {"courseId", "status", "publishedAt"}
    assert (first["data"]["courseId"], first["data"]["status"]) == (course_id, "published")
    version = (await admin.get(f"/courses/{course_id}"))["data"]["version"]
    await clock(days=1)
    assert await admin.put(f"/courses/{course_id}/publish") == first
    await admin.patch(f"/courses/{course_id}", {"title": "Later"})
    after = (await admin.get(f"/courses/{course_id}"))["data"]
    assert after["publishedAt"] == first["data"]["publishedAt"]
    assert after["version"] == version + 1


async def test_an_empty_course_is_not_published(admin, make_course):
    course_id = await make_course()
    problem = await admin.put(f"/courses/{course_id}/publish", status=400)
    assert problem["code"] == "course_without_sections"
    assert (await admin.get(f"/courses/{course_id}"))["data"]["status"] == "draft"


async def test_archiving_twice_is_once_and_publishing_brings_it_back(admin, make_course, clock):
    course_id = await make_course(sections=1, published=True)
    published = (await admin.get(f"/courses/{course_id}"))["data"]["publishedAt"]
    archived = await admin.put(f"/courses/{course_id}/archive")
    assert archived["data"]["status"] == "archived"
    await clock(days=1)
    assert await admin.put(f"/courses/{course_id}/archive") == archived
    again = (await admin.put(f"/courses/{course_id}/publish"))["data"]
    assert again["status"] == "published"
    assert again["publishedAt"] > published
    assert (await admin.get(f"/courses/{course_id}"))["data"]["archivedAt"] is None


async def test_an_archived_course_without_sections_does_not_come_back(admin, make_course):
    course_id = await make_course()
    await admin.put(f"/courses/{course_id}/archive")
    assert (await admin.put(f"/courses/{course_id}/publish", status=400))["code"] == "course_without_sections"


async def test_a_copy_is_a_draft_with_the_same_sections_under_new_ids(admin, people, make_course):
    course_id = await make_course(published=False, title="T" * 255)
    trainer = await people.trainer()
    await admin.put(f"/courses/{course_id}/trainers/{trainer.id}")
    full = {
        "title": "Read",
        "content": "<p>Words</p>",
        "videoUrl": "https://videos.example.org/1",
        "imageUrl": "http://images.example.org/1.png",
        "duration": 5,
        "completion": "viewed",
    }
    kept = (await admin.post(f"/courses/{course_id}/sections", full))["data"]
    gone = (await admin.post(f"/courses/{course_id}/sections", full))["data"]
    await admin.delete(f"/courses/{course_id}/sections/{gone['id']}")
    await admin.put(f"/courses/{course_id}/publish")
    copy = (await admin.post(f"/courses/{course_id}/duplicate", status=201))["data"]
    original = (await admin.get(f"/courses/{course_id}"))["data"]
    assert copy["title"] == "Copy of " + "T" * 247
    assert copy["courseCode"] != original["courseCode"]
    assert (copy["status"], copy["publishedAt"], copy["totalSections"]) == ("draft", None, 1)
    assert copy["trainers"] == original["trainers"]
    same = ("description", "category", "templateType", "difficulty", "estimatedDuration")
    assert [copy[name] for name in same] == [original[name] for name in same]
    (section,) = (await admin.get(f"/courses/{copy['id']}?include_sections=true"))["data"]["sections"]
    assert section.items() >= full.items()
    assert section["id"] != kept["id"]
    await admin.patch(f"/courses/{copy['id']}/sections/{section['id']}", {"title": "Changed"})
    (untouched,) = (await admin.get(f"/courses/{course_id}?include_sections=true"))["data"]["sections"]
    assert untouched["title"] == "Read"


async def test_a_never_assigned_draft_is_deleted_with_its_sections(admin, make_course, session):
    course_id = await make_course(sections=3)
    other = await make_course(sections=1)
    assert (await admin.delete(f"/courses/{course_id}"))["data"] == {"id": course_id}
    await admin.get(f"/courses/{course_id}", status=404)
    await admin.delete(f"/courses/{course_id}", status=404)
    await admin.get(f"/courses/{other}")
    assert (await session.execute(text("SELECT count(*) FROM course_sections"))).scalar_one() == 1


async def test_a_course_in_use_is_not_deleted(admin, people, make_course, assign):
    student = await people.student()
    assigned = await make_course(sections=1)
    (given,) = (await assign(assigned, student, status=201))["data"]
    assert (await admin.delete(f"/courses/{assigned}", status=409))["code"] == "course_in_use"
    await admin.delete(f"/assignments/{given['id']}")
    await admin.delete(f"/courses/{assigned}", status=409)
    published = await make_course(sections=1, published=True)
    await admin.delete(f"/courses/{published}", status=409)
    await admin.put(f"/courses/{published}/archive")
    await admin.delete(f"/courses/{published}", status=409)


async def test_a_draft_that_a_batch_waits_for_is_not_deleted(admin, make_course):
    course_id = await make_course()
    batch = {"name": "Spring", "startDate": "2030-01-01", "endDate": "2030-02-01"}
    batch_id = (await admin.post("/batches", batch, status=201))["data"]["id"]
    await admin.put(f"/batches/{batch_id}/courses/{course_id}", {})
    assert (await admin.delete(f"/courses/{course_id}", status=409))["code"] == "course_in_use"
    await admin.get(f"/courses/{course_id}")


async def test_trainers_are_named_and_dropped(admin, people, make_course):
    course_id = await make_course()
    one = await people.trainer(first_name="Ada", last_name="Zimmer")
    two = await people.trainer(first_name="Ben", last_name="Adler")
    for trainer in (one, two, one):
        named = (await admin.put(f"/courses/{course_id}/trainers/{trainer.id}"))["data"]
    expected = [{"userId": str(two.id), "name": "Ben Adler"}, {"userId": str(one.id), "name": "Ada Zimmer"}]
    assert named == {"courseId": course_id, "trainers": expected}
    assert (await admin.get(f"/courses/{course_id}"))["data"]["trainers"] == expected
    for _ in range(2):
        left = (await admin.delete(f"/courses/{course_id}/trainers/{two.id}"))["data"]["trainers"]
        assert left == expected[1:]


async def test_only_active_staff_is_named(admin, people, make_course):
    course_id = await make_course()
    student = await people.student()
    disabled = await people.trainer(status="disabled")
    for user in (student, disabled):
        problem = await admin.put(f"/courses/{course_id}/trainers/{user.id}", status=422)
        assert problem["errors"][0]["field"] == "userId"
    problem = await admin.put(f"/courses/{course_id}/trainers/{UNKNOWN}", status=404)
    assert problem["code"] == "user_not_found"
    await admin.delete(f"/courses/{course_id}/trainers/{UNKNOWN}", status=404)
    assert (await admin.get(f"/courses/{course_id}"))["data"]["trainers"] == []


async def test_lists_are_searched_by_words_as_they_stand(admin, make_course):
    await make_course(title="100% safe", category="Law")
    await make_course(title="Snake_case", description="under_score")
    await make_course(title="Snake case", difficulty="hard", templateType="video-only")
    code = (await admin.get("/courses?search=100%25"))["data"][0]["courseCode"]

    async def titles(query):
        return {course["title"] for course in (await admin.get(f"/courses?{query}"))["data"]}

    assert await titles("search=%25") == {"100% safe"}
    assert await titles("search=_") == {"Snake_case"}
    assert await titles("search=SNAKE") == {"Snake_case", "Snake case"}
    assert await titles("search=under_s") == {"Snake_case"}
    assert await titles("search=law") == {"100% safe"}
    assert await titles(f"search={code.lower()}") == {"100% safe"}
    assert await titles("search=%5C") == set()
    assert await titles("difficulty=hard&templateType=video-only&category=Safety") == {"Snake case"}
    assert await titles("category=Saf") == set()


async def test_lists_filter_sort_and_page(admin, people, make_course):
    trainer = await people.trainer()
    names = ["banana", "Apple", "cherry", "apple", "Date"]
    made = [await make_course(title=name, sections=1) for name in names]
    await admin.put(f"/courses/{made[1]}/publish")
    await admin.put(f"/courses/{made[2]}/archive")
    await admin.put(f"/courses/{made[0]}/trainers/{trainer.id}")

    async def titles(query):
        return [course["title"] for course in (await admin.get(f"/courses?{query}"))["data"]]

    assert await titles("") == ["Apple", "apple", "banana", "cherry", "Date"]
    assert await titles("sort=createdAt") == names
    assert await titles("sort=-courseCode") == names[::-1]
    assert await titles("status=published") == ["Apple"]
    assert await titles("status=archived") == ["cherry"]
    assert await titles(f"trainer={trainer.id}") == ["banana"]
    seen, cursor = [], ""
    while cursor is not None:
        answer = await admin.get(f"/courses?limit=2{cursor and f'&cursor={cursor}'}")
        assert answer["page"]["total"] == 5
        seen += [course["title"] for course in answer["data"]]
        cursor = answer["page"]["nextCursor"]
    assert seen == ["Apple", "apple", "banana", "cherry", "Date"]
    for bad in ("sort=content", "status=secret", "templateType=x", "trainer=x", "limit=0", "search=%00"):
        await admin.get(f"/courses?{bad}", status=422)


async def test_codes_sort_by_their_numbers(admin, make_course):
    old, new = await make_course(title="Old"), await make_course(title="New")
    async with db.transaction() as writing:
        for course_id, code in ((old, "C999"), (new, "C1000")):
            await writing.execute(
                text("UPDATE courses SET course_code = :code WHERE id = :id"), {"code": code, "id": course_id}
            )
        await writing.execute(text("SELECT setval('course_codes', 1000)"))
    listed = (await admin.get("/courses?sort=courseCode"))["data"]
    assert [course["courseCode"] for course in listed] == ["C999", "C1000"]
