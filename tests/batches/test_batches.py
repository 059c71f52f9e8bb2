"""Batches: made, read, changed, cancelled, and who runs them."""

import asyncio

import pytest
from sqlalchemy import text
from tests.batches.planning import UNKNOWN

pytestmark = pytest.mark.usefixtures("healthy")

FIELDS = {
    "id",
    "batchCode",
    "name",
    "description",
    "startDate",
    "endDate",
    "timezone",
    "capacity",
    "seatsTaken",
    "status",
    "createdAt",
}


async def test_a_batch_is_made_with_what_was_sent(planner):
    answer = await planner.admin.post(
        "/batches",
        {
            "name": "  Night   shift ",
            "startDate": "2026-09-01",
            "endDate": "2026-12-18",
            "capacity": 12,
            "description": "Two evenings\na week.",
            "timezone": "Asia/Kolkata",
        },
        status=201,
    )
    batch = answer["data"]
    assert answer["success"] is True
    assert set(batch) == FIELDS
    assert batch["name"] == "Night shift"
    assert (batch["capacity"], batch["seatsTaken"], batch["timezone"]) == (12, 0, "Asia/Kolkata")
    assert (batch["startDate"], batch["endDate"]) == ("2026-09-01", "2026-12-18")
    assert batch["createdAt"].endswith("Z")
    read = (await planner.admin.get(f"/batches/{batch['id']}"))["data"]
    assert set(read) == FIELDS | {"trainers", "courses"}
    assert {name: read[name] for name in FIELDS} == batch


async def test_what_may_be_left_out_has_a_sensible_value(planner):
    batch = await planner.batch()
    assert (batch["capacity"], batch["description"], batch["timezone"]) == (None, None, "UTC")


async def test_codes_grow_and_are_distinct_under_parallel_making(planner):
    made = await asyncio.gather(*(planner.batch(name=f"Batch {number}") for number in range(20)))
    codes = [batch["batchCode"] for batch in made]
    assert len(set(codes)) == 20
    assert all(code.startswith("B") and len(code) >= 4 and code[1:].isdigit() for code in codes)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"name": None}, "name"),
        ({"startDate": "2026-02-30"}, "startDate"),
        ({"startDate": 1772409600}, "startDate"),
        ({"startDate": "2026-03-02T00:00:00Z"}, "startDate"),
        ({"endDate": "0001-01-01"}, "endDate"),
        ({"endDate": "9999-12-31"}, "endDate"),
        ({"endDate": "2026-03-01"}, "body"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": -1}, "capacity"),
        ({"capacity": 2**31}, "capacity"),
        ({"capacity": "12"}, "capacity"),
        ({"capacity": True}, "capacity"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "europe/berlin"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"seatsTaken": 5}, "seatsTaken"),
        ({"status": "completed"}, "status"),
    ],
)
async def test_a_field_at_fault_is_named(planner, change, field):
    wanted = {"name": "Spring intake", "startDate": "2026-03-02", "endDate": "2026-06-26", **change}
    problem = await planner.admin.post("/batches", wanted, status=422)
    assert [entry["field"] for entry in problem["errors"]] == [field]
    assert (await planner.admin.get("/batches"))["page"]["total"] == 0


async def test_only_administrators_make_change_and_cancel(planner, people):
    batch = await planner.batch()
    trainer = await people.trainer()
    await planner.runs(batch, trainer)
    body = {"name": "Mine", "startDate": "2026-03-02", "endDate": "2026-06-26"}
    student = await people.student()
    await planner.join(batch, student)
    anonymous = await people.anonymous()
    for somebody, status in ((trainer, 403), (student, 403), (anonymous, 401)):
        await somebody.post("/batches", body, status=status)
        await somebody.patch(f"/batches/{batch['id']}", {"name": "Mine"}, status=status)
        await somebody.delete(f"/batches/{batch['id']}", status=status)
        await somebody.put(f"/batches/{batch['id']}/trainers/{trainer.id}", status=status)
        await somebody.delete(f"/batches/{batch['id']}/trainers/{trainer.id}", status=status)
    await anonymous.get("/batches", status=401)
    await anonymous.get(f"/batches/{batch['id']}", status=401)
    assert (await planner.admin.get(f"/batches/{batch['id']}"))["data"]["name"] == "Spring intake"


async def test_everybody_sees_their_own_batches_only(planner, people):
    mine, other = await planner.batch(name="Mine"), await planner.batch(name="Other")
    trainer, student = await people.trainer(first_name="Tess"), await people.student()
    await planner.runs(mine, trainer)
    await planner.join(mine, student)
    for somebody in (trainer, student):
        assert [row["id"] for row in (await somebody.get("/batches"))["data"]] == [mine["id"]]
        detail = (await somebody.get(f"/batches/{mine['id']}"))["data"]
        assert [entry["userId"] for entry in detail["trainers"]] == [str(trainer.id)]
        assert detail["trainers"][0]["name"].startswith("Tess ")
        problem = await somebody.get(f"/batches/{other['id']}", status=404)
        unknown = await somebody.get(f"/batches/{UNKNOWN}", status=404)
        assert problem["code"] == unknown["code"] == "batch_not_found"
        assert problem["detail"] == unknown["detail"]
    assert (await planner.admin.get("/batches"))["page"]["total"] == 2
    assert (await planner.admin.get("/batches/nonsense", status=400))["code"] == "invalid_id"


