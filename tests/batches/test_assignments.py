"""Assignments: given by hand, listed, extended, waived and taken back."""

import asyncio

import pytest
from sqlalchemy import text
from tests.batches.planning import UNKNOWN

from tms.batches.schemas import AssignmentOut

pytestmark = pytest.mark.usefixtures("healthy")


async def by_hand(planner, course, *students, due=None, status=201):
    body = {"studentIds": [str(student.id) for student in students], **({"dueDate": due} if due else {})}
    return await planner.admin.post(f"/courses/{course}/assignments", body, status=status)


async def test_a_course_is_given_by_hand(planner, people):
    course = await planner.course("First aid")
    ann = await people.student(first_name="Ann", last_name="Zuse")
    trainer = await people.trainer(first_name="Tom", last_name="Adams")
    answer = await by_hand(planner, course, ann, trainer, ann, due="2099-05-31")
    rows = answer["data"]
    assert [row["userId"] for row in rows] == [str(trainer.id), str(ann.id)]
    row = rows[1]
    assert set(row) == {field.alias for field in AssignmentOut.model_fields.values()}
    assert (row["studentName"], row["courseTitle"], row["courseId"]) == ("Ann Zuse", "First aid", course)
    assert row["studentId"].startswith("STU")
    assert rows[0]["studentId"] is None
    assert row["dueDate"] == "2099-05-31T23:59:59.999999Z"
    assert row["sources"] == [{"batchId": None, "dueDate": "2099-05-31T23:59:59.999999Z"}]
    assert (row["waived"], row["closed"], row["overdue"]) == (False, False, False)
    assert (row["progress"], row["status"]) == (0, "not-started")
    again = (await by_hand(planner, course, ann, due="2099-07-01"))["data"]
    assert again == [{**row, "dueDate": "2099-07-01T23:59:59.999999Z", "sources": again[0]["sources"]}]


async def test_all_are_given_it_or_none(planner, people):
    course, archived = await planner.course(), await planner.course(status="archived")
    (student,) = await planner.students(1)
    erased = await people.student(status="erased")
    problem = await by_hand(planner, course, student, erased, status=422)
    assert problem["code"] == "unknown_student"
    assert problem["errors"] == [{"field": "studentIds.1", "message": "does not exist"}]
    body = {"studentIds": [UNKNOWN]}
    await planner.admin.post(f"/courses/{course}/assignments", body, status=422)
    await planner.admin.post(f"/courses/{course}/assignments", {"studentIds": []}, status=422)
    assert (await by_hand(planner, archived, student, status=409))["code"] == "course_archived"
    assert (await by_hand(planner, UNKNOWN, student, status=404))["code"] == "course_not_found"
    await by_hand(planner, "nonsense", student, status=400)
    assert await planner.assigned(student) == {}


async def test_only_administrators_give_and_take_back(planner, people):
    course = await planner.course()
    batch, trainer = await planner.batch(), await people.trainer()
    await planner.runs(batch, trainer)
    (student,) = await planner.students(1)
    await planner.join(batch, student)
    (row,) = (await by_hand(planner, course, student))["data"]
    for somebody, status in ((trainer, 403), (student, 403), (await people.anonymous(), 401)):
        await somebody.post(
            f"/courses/{course}/assignments", {"studentIds": [str(student.id)]}, status=status
        )
        await somebody.delete(f"/assignments/{row['id']}", status=status)
    await (await people.anonymous()).get("/assignments", status=401)
    await (await people.anonymous()).patch(f"/assignments/{row['id']}", {"waived": True}, status=401)
    await student.patch(f"/assignments/{row['id']}", {"waived": True}, status=403)


async def test_everybody_sees_their_own_assignments(planner, people):
    batch, foreign_batch = await planner.batch(), await planner.batch()
    trainer = await people.trainer()
    await planner.runs(batch, trainer)
    mine, foreign = await planner.students(2)
    await planner.join(batch, mine)
    await planner.join(foreign_batch, foreign)
    course, draft = await planner.course(), await planner.course("Draft", status="draft")
    await by_hand(planner, course, mine, foreign, trainer)
    await by_hand(planner, draft, mine)

    async def seen(somebody, **params):
        return {
            (row["userId"], row["courseId"])
            for row in (await somebody.get("/assignments", params=params))["data"]
        }

    assert await seen(mine) == {(str(mine.id), course)}
    assert await seen(mine, student=str(foreign.id)) == set()
    assert await seen(trainer) == {(str(mine.id), course), (str(trainer.id), course)}
    assert await seen(planner.admin) == {
        (str(mine.id), course),
        (str(foreign.id), course),
        (str(trainer.id), course),
        (str(mine.id), draft),
    }
    assert await seen(planner.admin, course=draft) == {(str(mine.id), draft)}
    assert await seen(planner.admin, batch=batch["id"]) == set()


