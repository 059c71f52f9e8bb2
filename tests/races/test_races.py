"""What TMS promises to people who do the same thing at the same moment, through two processes of the API.

Three rounds each by default; `make races` runs twenty.
"""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import text
from tests.races.contest import PATIENCE, ROUNDS, Entry, enrol, statuses

from tms.platform import db

pytestmark = pytest.mark.processes


def by_method(entries, answers):
    return {entry.method: answer.status_code for entry, answer in zip(entries, answers, strict=True)}


@ROUNDS
async def test_a_hundred_people_enrolled_at_once(track, healthy, planner, count, rounds):
    batch = await planner.batch()
    await planner.give(batch, await planner.course(), "2027-05-31")
    for turn in range(rounds):
        entries = [
            enrol(planner.admin, f"p{number}.{turn}@example.org", key=f"{number}.{turn}", batchId=batch["id"])
            for number in range(100)
        ]
        answers = await track.run(entries, line="users")
        assert statuses(answers) == {200: 100}
        enrolled = [answer.json()["data"] for answer in answers]
        assert len({person["studentId"] for person in enrolled}) == 100
        assert len({person["temporaryPassword"] for person in enrolled}) == 100
        assert {person["status"] for person in enrolled} == {"active"}
        seats = await count("SELECT seats_taken FROM batches WHERE id = :id", id=batch["id"])
        assert seats == 100 * (turn + 1)
        assert await count("SELECT count(*) FROM course_assignments") == seats
        await healthy()


SPELLINGS = ("ada{}@example.org", "ADA{}@example.org", "Ada{}@Example.Org", "ada{}@EXAMPLE.ORG")
SPELLINGS += (" ada{}@example.org", "aDA{}@eXample.org ")


async def made_once(count, address):
    for table in ("users", "accounts"):
        query = f"SELECT count(*) FROM {table} WHERE email_norm = :address"  # noqa: S608 - names of this line
        assert await count(query, address=address) == 1


@ROUNDS
async def test_one_address_enrolled_a_hundred_times_in_six_spellings(
    track, healthy, planner, count, run_jobs, rounds
):
    for turn in range(rounds):
        # Each of them counts for the limit of how many an administrator enrols.
        admin = await planner.people.admin()
        entries = [enrol(admin, SPELLINGS[number % len(SPELLINGS)].format(turn)) for number in range(100)]
        answers = await track.run(entries, line="users")
        assert statuses(answers) == {200: 1, 409: 99}
        assert {a.json()["code"] for a in answers if a.status_code == 409} == {"email_taken"}
        await made_once(count, f"ada{turn}@example.org")
        await healthy()
    await run_jobs()
    assert await count("SELECT count(*) FROM emails WHERE template = 'welcome'") == rounds
    await healthy()


@ROUNDS
async def test_one_enrolment_repeated_a_hundred_times_with_its_key(
    track, healthy, planner, count, run_jobs, rounds
):
    for turn in range(rounds):
        # Each of them counts for the limit of how many an administrator enrols.
        admin = await planner.people.admin()
        entries = [enrol(admin, f"ada{turn}@example.org", key=f"ada-{turn}")] * 100
        answers = await track.run(entries, line="users", turned_away=99)
        assert statuses(answers) == {200: 1, 409: 99}
        assert {a.json()["code"] for a in answers if a.status_code == 409} == {"request_in_flight"}
        [first] = [answer.json()["data"] for answer in answers if answer.status_code == 200]
        repeated = await asyncio.gather(*(track.send(number, one) for number, one in enumerate(entries[:20])))
        again = [answer.json()["data"] for answer in repeated if answer.status_code == 200]
        assert again
        assert all(answer == first for answer in again)
        await made_once(count, f"ada{turn}@example.org")
        await healthy()
    await run_jobs()
    assert await count("SELECT count(*) FROM emails WHERE template = 'welcome'") == rounds
    await healthy()


