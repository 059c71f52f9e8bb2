"""`GET /students`, `GET /students/{id}` and `PATCH /students/{id}`."""

import pytest
from sqlalchemy import text, update
from tests.progress.learning import NOBODY, give, make_course, mark

from tms.identity.models import User
from tms.platform import db

FIELDS = {
    "id",
    "studentId",
    "email",
    "firstName",
    "lastName",
    "phone",
    "status",
    "batches",
    "enrolledCourses",
    "completedCourses",
    "averageProgress",
    "createdAt",
}


async def _set(person, **values):
    async with db.transaction() as session:
        await session.execute(update(User).where(User.id == person.id).values(values))


async def _batch(admin, name, *students, trainer=None):
    body = {"name": name, "startDate": "2026-01-01", "endDate": "2030-01-01"}
    batch = (await admin.post("/batches", body, status=201))["data"]
    if students:
        members = {"studentIds": [str(student.id) for student in students]}
        await admin.post(f"/batches/{batch['id']}/students", members, status=201)
    if trainer:
        await admin.put(f"/batches/{batch['id']}/trainers/{trainer.id}")
    return batch


def _brief(batch):
    return {"batchId": batch["id"], "batchCode": batch["batchCode"], "batchName": batch["name"]}


async def test_a_student_as_a_whole(people):
    admin = await people.admin()
    student = await people.student(first_name="Ada", last_name="Byron", email="ada@example.org")
    await _set(student, phone="+44 20 1234")
    first, second = await _batch(admin, "First", student), await _batch(admin, "Second", student)
    done = await make_course("self", by=admin, learners=[student])
    third = await make_course("self", "self", "self", by=admin, learners=[student])
    await make_course("self", by=admin, learners=[student])
    await mark(student, done.sections[0], completed=True)
    for section in third.sections[:2]:
        await mark(student, section, completed=True)
    answer = await admin.get(f"/students/{student.id}")
    found = answer["data"]
    assert set(found) == FIELDS
    assert found["studentId"].startswith("STU")
    assert (found["firstName"], found["lastName"], found["email"]) == ("Ada", "Byron", "ada@example.org")
    assert (found["phone"], found["status"]) == ("+44 20 1234", "active")
    assert found["batches"] == [_brief(first), _brief(second)]
    assert (found["enrolledCourses"], found["completedCourses"]) == (3, 1)
    assert found["averageProgress"] == (100 + 66 + 0) // 3
    assert found["createdAt"].endswith("Z")
    assert (await student.get(f"/students/{student.id}"))["data"] == found
    listed = (await admin.get("/students"))["data"]
    assert listed == [found]


async def test_a_student_without_anything(people):
    student = await people.student()
    found = (await student.get(f"/students/{student.id}"))["data"]
    assert (found["batches"], found["enrolledCourses"], found["averageProgress"]) == ([], 0, 0)


async def test_who_sees_whom(people):
    admin, trainer, stranger = await people.admin(), await people.trainer(), await people.trainer()
    taught, other = await people.student(), await people.student()
    for person in (taught, other):
        await _set(person, phone="+1 555 0100")
    batch = await _batch(admin, "Mine", taught, trainer=trainer)
    foreign = await _batch(admin, "Not mine", taught, other)
    seen = (await trainer.get(f"/students/{taught.id}"))["data"]
    assert seen["phone"] is None
    assert seen["batches"] == [_brief(batch)]
    assert [row["id"] for row in (await trainer.get("/students"))["data"]] == [str(taught.id)]
    assert (await trainer.get("/students"))["data"] == [seen]
    assert (await trainer.get("/students", params={"batch": foreign["id"]}))["data"] == []
    assert (await stranger.get("/students"))["data"] == []
    for nosy, unseen in ((trainer, other), (stranger, taught), (taught, other), (other, taught)):
        problem = await nosy.get(f"/students/{unseen.id}", status=404)
        assert problem["code"] == "student_not_found"
    assert (await admin.get(f"/students/{other.id}"))["data"]["phone"] == "+1 555 0100"
    assert (await other.get(f"/students/{other.id}"))["data"]["phone"] == "+1 555 0100"
    await taught.get("/students", status=403)
    await admin.delete(f"/batches/{batch['id']}/trainers/{trainer.id}")
    await trainer.get(f"/students/{taught.id}", status=404)