async def test_a_list_is_paged_by_date_and_what_has_none_is_last(planner):
    course = await planner.course()
    students = await planner.students(4)
    for student, day in zip(students, ("2099-03-01", None, "2099-01-01", "2099-02-01"), strict=True):
        await by_hand(planner, course, student, due=day)
    found, cursor = [], None
    while True:
        params = {"limit": 1, **({"cursor": cursor} if cursor else {})}
        answer = await planner.admin.get("/assignments", params=params)
        assert answer["page"]["total"] == 4
        found += [row["userId"] for row in answer["data"]]
        cursor = answer["page"]["nextCursor"]
        if cursor is None:
            break
    assert found == [str(students[place].id) for place in (2, 3, 0, 1)]
    for sort in ("-dueDate", "assignedAt", "-courseTitle"):
        first = await planner.admin.get("/assignments", params={"limit": 2, "sort": sort})
        params = {"limit": 2, "sort": sort, "cursor": first["page"]["nextCursor"]}
        second = await planner.admin.get("/assignments", params=params)
        assert len({row["id"] for row in first["data"] + second["data"]}) == 4
    await planner.admin.get("/assignments", params={"sort": "progress"}, status=422)
    await planner.admin.get("/assignments", params={"student": "nobody"}, status=422)


async def test_overdue_is_what_should_be_done_and_is_not(planner, clock, run_jobs):
    course = await planner.course()
    late, done, waived, in_time, ended = await planner.students(5)
    await by_hand(planner, course, late, done, waived, ended, due="2099-01-10")
    await by_hand(planner, course, in_time)
    sections = (await planner.admin.get(f"/courses/{course}", params={"include_sections": True}))["data"][
        "sections"
    ]
    for section in sections:
        await done.put(f"/progress/sections/{section['id']}", {"completed": True})
    rows = {student: (await planner.assigned(student))[course] for student in (waived, ended)}
    await planner.admin.patch(f"/assignments/{rows[waived]['id']}", {"waived": True})
    await planner.admin.delete(f"/assignments/{rows[ended]['id']}")

    async def overdue():
        return (await planner.admin.get("/assignments", params={"overdue": True}))["data"]

    assert await overdue() == []
    # Everybody has been told before the years go by.
    await run_jobs()
    await clock(days=365 * 80)
    (row,) = await overdue()
    assert (row["userId"], row["overdue"]) == (str(late.id), True)
    assert (await planner.assigned(done))[course]["status"] == "completed"
    assert (await planner.assigned(done))[course]["overdue"] is False
    assert (await planner.assigned(ended, closed=True))[course]["overdue"] is False
    # An extension ends it, as long as it lasts.
    await planner.admin.patch(f"/assignments/{row['id']}", {"extendedTo": "2199-01-01", "reason": "Ill"})
    assert await overdue() == []


async def test_an_extension_overrides_every_date_until_it_is_taken_back(planner, people, session):
    batch, trainer = await planner.batch(timezone="Asia/Tokyo"), await people.trainer()
    await planner.runs(batch, trainer)
    course = await planner.course()
    (student,) = await planner.students(1)
    await planner.join(batch, student)
    await planner.give(batch, course, "2026-05-31")
    row = (await planner.assigned(student))[course]
    path = f"/assignments/{row['id']}"
    extended = (await trainer.patch(path, {"extendedTo": "2026-06-30", "reason": "Parental leave"}))["data"]
    # The day ends where the batch is.
    assert extended["dueDate"] == extended["extendedTo"] == "2026-06-30T14:59:59.999999Z"
    assert extended["reason"] == "Parental leave"
    await planner.give(batch, course, "2026-05-01")
    assert (await planner.assigned(student))[course]["dueDate"] == extended["dueDate"]
    taken_back = (await trainer.patch(path, {"extendedTo": None}))["data"]
    assert (taken_back["dueDate"], taken_back["extendedTo"]) == ("2026-05-01T14:59:59.999999Z", None)
    noted = await session.execute(
        text("SELECT count(*) FROM audit_log WHERE action = 'assignment.changed' AND actor_id = :by"),
        {"by": trainer.id},
    )
    assert noted.scalar_one() == 2


async def test_a_waiver_is_given_and_taken_back(planner):
    course = await planner.course()
    (student,) = await planner.students(1)
    (row,) = (await by_hand(planner, course, student))["data"]
    path = f"/assignments/{row['id']}"
    assert (await planner.admin.patch(path, {"waived": True}))["data"]["waived"] is True
    assert (await planner.admin.patch(path, {"waived": False}))["data"]["waived"] is False
    assert (await planner.admin.patch(path, {}))["data"] == row