@pytest.mark.parametrize(
    ("seats", "rounds"),
    [(1, 3), (30, 1), *(pytest.param(seats, 20, marks=pytest.mark.long) for seats in (1, 30))],
)
async def test_the_last_seats_and_a_hundred_contenders(track, healthy, planner, count, seats, rounds):
    """Half of them are students already and join, half are enrolled into the batch."""
    course, students = await planner.course(), await planner.students(50)
    for turn in range(rounds):
        batch = await planner.batch(capacity=seats)
        await planner.give(batch, course)
        joins = [
            Entry(
                planner.admin,
                "POST",
                f"/batches/{batch['id']}/students",
                {"studentIds": [str(one.id)]},
                {"Idempotency-Key": f"{one.id}.{turn}"},
            )
            for one in students
        ]
        enrolments = [
            enrol(planner.admin, f"c{number}.{turn}@example.org", key=f"{number}.{turn}", batchId=batch["id"])
            for number in range(50)
        ]
        known = await count("SELECT count(*) FROM users")
        answers = await track.run([*joins, *enrolments], line="batches")
        won = statuses(answers)
        assert won[201] + won[200] == seats
        assert won[409] == 100 - seats
        assert {a.json()["code"] for a in answers if a.status_code == 409} == {"batch_full"}
        assert (await planner.admin.get(f"/batches/{batch['id']}"))["data"]["seatsTaken"] == seats
        # Who found no seat was not enrolled by half.
        assert await count("SELECT count(*) FROM users") == known + won[200]
        await healthy()


@ROUNDS
async def test_one_section_completed_fifty_times(track, healthy, planner, count, rounds):
    student = await planner.people.student()
    for turn in range(rounds):
        course = await planner.course(sections=2)
        await planner.admin.post(
            f"/courses/{course}/assignments", {"studentIds": [str(student.id)]}, status=201
        )
        outline = await student.get(f"/courses/{course}?include_sections=true")
        first, last = (section["id"] for section in outline["data"]["sections"])
        # In every other round the race is also for the learner's row, which nobody has made yet.
        sections_before = turn % 2
        if sections_before:
            await student.put(f"/progress/sections/{first}", {"completed": True})
        entries = [
            Entry(
                student,
                "PUT",
                f"/progress/sections/{last}",
                {"completed": True, "timeSpentSeconds": seconds},
            )
            for seconds in range(1, 51)
        ]
        answers = await track.run(entries, line="course_progress")
        assert statuses(answers) == {200: 50}
        states = [answer.json()["data"] for answer in answers]
        assert {state["course"]["sectionsCompleted"] for state in states} == {1 + sections_before}
        assert len({state["completedAt"] for state in states}) == 1
        messages = Counter(answer.json()["message"] for answer in answers)
        assert messages["Course completed"] == sections_before
        [row] = [row for row in (await student.get("/progress"))["data"] if row["id"] == course]
        assert (row["sectionsCompleted"], row["timeSpentSeconds"]) == (1 + sections_before, 50)
        assert row["progress"] == (100 if sections_before else 50)
        told = "SELECT count(*) FROM audit_log WHERE action = 'course.completed'"
        assert await count(told) == (turn + 1) // 2
        await healthy()


@ROUNDS
async def test_publishing_against_removing_the_last_section(track, healthy, planner, rounds):
    for turn in range(rounds):
        course = await planner.course(status="draft")
        outline = await planner.admin.get(f"/courses/{course}?include_sections=true")
        [section] = outline["data"]["sections"]
        publish = Entry(planner.admin, "PUT", f"/courses/{course}/publish")
        remove = Entry(planner.admin, "DELETE", f"/courses/{course}/sections/{section['id']}")
        entries = [publish, remove] if turn % 2 else [remove, publish]
        answers = by_method(entries, await track.run(entries, line="courses"))
        outcome = (answers["PUT"], answers["DELETE"])
        assert outcome in {(200, 409), (400, 200)}
        found = (await planner.admin.get(f"/courses/{course}"))["data"]
        expected = ("published", 1) if outcome == (200, 409) else ("draft", 0)
        assert (found["status"], found["totalSections"]) == expected
        await healthy()