async def test_staff_are_no_students(people):
    admin, trainer = await people.admin(), await people.trainer()
    for person in (admin, trainer):
        await admin.get(f"/students/{person.id}", status=404)
        await person.get(f"/students/{person.id}/courses", status=404)
        await admin.patch(f"/students/{person.id}", {"firstName": "New"}, status=404)
    assert (await admin.get("/students"))["data"] == []
    for path in ("", "/courses", f"/courses/{NOBODY}/progress"):
        await admin.get(f"/students/{NOBODY}{path}", status=404)
        assert (await admin.get(f"/students/nonsense{path}", status=400))["code"] == "invalid_id"


async def test_a_student_who_became_a_trainer_keeps_the_record(people):
    admin, person = await people.admin(), await people.student()
    course = await make_course("self", by=admin, learners=[person])
    await mark(person, course.sections[0], completed=True)
    await _set(person, role="trainer")
    assert (await admin.get(f"/students/{person.id}"))["data"]["completedCourses"] == 1
    assert len((await admin.get("/students"))["data"]) == 1


async def test_anonymous_people_see_nobody(people):
    student, anonymous = await people.student(), await people.anonymous()
    for path in ("", f"/{student.id}", f"/{student.id}/courses", f"/{student.id}/courses/{NOBODY}/progress"):
        await anonymous.get(f"/students{path}", status=401)
    await anonymous.patch(f"/students/{student.id}", {}, status=401)


async def test_students_are_found_and_filtered(people):
    admin = await people.admin()
    ada = await people.student(first_name="Ada", last_name="Byron", email="countess@example.org")
    bob = await people.student(first_name="Bob", last_name="100%_Sure")
    gone = await people.student(first_name="Gone", status="erased")
    off = await people.student(first_name="Off", last_name="Zed", status="disabled")
    batch = await _batch(admin, "Batch", ada)

    async def found(**params):
        return {row["id"] for row in (await admin.get("/students", params=params))["data"]}

    code = (await admin.get(f"/students/{bob.id}"))["data"]["studentId"]
    assert await found() == {str(ada.id), str(bob.id), str(off.id)}
    assert await found(search="ada by") == {str(ada.id)}
    assert await found(search="COUNTESS@") == {str(ada.id)}
    assert await found(search=code.lower()) == {str(bob.id)}
    assert await found(search="%_s") == {str(bob.id)}
    assert await found(search="%a") == set()
    assert await found(status="disabled") == {str(off.id)}
    assert await found(status="erased") == {str(gone.id)}
    assert await found(batch=batch["id"]) == {str(ada.id)}
    assert await found(batch=batch["id"], search="bob") == set()
    assert await found(batch=NOBODY) == set()


@pytest.mark.parametrize(
    "params",
    [
        {"batch": "B001"},
        {"status": "asleep"},
        {"sort": "phone"},
        {"limit": 0},
        {"limit": 201},
        {"cursor": "bm9uc2Vuc2U"},
        {"search": ""},
        {"search": "x" * 101},
        {"search": "\x00"},
    ],
)
async def test_a_bad_question_is_told_so(people, params):
    admin = await people.admin()
    assert (await admin.get("/students", params=params, status=422))["errors"]


async def test_students_come_in_pages_and_orders(people):
    admin = await people.admin()
    made = [
        await people.student(first_name=first, last_name=last)
        for first, last in (("B", "Smith"), ("A", "Smith"), ("C", "Adams"))
    ]
    await _set(made[0], student_code="STU1000")
    await _set(made[1], student_code="STU999")
    await _set(made[2], student_code="STU1001")
    for sort, names in (("name", "CAB"), ("-name", "BAC"), ("createdAt", "BAC"), ("studentId", "ABC")):
        found, cursor = "", None
        while len(found) < 3:
            wanted = {"sort": sort, "limit": 1} | ({"cursor": cursor} if cursor else {})
            page = await admin.get("/students", params=wanted)
            found += page["data"][0]["firstName"]
            assert page["page"] == {"limit": 1, "total": 3, "nextCursor": page["page"]["nextCursor"]}
            cursor = page["page"]["nextCursor"]
        assert (sort, found, cursor) == (sort, names, None)