async def test_the_date_by_hand_needs_a_source_by_hand(planner):
    batch, course = await planner.batch(), await planner.course()
    (student,) = await planner.students(1)
    await planner.join(batch, student)
    await planner.give(batch, course, "2026-05-31")
    row = (await planner.assigned(student))[course]
    problem = await planner.admin.patch(f"/assignments/{row['id']}", {"dueDate": "2026-04-30"}, status=409)
    assert problem["code"] == "not_assigned_by_hand"
    assert (await planner.admin.delete(f"/assignments/{row['id']}", status=409))[
        "code"
    ] == "not_assigned_by_hand"
    await by_hand(planner, course, student, due="2026-05-15")
    changed = (await planner.admin.patch(f"/assignments/{row['id']}", {"dueDate": "2026-04-30"}))["data"]
    assert changed["id"] == row["id"]
    assert changed["dueDate"] == "2026-04-30T23:59:59.999999Z"
    await planner.admin.delete(f"/assignments/{row['id']}")
    assert (await planner.assigned(student))[course]["dueDate"] == row["dueDate"]


async def test_what_has_ended_is_a_record(planner):
    course = await planner.course()
    (student,) = await planner.students(1)
    (row,) = (await by_hand(planner, course, student))["data"]
    await planner.admin.delete(f"/assignments/{row['id']}")
    assert await planner.assigned(student) == {}
    problem = await planner.admin.patch(f"/assignments/{row['id']}", {"waived": True}, status=409)
    assert problem["code"] == "assignment_closed"
    assert (await planner.admin.delete(f"/assignments/{row['id']}", status=409))[
        "code"
    ] == "not_assigned_by_hand"
    assert (await student.get("/assignments", params={"closed": True}))["data"] == []
    (again,) = (await by_hand(planner, course, student))["data"]
    assert again["id"] == row["id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"dueDate": "soon"}, "dueDate"),
        ({"extendedTo": "2026-02-30"}, "extendedTo"),
        ({"extendedTo": 5}, "extendedTo"),
        ({"waived": None}, "waived"),
        ({"waived": "yes"}, "waived"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "a\u0000b"}, "reason"),
        ({"studentId": UNKNOWN}, "studentId"),
    ],
)
async def test_a_change_at_fault_is_named(planner, body, field):
    problem = await planner.admin.patch(f"/assignments/{UNKNOWN}", body, status=422)
    assert [entry["field"] for entry in problem["errors"]] == [field]


async def test_trainers_change_what_is_theirs(planner, people):
    batch, other = await planner.batch(), await planner.batch()
    trainer, foreign = await people.trainer(), await people.trainer()
    await planner.runs(batch, trainer)
    await planner.runs(other, foreign)
    shared, alone = await planner.students(2)
    await planner.join(batch, shared)
    await planner.join(other, shared, alone)
    of_batch, of_other, hand = [await planner.course(title) for title in ("One", "Other", "Hand")]
    await planner.give(batch, of_batch)
    await planner.give(other, of_other)
    await by_hand(planner, hand, shared)
    rows = await planner.assigned(shared)
    for course in (of_batch, hand):
        await trainer.patch(f"/assignments/{rows[course]['id']}", {"waived": True})
    # They teach this student, so they see the course that another batch gave; it is not theirs to change.
    problem = await trainer.patch(f"/assignments/{rows[of_other]['id']}", {"waived": True}, status=403)
    assert problem["code"] == "assignment_of_another_batch"
    theirs = (await planner.assigned(alone))[of_other]
    assert (await trainer.patch(f"/assignments/{theirs['id']}", {"waived": True}, status=404))["code"] == (
        "assignment_not_found"
    )
    await foreign.patch(f"/assignments/{theirs['id']}", {"waived": True})
    for method in ("PATCH", "DELETE"):
        body = {"json": {}} if method == "PATCH" else {}
        await planner.admin.request(method, f"/assignments/{UNKNOWN}", status=404, **body)


async def test_given_by_hand_and_by_a_batch_at_once_is_one_assignment_with_two_sources(planner):
    for _ in range(6):
        batch, course = await planner.batch(), await planner.course()
        await planner.give(batch, course, "2026-05-31")
        students = await planner.students(3)
        await asyncio.gather(
            by_hand(planner, course, *students, due="2026-06-30"),
            planner.join(batch, *reversed(students)),
            by_hand(planner, course, *reversed(students), due="2026-06-30"),
        )
        for student in students:
            row = (await planner.assigned(student))[course]
            assert {source["batchId"] for source in row["sources"]} == {None, batch["id"]}
            assert row["dueDate"] == "2026-05-31T23:59:59.999999Z"
