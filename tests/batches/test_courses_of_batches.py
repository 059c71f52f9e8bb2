"""The courses of a batch: given to everybody, with the batch's due date, in the batch's time zone."""

import asyncio
from datetime import UTC, date, datetime

import pytest
from tests.batches.planning import UNKNOWN

from tms.batches import due

pytestmark = pytest.mark.usefixtures("healthy")


async def test_everybody_gets_a_course_now_and_whoever_joins_later(planner):
    batch = await planner.batch(timezone="Europe/Berlin")
    early, late = await planner.students(2)
    course = await planner.course("Fire drill")
    await planner.join(batch, early)
    row = (await planner.give(batch, course, "2026-05-31"))["data"]
    assert row["courseId"] == course
    assert row["courseCode"].startswith("C")
    assert (row["title"], row["status"]) == ("Fire drill", "published")
    assert row["dueDate"] == "2026-05-31T21:59:59.999999Z"
    await planner.join(batch, late)
    for student in (early, late):
        assert (await planner.assigned(student))[course]["dueDate"] == row["dueDate"]
    detail = (await planner.admin.get(f"/batches/{batch['id']}"))["data"]
    assert detail["courses"] == [row]


async def test_the_same_course_again_changes_the_date_for_all(planner):
    batch = await planner.batch()
    course = await planner.course()
    students = await planner.students(3)
    await planner.join(batch, *students)
    await planner.give(batch, course, "2026-05-31")
    assignments = [(await planner.assigned(student))[course]["id"] for student in students]
    await planner.give(batch, course, "2026-06-15T10:00:00+02:00")
    for student, known in zip(students, assignments, strict=True):
        row = (await planner.assigned(student))[course]
        assert (row["id"], row["dueDate"]) == (known, "2026-06-15T08:00:00Z")
    await planner.give(batch, course)
    for student in students:
        assert (await planner.assigned(student))[course]["dueDate"] is None
    # A request without any body asks for no date as well.
    await planner.admin.put(f"/batches/{batch['id']}/courses/{course}")


async def test_of_several_batches_the_earliest_date_holds(planner):
    first, second = await planner.batch(), await planner.batch()
    course = await planner.course()
    (student,) = await planner.students(1)
    await planner.join(first, student)
    await planner.join(second, student)
    await planner.give(first, course, "2026-06-30")
    await planner.give(second, course, "2026-05-31")
    row = (await planner.assigned(student))[course]
    assert row["dueDate"] == "2026-05-31T23:59:59.999999Z"
    assert {source["batchId"] for source in row["sources"]} == {first["id"], second["id"]}
    await planner.admin.delete(f"/batches/{second['id']}/courses/{course}")
    assert (await planner.assigned(student))[course]["dueDate"] == "2026-06-30T23:59:59.999999Z"
    await planner.admin.delete(f"/batches/{first['id']}/courses/{course}")
    assert await planner.assigned(student) == {}
    problem = await planner.admin.delete(f"/batches/{first['id']}/courses/{course}", status=404)
    assert problem["code"] == "batch_course_not_found"


async def test_what_came_by_hand_outlives_the_batch(planner):
    batch = await planner.batch()
    course = await planner.course()
    (student,) = await planner.students(1)
    await planner.join(batch, student)
    await planner.give(batch, course, "2026-05-31")
    await planner.admin.post(f"/courses/{course}/assignments", {"studentIds": [str(student.id)]}, status=201)
    await planner.admin.delete(f"/batches/{batch['id']}")
    row = (await planner.assigned(student))[course]
    assert row["sources"] == [{"batchId": None, "dueDate": None}]


async def test_an_archived_course_takes_no_new_learners_but_can_be_put_off(planner):
    batch, other = await planner.batch(), await planner.batch()
    course = await planner.course()
    (student,) = await planner.students(1)
    await planner.join(batch, student)
    await planner.give(batch, course, "2026-05-31")
    await planner.admin.put(f"/courses/{course}/archive")
    assert (await planner.give(other, course, status=409))["code"] == "course_archived"
    assert (await planner.admin.get(f"/batches/{other['id']}"))["data"]["courses"] == []
    await planner.give(batch, course, "2026-06-30")
    assert (await planner.assigned(student))[course]["dueDate"] == "2026-06-30T23:59:59.999999Z"


async def test_trainers_plan_the_courses_of_their_own_batches(planner, people):
    batch, other = await planner.batch(), await planner.batch()
    trainer = await people.trainer()
    await planner.runs(batch, trainer)
    course, draft = await planner.course(), await planner.course("Draft", status="draft")
    (student,) = await planner.students(1)
    await planner.join(batch, student)
    path = f"/batches/{batch['id']}/courses"
    await trainer.put(f"{path}/{course}", {"dueDate": "2026-06-01"})
    assert course in await planner.assigned(student)
    assert (await trainer.put(f"{path}/{draft}", {}, status=404))["code"] == "course_not_found"
    foreign = await trainer.put(f"/batches/{other['id']}/courses/{course}", {}, status=404)
    assert foreign["code"] == "batch_not_found"
    await trainer.delete(f"/batches/{other['id']}/courses/{course}", status=404)
    await student.put(f"{path}/{course}", {}, status=403)
    await student.delete(f"{path}/{course}", status=403)
    anonymous = await people.anonymous()
    await anonymous.put(f"{path}/{course}", {}, status=401)
    await anonymous.delete(f"{path}/{course}", status=401)
    await planner.admin.put(f"{path}/{UNKNOWN}", {}, status=404)
    await planner.admin.put(f"/batches/{UNKNOWN}/courses/{course}", {}, status=404)
    await planner.admin.put(f"{path}/nonsense", {}, status=400)
    await trainer.delete(f"{path}/{course}")
    assert await planner.assigned(student) == {}


