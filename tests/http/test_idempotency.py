"""A POST with an `Idempotency-Key` is done once, however often it is sent."""

import asyncio

import psycopg
import pytest
from sqlalchemy import text

STUDENT = {"firstName": "Ada", "lastName": "Example", "email": "ada@example.org"}
COURSE = {
    "title": "Python",
    "category": "IT",
    "templateType": "text-only",
    "difficulty": "easy",
    "estimatedDuration": 8,
}


@pytest.fixture
async def admin(people):
    return await people.admin()


def key(value):
    return {"headers": {"Idempotency-Key": value}}


async def count(session, table):
    return (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()  # noqa: S608 - names of this file


async def test_a_repeat_gives_the_first_answer(admin, session):
    first = await admin.http.post("/api/v1/courses", json=COURSE, **key("one"))
    again = await admin.http.post("/api/v1/courses", json=COURSE, **key("one"))
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await count(session, "courses") == 1
    await admin.post("/courses", COURSE, status=201, **key("two"))
    assert await count(session, "courses") == 2


async def test_another_body_is_refused(admin, session):
    await admin.post("/courses", COURSE, status=201, **key("one"))
    problem = await admin.post("/courses", COURSE | {"title": "Other"}, status=422, **key("one"))
    assert problem["code"] == "idempotency_key_reused"
    assert (await admin.post("/students/enroll", STUDENT, status=422, **key("one")))[
        "code"
    ] == "idempotency_key_reused"
    assert await count(session, "courses") == 1


async def test_a_refused_request_is_not_remembered(admin):
    await admin.post("/courses", COURSE | {"title": ""}, status=422, **key("one"))
    await admin.post("/courses", COURSE, status=201, **key("one"))


async def test_a_key_is_its_callers_alone(admin, people, session):
    other = await people.admin()
    await admin.post("/courses", COURSE, status=201, **key("one"))
    await other.post("/courses", COURSE, status=201, **key("one"))
    assert await count(session, "courses") == 2


async def test_fifty_at_once_do_it_once(admin, session):
    answers = await asyncio.gather(
        *(admin.http.post("/api/v1/courses", json=COURSE, **key("one")) for _ in range(50))
    )
    statuses = {answer.status_code for answer in answers}
    assert statuses <= {201, 409}
    assert all(
        answer.json()["code"] == "request_in_flight" for answer in answers if answer.status_code == 409
    )
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert await count(session, "courses") == 1


async def test_an_enrolment_is_resumed_and_its_password_is_not_stored(admin, session):
    first = await admin.post("/students/enroll", STUDENT, **key("one"))
    again = await admin.post("/students/enroll", STUDENT, **key("one"))
    assert again == first
    assert await count(session, "users") == 2
    kept = (await session.execute(text("SELECT idempotency_keys::text FROM idempotency_keys"))).scalar_one()
    assert first["data"]["temporaryPassword"] not in kept
    assert (await session.execute(text("SELECT body FROM idempotency_keys"))).scalar_one() is None


async def test_a_password_is_reset_once(admin):
    user = (await admin.post("/students/enroll", STUDENT))["data"]["userId"]
    first = (await admin.post(f"/users/{user}/reset-password", **key("one")))["data"]
    assert (await admin.post(f"/users/{user}/reset-password", **key("one")))["data"] == first
    assert (await admin.post(f"/users/{user}/reset-password", **key("two")))["data"] != first


async def test_a_key_lasts_a_day(admin, session, database):
    await admin.post("/courses", COURSE, status=201, **key("one"))
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    await admin.post("/courses", COURSE, status=201, **key("one"))
    assert await count(session, "courses") == 2


@pytest.mark.parametrize("bad", ["", " ", "x" * 256, "schl\u00fcssel", "a b"])
async def test_what_is_no_key_is_refused(admin, bad):
    answer = await admin.http.post(
        "/api/v1/courses", json=COURSE, headers=[(b"Idempotency-Key", bad.encode("latin-1"))]
    )
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_idempotency_key"