async def test_a_student_sees_no_draft_course_and_no_filter_tells_who_else_is_there(planner, people):
    batch = await planner.batch()
    one, two = await planner.students(2)
    await planner.join(batch, one, two)
    published, draft = await planner.course("Ready"), await planner.course("Not yet", status="draft")
    await planner.give(batch, published)
    await planner.give(batch, draft)
    seen = (await one.get(f"/batches/{batch['id']}"))["data"]["courses"]
    assert [course["courseId"] for course in seen] == [published]
    trainer = await people.trainer()
    await planner.runs(batch, trainer)
    assert len((await trainer.get(f"/batches/{batch['id']}"))["data"]["courses"]) == 1
    assert len((await planner.admin.get(f"/batches/{batch['id']}"))["data"]["courses"]) == 2
    assert len((await one.get("/batches", params={"student": str(one.id)}))["data"]) == 1
    assert (await one.get("/batches", params={"student": str(two.id)}))["data"] == []
    assert len((await trainer.get("/batches", params={"student": str(two.id)}))["data"]) == 1


async def test_lists_are_searched_filtered_sorted_and_paged(planner, people):
    trainer, student = await people.trainer(), await people.student()
    first = await planner.batch(name="50% off", startDate="2026-05-01")
    second = await planner.batch(name="500 off", startDate="2026-04-01")
    third = await planner.batch(name="Evening", startDate="2026-03-01")
    await planner.runs(second, trainer)
    await planner.join(third, student)

    async def names(**params):
        return [row["name"] for row in (await planner.admin.get("/batches", params=params))["data"]]

    assert await names(search="0%") == ["50% off"]
    assert await names(search=first["batchCode"].lower()) == ["50% off"]
    assert await names(trainer=str(trainer.id)) == ["500 off"]
    assert await names(student=str(student.id)) == ["Evening"]
    assert await names() == ["Evening", "500 off", "50% off"]
    # How % and 0 are ordered is the collation's business.
    by_name = await names(sort="name")
    assert by_name[2] == "Evening"
    assert await names(sort="-name") == by_name[::-1]
    assert await names(sort="-createdAt") == ["Evening", "500 off", "50% off"]
    found, cursor = [], None
    while True:
        params = {"limit": 1, "sort": "startDate", **({"cursor": cursor} if cursor else {})}
        answer = await planner.admin.get("/batches", params=params)
        assert answer["page"]["total"] == 3
        found += [row["name"] for row in answer["data"]]
        cursor = answer["page"]["nextCursor"]
        if cursor is None:
            break
    assert found == ["Evening", "500 off", "50% off"]
    await planner.admin.get("/batches", params={"sort": "secret"}, status=422)
    await planner.admin.get("/batches", params={"status": "active"}, status=422)
    await planner.admin.get("/batches", params={"limit": 201}, status=422)


async def test_the_state_follows_from_the_dates_in_the_zone_of_the_batch(planner, session, clock):
    # One instant, three days: it is the 10th in Kiritimati while it is the 8th in Pago Pago.
    now = (await session.execute(text("SELECT timestamptz '2027-03-09 10:30:00+00' - now()"))).scalar_one()
    await clock(seconds=round(now.total_seconds()))
    dates = {"startDate": "2027-03-09", "endDate": "2027-03-09"}
    east = await planner.batch(timezone="Pacific/Kiritimati", **dates)
    here = await planner.batch(timezone="UTC", **dates)
    west = await planner.batch(timezone="Pacific/Pago_Pago", **dates)
    assert [batch["status"] for batch in (east, here, west)] == ["completed", "running", "planned"]
    for batch, state in ((east, "completed"), (here, "running"), (west, "planned")):
        found = await planner.admin.get("/batches", params={"status": state})
        assert [row["id"] for row in found["data"]] == [batch["id"]]
    await planner.admin.delete(f"/batches/{here['id']}")
    found = await planner.admin.get("/batches", params={"status": "cancelled"})
    assert [row["id"] for row in found["data"]] == [here["id"]]
    assert (await planner.admin.get("/batches", params={"status": "running"}))["data"] == []