@pytest.mark.parametrize(
    "date_given",
    [
        "2026-02-30",
        "2026-13-01",
        "31.12.2026",
        "tomorrow",
        "",
        "2026-12-31T10:00:00",
        "0001-01-01",
        "9999-12-31",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        1798671600,
        True,
        ["2026-12-31"],
        {},
    ],
)
async def test_a_due_date_that_is_none_is_refused(planner, date_given):
    batch, course = await planner.batch(), UNKNOWN
    problem = await planner.admin.put(
        f"/batches/{batch['id']}/courses/{course}", {"dueDate": date_given}, status=422
    )
    assert [entry["field"] for entry in problem["errors"]] == ["dueDate"]


@pytest.mark.parametrize(
    ("day", "zone", "ends"),
    [
        ("2026-03-28", "Europe/Berlin", "2026-03-28T22:59:59.999999Z"),
        ("2026-03-29", "Europe/Berlin", "2026-03-29T21:59:59.999999Z"),
        ("2026-10-24", "Europe/Berlin", "2026-10-24T21:59:59.999999Z"),
        ("2026-10-25", "Europe/Berlin", "2026-10-25T22:59:59.999999Z"),
        ("2026-11-01", "America/New_York", "2026-11-02T04:59:59.999999Z"),
        ("2026-12-31", "Pacific/Kiritimati", "2026-12-31T09:59:59.999999Z"),
        ("2026-12-31", "Asia/Kolkata", "2026-12-31T18:29:59.999999Z"),
        # At this midnight the clocks of Cairo go from 00:00 to 01:00: the day before ends at the change.
        ("2026-04-23", "Africa/Cairo", "2026-04-23T21:59:59.999999Z"),
    ],
)
async def test_a_day_ends_on_the_wall_clock_of_the_batch(planner, day, zone, ends):
    batch, course = await planner.batch(timezone=zone), await planner.course()
    assert (await planner.give(batch, course, day))["data"]["dueDate"] == ends


async def test_days_follow_the_batch_into_another_zone_and_instants_stay(planner):
    batch = await planner.batch(timezone="UTC")
    day, instant = await planner.course("Day"), await planner.course("Instant")
    (student,) = await planner.students(1)
    await planner.join(batch, student)
    await planner.give(batch, day, "2026-07-31")
    await planner.give(batch, instant, "2026-07-31T12:00:00Z")
    await planner.admin.patch(f"/batches/{batch['id']}", {"timezone": "Asia/Tokyo"})
    detail = (await planner.admin.get(f"/batches/{batch['id']}"))["data"]
    dates = {course["courseId"]: course["dueDate"] for course in detail["courses"]}
    assert dates == {day: "2026-07-31T14:59:59.999999Z", instant: "2026-07-31T12:00:00Z"}
    held = await planner.assigned(student)
    assert {course: held[course]["dueDate"] for course in dates} == dates


def test_the_end_of_a_day_is_found_again_across_zones():
    end = due.instant(date(2026, 3, 29), "Europe/Berlin")
    assert due.in_other_zone(end, "Europe/Berlin", "UTC") == datetime(2026, 3, 29, 23, 59, 59, 999999, UTC)
    almost = end.replace(microsecond=0)
    assert due.in_other_zone(almost, "Europe/Berlin", "UTC") == almost
    assert due.instant(None, "UTC") is None


async def test_whoever_joins_while_a_course_is_given_gets_it(planner):
    for _ in range(6):
        batch = await planner.batch()
        course = await planner.course()
        before, *joining = await planner.students(6)
        await planner.join(batch, before)
        requests = [planner.join(batch, student) for student in joining]
        requests.insert(2, planner.give(batch, course, "2026-06-30"))
        await asyncio.gather(*requests)
        for student in (before, *joining):
            assert (await planner.assigned(student))[course]["dueDate"] == "2026-06-30T23:59:59.999999Z"


async def test_a_course_put_off_while_students_join_has_one_date_for_all(planner):
    for _ in range(4):
        batch, course = await planner.batch(), await planner.course()
        await planner.give(batch, course, "2026-06-30")
        students = await planner.students(5)
        requests = [planner.join(batch, student) for student in students]
        requests.insert(2, planner.give(batch, course, "2026-07-31"))
        await asyncio.gather(*requests)
        dates = {(await planner.assigned(student))[course]["dueDate"] for student in students}
        assert dates == {"2026-07-31T23:59:59.999999Z"}


async def test_a_course_archived_while_it_is_given_is_given_to_all_or_refused(planner):
    for _ in range(5):
        batch, course = await planner.batch(), await planner.course()
        students = await planner.students(3)
        await planner.join(batch, *students)
        given, archived = await asyncio.gather(
            planner.admin.http.put(f"/api/v1/batches/{batch['id']}/courses/{course}", json={}),
            planner.admin.http.put(f"/api/v1/courses/{course}/archive"),
        )
        assert archived.status_code == 200
        assert given.status_code in {200, 409}
        for student in students:
            assert (course in await planner.assigned(student)) == (given.status_code == 200)


async def test_a_course_taken_away_while_students_join_stays_with_nobody(planner):
    for _ in range(4):
        batch, course = await planner.batch(), await planner.course()
        await planner.give(batch, course)
        students = await planner.students(5)
        requests = [planner.join(batch, student) for student in students]
        requests.insert(2, planner.admin.delete(f"/batches/{batch['id']}/courses/{course}"))
        await asyncio.gather(*requests)
        for student in students:
            assert await planner.assigned(student) == {}
