"""Two different things done to one batch, course or person at the same moment: one order or the other, never half of both."""

import pytest
from tests.races.contest import ROUNDS, Entry, statuses

pytestmark = pytest.mark.processes
JOINING = 10


def _joins(planner, batch, students):
    path = f"/batches/{batch['id']}/students"
    return [Entry(planner.admin, "POST", path, {"studentIds": [str(one.id)]}) for one in students]


@ROUNDS
async def test_cancelling_a_batch_against_joining_it(track, healthy, planner, count, rounds):
    course = await planner.course()
    for turn in range(rounds):
        batch = await planner.batch()
        await planner.give(batch, course)
        students = await planner.students(JOINING)
        joins = _joins(planner, batch, students)
        cancel = Entry(planner.admin, "DELETE", f"/batches/{batch['id']}")
        joins.insert(turn % (JOINING + 1), cancel)
        answers = await track.run(joins, line="batches")
        found = statuses(answers)
        assert (found[200], found[201] + found[409]) == (1, JOINING)
        refused = {answer.json()["code"] for answer in answers if answer.status_code == 409}
        assert refused <= {"batch_cancelled"}
        assert (await planner.admin.get(f"/batches/{batch['id']}"))["data"]["status"] == "cancelled"
        # Whoever came in before has no course of it any more, and whoever came too late never had one.
        for student in students:
            assert await planner.assigned(student) == {}
        members = "SELECT count(*) FROM student_batches WHERE batch_id = :id"
        assert await count(members, id=batch["id"]) == found[201]
        await healthy()


@ROUNDS
async def test_archiving_a_course_against_assigning_it(track, healthy, planner, rounds):
    for turn in range(rounds):
        course = await planner.course()
        students = await planner.students(JOINING)
        path = f"/courses/{course}/assignments"
        entries = [Entry(planner.admin, "POST", path, {"studentIds": [str(one.id)]}) for one in students]
        entries.insert(turn % (JOINING + 1), Entry(planner.admin, "PUT", f"/courses/{course}/archive"))
        answers = await track.run(entries, line="courses")
        found = statuses(answers)
        assert (found[200], found[201] + found[409]) == (1, JOINING)
        refused = {answer.json()["code"] for answer in answers if answer.status_code == 409}
        assert refused <= {"course_archived"}
        # Those who were given it before keep it; nobody has it by half.
        del answers[turn % (JOINING + 1)]
        for student, answer in zip(students, answers, strict=True):
            given = answer.status_code == 201
            assert (course in await planner.assigned(student)) == given
            assert len((await student.get("/courses"))["data"]) == given
        await healthy()


@ROUNDS
async def test_one_person_into_two_batches_with_the_same_course(track, healthy, planner, count, rounds):
    """Ten times into each: a seat in each, and one assignment that has both as its sources."""
    course = await planner.course()
    for turn in range(rounds):
        [student] = await planner.students(1)
        dates = ["2030-05-31", "2030-03-31"]
        batches = [await planner.batch(capacity=1) for _ in dates]
        for batch, due in zip(batches, dates, strict=True):
            await planner.give(batch, course, due)
        order = batches if turn % 2 else batches[::-1]
        entries = [entry for batch in order for entry in _joins(planner, batch, [student])]
        answers = await track.run(entries * JOINING, line="batches")
        assert statuses(answers) == {201: 2, 409: 2 * JOINING - 2}
        for batch in batches:
            assert (await planner.admin.get(f"/batches/{batch['id']}"))["data"]["seatsTaken"] == 1
        [row] = (await planner.assigned(student)).values()
        assert row["dueDate"].startswith("2030-03-31")
        sources = "SELECT count(*) FROM assignment_sources WHERE assignment_id = :id"
        assert await count(sources, id=row["id"]) == 2
        await healthy()