async def test_a_change_keeps_what_was_not_sent(planner, session):
    batch = await planner.batch(capacity=5, description="Old")
    changed = (await planner.admin.patch(f"/batches/{batch['id']}", {"name": "Autumn"}))["data"]
    assert changed == {**batch, "name": "Autumn"}
    changed = (await planner.admin.patch(f"/batches/{batch['id']}", {"capacity": None, "description": None}))[
        "data"
    ]
    assert (changed["capacity"], changed["description"]) == (None, None)
    assert (await planner.admin.patch(f"/batches/{batch['id']}", {}))["data"] == changed
    noted = (
        await session.execute(
            text("SELECT action, changes->>'name' FROM audit_log WHERE object_id = :id ORDER BY id"),
            {"id": batch["id"]},
        )
    ).all()
    assert [tuple(row) for row in noted] == [
        ("batch.created", None),
        ("batch.changed", '["Spring intake", "Autumn"]'),
        ("batch.changed", None),
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"endDate": "2026-03-01"}, "invalid_dates"),
        ({"startDate": "2026-07-01"}, "invalid_dates"),
        ({"name": None}, "validation_failed"),
        ({"timezone": None}, "validation_failed"),
        ({"timezone": "Nowhere"}, "validation_failed"),
        ({"capacity": 0}, "validation_failed"),
        ({"batchCode": "B777"}, "validation_failed"),
    ],
)
async def test_a_change_that_cannot_be_is_refused_whole(planner, change, code):
    batch = await planner.batch()
    problem = await planner.admin.patch(
        f"/batches/{batch['id']}", {"description": "New", **change}, status=422
    )
    assert problem["code"] == code
    assert problem["errors"]
    assert (await planner.admin.get(f"/batches/{batch['id']}"))["data"]["description"] is None


async def test_of_two_editors_the_second_is_told(planner):
    batch = await planner.batch()
    path = f"/batches/{batch['id']}"
    tag = (await planner.admin.http.get(f"/api/v1{path}")).headers["etag"]

    async def edit(name):
        answer = await planner.admin.http.patch(
            f"/api/v1{path}", json={"name": name}, headers={"If-Match": tag}
        )
        return answer.status_code

    assert sorted(await asyncio.gather(edit("One"), edit("Two"))) == [200, 412]
    await planner.admin.patch(path, {"name": "Three"}, headers={"If-Match": '"99"'}, status=412)
    await planner.admin.patch(path, {"name": "Three"}, headers={"If-Match": "*"})
    await planner.admin.patch(f"/batches/{UNKNOWN}", {"name": "Three"}, status=404)


async def test_the_capacity_is_never_below_the_seats_taken(planner):
    batch = await planner.batch(capacity=3)
    await planner.join(batch, *await planner.students(2))
    problem = await planner.admin.patch(f"/batches/{batch['id']}", {"capacity": 1}, status=409)
    assert problem["code"] == "capacity_below_seats"
    assert "2 seats are taken" in problem["detail"]
    assert (await planner.admin.patch(f"/batches/{batch['id']}", {"capacity": 2}))["data"]["capacity"] == 2


async def test_a_cancelled_batch_is_a_record(planner, people):
    batch, other = await planner.batch(), await planner.batch()
    student, late = await planner.students(2)
    course = await planner.course()
    await planner.give(batch, course, "2026-06-01")
    await planner.join(batch, student)
    assert course in await planner.assigned(student)
    for _ in range(2):
        cancelled = (await planner.admin.delete(f"/batches/{batch['id']}"))["data"]
        assert (cancelled["status"], cancelled["seatsTaken"]) == ("cancelled", 1)
    # Nobody is chased for it any more, and the record of it is kept.
    assert await planner.assigned(student) == {}
    assert (await planner.assigned(student, closed="true"))[course]["closed"] is True
    assert (await planner.join(batch, late, status=409))["code"] == "batch_cancelled"
    assert (await planner.give(batch, course, "2026-07-01", status=409))["code"] == "batch_cancelled"
    problem = await planner.admin.patch(f"/batches/{batch['id']}", {"name": "Again"}, status=409)
    assert problem["code"] == "batch_cancelled"
    trainer = await people.trainer()
    await planner.admin.put(f"/batches/{batch['id']}/trainers/{trainer.id}", status=409)
    # Its students can still go on elsewhere.
    await planner.admin.post(f"/batches/{batch['id']}/students/{student.id}/move", {"toBatchId": other["id"]})
    assert (await planner.admin.get(f"/batches/{batch['id']}"))["data"]["seatsTaken"] == 0
    await planner.admin.delete(f"/batches/{UNKNOWN}", status=404)


async def test_a_batch_is_run_by_active_trainers_and_administrators(planner, people):
    batch = await planner.batch()
    path = f"/batches/{batch['id']}/trainers"
    trainer = await people.trainer()
    for _ in range(2):
        detail = (await planner.admin.put(f"{path}/{trainer.id}"))["data"]
        assert [entry["userId"] for entry in detail["trainers"]] == [str(trainer.id)]
    await planner.admin.put(f"{path}/{planner.admin.id}")
    student, disabled = await people.student(), await people.trainer(status="disabled")
    for unfit in (student, disabled):
        problem = await planner.admin.put(f"{path}/{unfit.id}", status=422)
        assert problem["code"] == "not_a_trainer"
    await planner.admin.put(f"{path}/{UNKNOWN}", status=404)
    await planner.admin.put(f"/batches/{UNKNOWN}/trainers/{trainer.id}", status=404)
    detail = (await planner.admin.delete(f"{path}/{trainer.id}"))["data"]
    assert [entry["userId"] for entry in detail["trainers"]] == [str(planner.admin.id)]
    assert (await planner.admin.delete(f"{path}/{trainer.id}", status=404))[
        "code"
    ] == "batch_trainer_not_found"
    await trainer.get(f"/batches/{batch['id']}", status=404)
