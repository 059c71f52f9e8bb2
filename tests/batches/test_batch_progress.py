"""Who is where in a batch."""

import pytest
from tests.batches.planning import UNKNOWN

pytestmark = pytest.mark.usefixtures("healthy")


async def sections_of(planner, course):
    detail = await planner.admin.get(f"/courses/{course}", params={"include_sections": True})
    return [section["id"] for section in detail["data"]["sections"]]


async def test_who_is_where(planner, people):
    batch, trainer = await planner.batch(), await people.trainer()
    await planner.runs(batch, trainer)
    ann = await people.student(first_name="Ann", last_name="Adams")
    ben = await people.student(first_name="Ben", last_name="Baker")
    await planner.join(batch, ann, ben)
    fire, aid = await planner.course("Fire", sections=3), await planner.course("Aid", sections=1)
    draft = await planner.course("Draft", status="draft")
    await planner.give(batch, fire, "2026-05-31")
    await planner.give(batch, aid)
    await planner.give(batch, draft)
    first, *_ = await sections_of(planner, fire)
    (only,) = await sections_of(planner, aid)
    await ann.put(f"/progress/sections/{first}", {"completed": True})
    await ann.put(f"/progress/sections/{only}", {"completed": True})
    answer = await trainer.get(f"/batches/{batch['id']}/progress")
    data = answer["data"]
    assert set(data) == {"batch", "courses", "students"}
    assert data["batch"]["seatsTaken"] == 2
    assert [(course["courseId"], course["title"]) for course in data["courses"]] == [
        (aid, "Aid"),
        (fire, "Fire"),
    ]
    assert answer["page"] == {"limit": 50, "nextCursor": None, "total": 2}
    assert [student["name"] for student in data["students"]] == ["Ann Adams", "Ben Baker"]
    one, two = data["students"]
    assert (one["userId"], one["studentId"][:3]) == (str(ann.id), "STU")
    due = "2026-05-31T23:59:59.999999Z"
    assert {course["courseId"]: course for course in one["courses"]} == {
        fire: {"courseId": fire, "progress": 33, "status": "in-progress", "dueDate": due},
        aid: {"courseId": aid, "progress": 100, "status": "completed", "dueDate": None},
    }
    assert {course["status"] for course in two["courses"]} == {"not-started"}


async def test_it_is_paged_by_student_and_searched(planner, people):
    batch, course = await planner.batch(), await planner.course()
    await planner.give(batch, course)
    names = ["Ada", "Bea", "Cleo"]
    await planner.join(batch, *[await people.student(first_name=name, last_name="Same") for name in names])
    path = f"/batches/{batch['id']}/progress"
    first = await planner.admin.get(path, params={"limit": 2})
    assert first["page"]["total"] == 3
    params = {"limit": 2, "cursor": first["page"]["nextCursor"]}
    second = await planner.admin.get(path, params=params)
    found = first["data"]["students"] + second["data"]["students"]
    assert [student["name"].split()[0] for student in found] == names
    assert all(len(student["courses"]) == 1 for student in found)
    (cleo,) = (await planner.admin.get(path, params={"search": "cleo"}))["data"]["students"]
    assert cleo["name"] == "Cleo Same"


async def test_a_late_joiner_has_not_got_an_archived_course(planner):
    batch, course = await planner.batch(), await planner.course()
    await planner.give(batch, course)
    early, late = await planner.students(2)
    await planner.join(batch, early)
    await planner.admin.put(f"/courses/{course}/archive")
    await planner.join(batch, late)
    students = (await planner.admin.get(f"/batches/{batch['id']}/progress"))["data"]["students"]
    counts = {student["userId"]: len(student["courses"]) for student in students}
    assert counts == {str(early.id): 1, str(late.id): 0}


async def test_it_is_for_those_who_run_the_batch(planner, people):
    batch, other = await planner.batch(), await planner.batch()
    trainer = await people.trainer()
    await planner.runs(other, trainer)
    (student,) = await planner.students(1)
    await planner.join(batch, student)
    await trainer.get(f"/batches/{other['id']}/progress")
    assert (await trainer.get(f"/batches/{batch['id']}/progress", status=404))["code"] == "batch_not_found"
    await student.get(f"/batches/{batch['id']}/progress", status=403)
    await (await people.anonymous()).get(f"/batches/{batch['id']}/progress", status=401)
    await planner.admin.get(f"/batches/{UNKNOWN}/progress", status=404)
    empty = (await planner.admin.get(f"/batches/{other['id']}/progress"))["data"]
    assert (empty["courses"], empty["students"]) == ([], [])
