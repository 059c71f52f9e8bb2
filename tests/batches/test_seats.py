"""Seats: who joins a batch, leaves it and moves on, one by one and all at once."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from tests.batches.planning import UNKNOWN

from tms.batches import service
from tms.batches.errors import BatchCancelledError
from tms.batches.models import BatchStudent
from tms.platform import db
from tms.platform.errors import InvalidError

pytestmark = pytest.mark.usefixtures("healthy")


async def members(planner, batch):
    return [row["userId"] for row in (await planner.admin.get(f"/batches/{batch['id']}/students"))["data"]]


async def taken(planner, batch):
    return (await planner.admin.get(f"/batches/{batch['id']}"))["data"]["seatsTaken"]


async def test_students_join_together(planner, people):
    batch = await planner.batch()
    ann = await people.student(first_name="Ann", last_name="Zuse")
    ben = await people.student(first_name="Ben", last_name="Adams")
    waiting = await people.student(status="provisioning", last_name="Miller")
    answer = await planner.join(batch, ann, ben, ann, waiting)
    assert [row["userId"] for row in answer["data"]] == [str(ben.id), str(waiting.id), str(ann.id)]
    row = answer["data"][2]
    assert set(row) == {"userId", "studentId", "firstName", "lastName", "email", "status", "joinedAt"}
    assert (row["firstName"], row["lastName"], row["email"]) == ("Ann", "Zuse", ann.email)
    assert row["studentId"].startswith("STU")
    assert await taken(planner, batch) == 3
    # A student may be in several batches.
    other = await planner.batch()
    await planner.join(other, ann)


async def test_all_join_or_none(planner, people):
    batch = await planner.batch(capacity=4)
    one, two, three = await planner.students(3)
    await planner.join(batch, one)
    problem = await planner.join(batch, two, one, status=409)
    assert problem["code"] == "already_member"
    assert str(one.id) in problem["detail"]
    assert problem["errors"] == [{"field": "studentIds.1", "message": "is in the batch already"}]
    trainer, erased = await people.trainer(), await people.student(status="erased")
    for unfit in (trainer, erased):
        problem = await planner.join(batch, two, unfit, status=422)
        assert problem["code"] == "not_a_student"
        assert problem["errors"][0]["field"] == "studentIds.1"
    body = {"studentIds": [str(two.id), UNKNOWN]}
    problem = await planner.admin.post(f"/batches/{batch['id']}/students", body, status=422)
    assert problem["errors"] == [{"field": "studentIds.1", "message": "does not exist"}]
    problem = await planner.join(batch, two, three, *await planner.students(2), status=409)
    assert problem["code"] == "batch_full"
    assert "4 seats and 1 are taken; 4 more were" in problem["detail"]
    assert await members(planner, batch) == [str(one.id)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"studentIds": []},
        {"studentIds": "all"},
        {"studentIds": ["nobody"]},
        {"studentIds": [UNKNOWN.upper()]},
        {"studentIds": None},
        {"studentIds": [UNKNOWN], "force": True},
        {"studentIds": [UNKNOWN] * 1001},
    ],
)
async def test_a_list_of_students_that_is_none_is_refused(planner, body):
    batch = await planner.batch()
    problem = await planner.admin.post(f"/batches/{batch['id']}/students", body, status=422)
    assert problem["code"] == "validation_failed"


async def test_members_are_for_those_who_run_the_batch(planner, people):
    batch, other = await planner.batch(), await planner.batch()
    trainer, foreign = await people.trainer(), await people.trainer()
    await planner.runs(batch, trainer)
    await planner.runs(other, foreign)
    student, classmate = await planner.students(2)
    await planner.join(batch, student, classmate)
    path = f"/batches/{batch['id']}/students"
    listed = (await trainer.get(path, params={"sort": "-joinedAt"}))["data"]
    assert {row["userId"] for row in listed} == {str(student.id), str(classmate.id)}
    assert all("phone" not in row for row in listed)
    assert (await foreign.get(path, status=404))["code"] == "batch_not_found"
    await foreign.get(f"/batches/{other['id']}/students")
    await student.get(path, status=403)
    await (await people.anonymous()).get(path, status=401)
    move = {"toBatchId": other["id"]}
    for somebody, status in ((trainer, 403), (student, 403), (await people.anonymous(), 401)):
        await somebody.post(path, {"studentIds": [str(student.id)]}, status=status)
        await somebody.delete(f"{path}/{student.id}", status=status)
        await somebody.post(f"{path}/{student.id}/move", move, status=status)
    for method in ("GET", "POST"):
        body = {"json": {"studentIds": [str(student.id)]}} if method == "POST" else {}
        await planner.admin.request(method, f"/batches/{UNKNOWN}/students", status=404, **body)


async def test_members_are_searched_and_paged(planner, people):
    batch = await planner.batch()
    names = ["Ada", "Bea", "Cleo", "Dora", "Eve"]
    students = [await people.student(first_name=name, last_name="Same") for name in names]
    await planner.join(batch, *students)
    path = f"/batches/{batch['id']}/students"
    found, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        answer = await planner.admin.get(path, params=params)
        assert answer["page"]["total"] == 5
        found += [row["firstName"] for row in answer["data"]]
        cursor = answer["page"]["nextCursor"]
        if cursor is None:
            break
    assert found == names
    for search in ("cleo s", students[2].email):
        rows = (await planner.admin.get(path, params={"search": search}))["data"]
        assert [row["firstName"] for row in rows] == ["Cleo"]


async def test_leaving_frees_the_seat_and_keeps_the_record(planner, session):
    batch = await planner.batch(capacity=1)
    course = await planner.course()
    await planner.give(batch, course)
    student, next_one = await planner.students(2)
    await planner.join(batch, student)
    before = (await planner.assigned(student))[course]
    path = f"/batches/{batch['id']}/students"
    await planner.admin.delete(f"{path}/{student.id}")
    assert await planner.assigned(student) == {}
    assert (await planner.admin.delete(f"{path}/{student.id}", status=404))["code"] == "member_not_found"
    await planner.admin.delete(f"{path}/{UNKNOWN}", status=404)
    await planner.admin.delete(f"/batches/{UNKNOWN}/students/{student.id}", status=404)
    await planner.join(batch, next_one)
    await planner.join(batch, student, status=409)
    await planner.admin.delete(f"{path}/{next_one.id}")
    await planner.join(batch, student)
    assert (await planner.assigned(student))[course]["id"] == before["id"]


async def test_a_move_keeps_what_both_batches_have(planner):
    old, new = await planner.batch(), await planner.batch()
    both, only_old, only_new = (
        await planner.course("Both"),
        await planner.course("Old"),
        await planner.course("New"),
    )
    await planner.give(old, both, "2026-05-01")
    await planner.give(old, only_old)
    await planner.give(new, both, "2026-06-01")
    await planner.give(new, only_new)
    (student,) = await planner.students(1)
    await planner.join(old, student)
    before = await planner.assigned(student)
    answer = await planner.admin.post(
        f"/batches/{old['id']}/students/{student.id}/move", {"toBatchId": new["id"]}
    )
    assert answer["data"]["userId"] == str(student.id)
    after = await planner.assigned(student)
    assert set(after) == {both, only_new}
    assert after[both]["id"] == before[both]["id"]
    assert after[both]["dueDate"] == "2026-06-01T23:59:59.999999Z"
    assert [source["batchId"] for source in after[both]["sources"]] == [new["id"]]
    assert (await taken(planner, old), await taken(planner, new)) == (0, 1)


async def test_an_archived_course_is_carried_along_but_given_to_nobody_new(planner):
    old, new = await planner.batch(), await planner.batch()
    course = await planner.course()
    await planner.give(old, course)
    await planner.give(new, course)
    has_it, late = await planner.students(2)
    await planner.join(old, has_it)
    await planner.admin.put(f"/courses/{course}/archive")
    await planner.admin.post(f"/batches/{old['id']}/students/{has_it.id}/move", {"toBatchId": new["id"]})
    await planner.join(new, late)
    assert course in await planner.assigned(has_it)
    assert await planner.assigned(late) == {}


async def test_who_went_without_an_archived_course_gets_it_when_it_is_published_again(planner, run_jobs):
    batch = await planner.batch()
    course = await planner.course()
    await planner.give(batch, course, "2026-06-01")
    (late,) = await planner.students(1)
    await planner.admin.put(f"/courses/{course}/archive")
    await planner.join(batch, late)
    await planner.admin.put(f"/courses/{course}/publish")
    await run_jobs()
    assert (await planner.assigned(late))[course]["dueDate"] == "2026-06-01T23:59:59.999999Z"


async def test_a_move_that_cannot_be_changes_nothing(planner):
    old, full, cancelled = await planner.batch(), await planner.batch(capacity=1), await planner.batch()
    student, other = await planner.students(2)
    await planner.join(old, student)
    await planner.join(full, other)
    await planner.admin.delete(f"/batches/{cancelled['id']}")
    path = f"/batches/{old['id']}/students/{student.id}/move"
    for target, status, code in (
        (full["id"], 409, "batch_full"),
        (cancelled["id"], 409, "batch_cancelled"),
        (old["id"], 422, "invalid"),
        (UNKNOWN, 422, "invalid"),
        ("elsewhere", 422, "validation_failed"),
    ):
        assert (await planner.admin.post(path, {"toBatchId": target}, status=status))["code"] == code
    third = await planner.batch()
    await planner.join(third, student)
    problem = await planner.admin.post(path, {"toBatchId": third["id"]}, status=409)
    assert problem["code"] == "already_member"
    nobody = f"/batches/{old['id']}/students/{other.id}/move"
    assert (await planner.admin.post(nobody, {"toBatchId": third["id"]}, status=404))[
        "code"
    ] == "member_not_found"
    unknown = f"/batches/{UNKNOWN}/students/{student.id}/move"
    await planner.admin.post(unknown, {"toBatchId": third["id"]}, status=404)
    assert await members(planner, old) == [str(student.id)]


async def test_an_enrolment_takes_its_seat_in_its_own_transaction(planner, session):
    batch = await planner.batch(name="Spring")
    (student,) = await planner.students(1)

    async def take(batch_id):
        async with db.transaction() as writing:
            return await service.take_seats(
                writing, batch_id=UUID(batch_id), student_ids=[student.id], by=planner.admin.id
            )

    info = await take(batch["id"])
    assert (str(info.batch_id), info.batch_code, info.batch_name) == (
        batch["id"],
        batch["batchCode"],
        "Spring",
    )
    with pytest.raises(InvalidError) as refused:
        await take(UNKNOWN)
    assert refused.value.fields[0].field == "batchId"
    cancelled = await planner.batch()
    await planner.admin.delete(f"/batches/{cancelled['id']}")
    with pytest.raises(BatchCancelledError):
        await take(cancelled["id"])
    noted = await session.execute(
        text("SELECT count(*) FROM audit_log WHERE action = 'batch.students_added'")
    )
    assert noted.scalar_one() == 1


async def test_the_last_seat_is_sold_once(planner, session):
    batch = await planner.batch(capacity=30)
    course = await planner.course()
    await planner.give(batch, course)
    contenders = await planner.students(100)

    async def join(student):
        answer = await planner.admin.http.post(
            f"/api/v1/batches/{batch['id']}/students", json={"studentIds": [str(student.id)]}
        )
        return answer.status_code, answer.json().get("code")

    outcomes = await asyncio.gather(*(join(student) for student in contenders))
    assert sorted(set(outcomes)) == [(201, None), (409, "batch_full")]
    assert outcomes.count((201, None)) == 30
    assert await taken(planner, batch) == 30
    seats = await session.execute(select(func.count()).where(BatchStudent.batch_id == batch["id"]))
    assert seats.scalar_one() == 30


async def test_one_student_added_many_times_at_once_has_one_seat(planner):
    batch = await planner.batch(capacity=10)
    (student,) = await planner.students(1)

    async def join():
        answer = await planner.admin.http.post(
            f"/api/v1/batches/{batch['id']}/students", json={"studentIds": [str(student.id)]}
        )
        return answer.status_code, answer.json().get("code")

    outcomes = await asyncio.gather(*(join() for _ in range(20)))
    assert sorted(outcomes) == [(201, None)] + [(409, "already_member")] * 19
    assert await taken(planner, batch) == 1


async def test_moved_and_removed_at_once_is_one_of_both(planner):
    first, second = await planner.batch(), await planner.batch()
    course = await planner.course()
    await planner.give(first, course)
    await planner.give(second, course)
    for _ in range(8):
        (student,) = await planner.students(1)
        await planner.join(first, student)
        path = f"/api/v1/batches/{first['id']}/students/{student.id}"
        moved, removed = await asyncio.gather(
            planner.admin.http.post(f"{path}/move", json={"toBatchId": second["id"]}),
            planner.admin.http.delete(path),
        )
        assert sorted([moved.status_code, removed.status_code]) == [200, 404]
        there = str(student.id) in await members(planner, second)
        assert there == (moved.status_code == 200)
        assert (course in await planner.assigned(student)) == there
    assert await taken(planner, first) == 0


async def test_moves_in_both_directions_do_not_wait_for_each_other_for_ever(planner):
    first, second = await planner.batch(), await planner.batch()
    course = await planner.course()
    await planner.give(first, course)
    await planner.give(second, course)
    here, there = await planner.students(6), await planner.students(6)
    await planner.join(first, *here)
    await planner.join(second, *there)
    moves = [
        planner.admin.post(f"/batches/{source['id']}/students/{student.id}/move", {"toBatchId": target["id"]})
        for students, source, target in ((here, first, second), (there, second, first))
        for student in students
    ]
    await asyncio.gather(*moves)
    assert set(await members(planner, first)) == {str(student.id) for student in there}
    assert set(await members(planner, second)) == {str(student.id) for student in here}


async def test_capacity_lowered_while_students_join_is_never_overrun(planner):
    for _ in range(5):
        batch = await planner.batch(capacity=12)
        students = await planner.students(12)
        path = f"/api/v1/batches/{batch['id']}"
        joins = [
            planner.admin.http.post(f"{path}/students", json={"studentIds": [str(student.id)]})
            for student in students
        ]
        joins.insert(6, planner.admin.http.patch(path, json={"capacity": 6}))
        answers = await asyncio.gather(*joins)
        lowered = answers.pop(6)
        assert lowered.status_code in {200, 409}
        joined = sum(answer.status_code == 201 for answer in answers)
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert joined == (6 if lowered.status_code == 200 else 12)
        assert await taken(planner, batch) == joined


async def test_a_batch_cancelled_while_students_join_gives_nobody_its_courses(planner):
    course = await planner.course()
    for _ in range(5):
        batch = await planner.batch()
        await planner.give(batch, course)
        students = await planner.students(6)
        requests = [
            planner.admin.http.post(
                f"/api/v1/batches/{batch['id']}/students", json={"studentIds": [str(student.id)]}
            )
            for student in students
        ]
        requests.insert(3, planner.admin.http.delete(f"/api/v1/batches/{batch['id']}"))
        answers = await asyncio.gather(*requests)
        assert {answer.status_code for answer in answers} <= {200, 201, 409}
        for student in students:
            assert await planner.assigned(student) == {}