async def test_waived_withdrawn_and_draft_courses_count_in_no_statistics(people):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", by=admin, learners=[student])
    await mark(student, course.sections[0], completed=True)
    await make_course("self", by=admin, learners=[student], status="draft")
    waived = await make_course("self", by=admin, learners=[student])
    withdrawn = await make_course("self", by=admin, learners=[student])
    await admin.patch(f"/assignments/{waived.assignments[student.id]}", {"waived": True})
    await admin.delete(f"/assignments/{withdrawn.assignments[student.id]}")
    found = (await admin.get(f"/students/{student.id}"))["data"]
    assert (found["enrolledCourses"], found["completedCourses"], found["averageProgress"]) == (1, 1, 100)
    assert (await admin.get("/students"))["data"] == [found]
    answer = (await admin.get(f"/students/{student.id}/courses"))["data"]
    assert answer["statistics"]["totalEnrolled"] == 1
    assert {row["id"]: row["waived"] for row in answer["courses"]} == {
        str(course.id): False,
        str(waived.id): True,
    }


async def test_administrators_change_students(people, session):
    admin, trainer = await people.admin(), await people.trainer()
    student, other = await people.student(), await people.student()
    await _batch(admin, "Batch", student, trainer=trainer)
    path = f"/students/{student.id}"
    for nosy in (trainer, student, other):
        assert (await nosy.patch(path, {"firstName": "X"}, status=403))["code"] == "forbidden"
    answer = await admin.patch(path, {"firstName": " New  Name ", "phone": "+49 30 1"})
    assert answer["data"]["firstName"] == "New Name"
    assert answer["data"]["phone"] == "+49 30 1"
    assert (await admin.get(path))["data"] == answer["data"]
    assert (await admin.patch(path, {"phone": None}))["data"]["phone"] is None
    problem = await admin.patch(path, {"email": other.email}, status=409)
    assert problem["code"] == "email_taken"
    for body in (
        {"firstName": ""},
        {"firstName": None},
        {"email": "nobody"},
        {"role": "admin"},
        {"id": NOBODY},
    ):
        assert (await admin.patch(path, body, status=422))["errors"]
    lines = await session.execute(
        text("SELECT changes::text FROM audit_log WHERE actor_id = :id"), {"id": admin.id}
    )
    assert all("New Name" not in line for line in lines.scalars())


async def test_two_who_change_one_student_do_not_overwrite_each_other(people):
    admin, student = await people.admin(), await people.student()
    read = await admin.http.get(f"/api/v1/students/{student.id}")
    tag = read.headers["etag"]
    await admin.patch(f"/students/{student.id}", {"firstName": "One"}, headers={"If-Match": tag})
    problem = await admin.patch(
        f"/students/{student.id}", {"firstName": "Two"}, headers={"If-Match": tag}, status=412
    )
    assert problem["code"] == "version_changed"
    assert (await admin.get(f"/students/{student.id}"))["data"]["firstName"] == "One"


async def test_a_page_of_students_is_one_statement(people, statements):
    admin = await people.admin()
    learners = [await people.student() for _ in range(5)]
    course = await make_course("self", by=admin, learners=learners)
    await _batch(admin, "Batch", *learners[:3])
    await give(await make_course("self", by=admin), learners[0])
    await mark(learners[0], course.sections[0], completed=True)
    await admin.get("/students")
    statements.clear()
    rows = {row["id"]: row for row in (await admin.get("/students"))["data"]}
    assert len(statements) == 1
    assert len(rows) == 5
    for place, learner in enumerate(learners):
        row = rows[str(learner.id)]
        assert row["enrolledCourses"] == (1 if place else 2)
        assert row["averageProgress"] == (0 if place else 50)
        assert [batch["batchName"] for batch in row["batches"]] == (["Batch"] if place < 3 else [])