@ROUNDS
async def test_moving_a_student_against_removing_them(track, healthy, planner, rounds):
    shared = await planner.course()
    for turn in range(rounds):
        [student] = await planner.students(1)
        old, new = await planner.batch(capacity=1), await planner.batch(capacity=1)
        for batch in (old, new):
            await planner.give(batch, shared)
        await planner.join(old, student)
        path = f"/batches/{old['id']}/students/{student.id}"
        move = Entry(planner.admin, "POST", f"{path}/move", {"toBatchId": new["id"]})
        remove = Entry(planner.admin, "DELETE", path)
        entries = [move, remove] if turn % 2 else [remove, move]
        answers = by_method(entries, await track.run(entries, line="batches"))
        outcome = (answers["POST"], answers["DELETE"])
        assert outcome in {(200, 404), (404, 200)}
        moved = outcome == (200, 404)
        taken = [
            (await planner.admin.get(f"/batches/{batch['id']}"))["data"]["seatsTaken"] for batch in (old, new)
        ]
        assert taken == [0, 1 if moved else 0]
        assert len((await student.get("/courses"))["data"]) == (1 if moved else 0)
        await healthy()


@ROUNDS
@pytest.mark.parametrize("editors", [2, 20])
async def test_editors_of_one_version_of_a_course(track, healthy, planner, rounds, editors):
    for _ in range(rounds):
        course = await planner.course(status="draft")
        version = (await planner.admin.get(f"/courses/{course}"))["data"]["version"]
        entries = [
            Entry(
                planner.admin,
                "PATCH",
                f"/courses/{course}",
                {"title": f"Title {n}", "description": f"Text {n}"},
                {"If-Match": f'"{version}"'},
            )
            for n in range(editors)
        ]
        answers = await track.run(entries, line="courses")
        assert statuses(answers) == {200: 1, 412: editors - 1}
        [winner] = [n for n, answer in enumerate(answers) if answer.status_code == 200]
        found = (await planner.admin.get(f"/courses/{course}"))["data"]
        assert (found["title"], found["description"]) == (f"Title {winner}", f"Text {winner}")
        assert found["version"] == version + 1
        await healthy()


@ROUNDS
@pytest.mark.parametrize("how", ["disable", "demote"])
async def test_two_administrators_who_shut_each_other_out(track, healthy, people, count, rounds, how):
    for _ in range(rounds):
        async with db.transaction() as session:
            await session.execute(text("UPDATE users SET status = 'disabled' WHERE role = 'admin'"))
            await session.execute(text("UPDATE accounts SET enabled = false WHERE role = 'admin'"))
        pair = [await people.admin(), await people.admin()]
        if how == "disable":
            entries = [
                Entry(who, "POST", f"/users/{whom.id}/disable")
                for who, whom in zip(pair, reversed(pair), strict=True)
            ]
        else:
            entries = [
                Entry(who, "PATCH", f"/users/{whom.id}", {"role": "trainer"})
                for who, whom in zip(pair, reversed(pair), strict=True)
            ]
        answers = await track.run(entries, line="users")
        assert statuses(answers) == {200: 1, 409: 1}
        [refused] = [answer for answer in answers if answer.status_code == 409]
        assert refused.json()["code"] == "last_administrator"
        assert await count("SELECT count(*) FROM users WHERE role = 'admin' AND status = 'active'") == 1
        await healthy()


async def test_those_who_do_not_meet_are_no_race(track, planner):
    """Readers pass the line, so that they never stand there together."""
    track.patience = 1
    entries = [Entry(planner.admin, "GET", "/courses")] * 2
    with pytest.RaisesGroup(pytest.RaisesExc(AssertionError, match="of 2 met")):
        await track.run(entries, line="courses")
    track.patience = PATIENCE
    entries = [Entry(planner.admin, "PATCH", f"/courses/{await planner.course()}", {"title": "T"})] * 2
    await track.run(entries, line="courses")
    assert track.met[-1].in_flight == 2
    assert sum(track.met[-1].waiting.values()) == 2
