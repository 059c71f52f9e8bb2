"""Enrolment: all of it or nothing, once, in every spelling and under every race."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

STUDENT = {"firstName": "Ada", "lastName": "Example", "email": "ada@example.org"}
BATCH = {"name": "Autumn", "startDate": "2026-10-01", "endDate": "2027-03-31"}


@pytest.fixture
async def admin(people):
    return await people.admin()


async def count(session, table):
    return (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()  # noqa: S608 - names of this file


async def test_the_answer_has_the_specified_fields(admin):
    batch = (await admin.post("/batches", BATCH, status=201))["data"]
    answer = await admin.post("/students/enroll", STUDENT | {"batchId": batch["id"], "phone": "+1 555 0100"})
    assert answer["success"] is True
    data = answer["data"]
    assert set(data) == {
        "userId",
        "keycloakId",
        "studentId",
        "email",
        "temporaryPassword",
        "passwordExpiry",
        "batchInfo",
        "status",
    }
    assert data["status"] == "active"
    assert data["studentId"].startswith("STU")
    assert data["batchInfo"] == {
        "batchId": batch["id"],
        "batchCode": batch["batchCode"],
        "batchName": "Autumn",
    }
    expiry = datetime.fromisoformat(data["passwordExpiry"])
    assert timedelta(days=6) < expiry - datetime.now(UTC) <= timedelta(days=7)
    assert (await admin.get(f"/batches/{batch['id']}"))["data"]["seatsTaken"] == 1


async def test_the_welcome_is_sent_once_with_the_password(admin, run_jobs):
    batch = (await admin.post("/batches", BATCH | {"name": "<b>Autumn</b>"}, status=201))["data"]
    data = (
        await admin.post("/students/enroll", STUDENT | {"firstName": "<a href=x>Ada", "batchId": batch["id"]})
    )["data"]
    await run_jobs()
    await run_jobs()
    mails = (await admin.get("/emails?template=welcome"))["data"]
    assert len(mails) == 1
    assert mails[0]["to"] == "ada@example.org"
    assert mails[0]["status"] == "outbox"
    mail = (await admin.get(f"/emails/{mails[0]['id']}"))["data"]
    assert data["temporaryPassword"] in mail["text"]
    assert data["temporaryPassword"] in mail["html"]
    assert "<a href=x>" not in mail["html"]
    assert "<b>Autumn" not in mail["html"]
    assert "&lt;b&gt;Autumn" in mail["html"]


async def test_a_known_address_is_refused_in_every_spelling(admin, session):
    await admin.post("/students/enroll", STUDENT)
    for spelling in ("ADA@example.org", "ada@EXAMPLE.org", "Ada@Example.Org", " ada@example.org"):
        assert (await admin.post("/students/enroll", STUDENT | {"email": spelling}, status=409))[
            "code"
        ] == "email_taken"
    assert await count(session, "users") == 2


async def test_an_unknown_batch_writes_nothing(admin, session):
    problem = await admin.post(
        "/students/enroll", STUDENT | {"batchId": "0192f0c1-2345-7abc-8def-0123456789ab"}, status=422
    )
    assert [entry["field"] for entry in problem["errors"]] == ["batchId"]
    assert await count(session, "users") == 1
    assert await count(session, "provisionings") == 0
    assert await count(session, "procrastinate_jobs") == 0


async def test_a_full_batch_writes_nothing(admin, session):
    batch = (await admin.post("/batches", BATCH | {"capacity": 1}, status=201))["data"]
    await admin.post("/students/enroll", STUDENT | {"batchId": batch["id"]})
    before = await count(session, "procrastinate_jobs")
    problem = await admin.post(
        "/students/enroll", STUDENT | {"email": "b@example.org", "batchId": batch["id"]}, status=409
    )
    assert problem["code"] == "batch_full"
    assert await count(session, "users") == 2
    assert await count(session, "procrastinate_jobs") == before


async def enrol_all(admin, bodies):
    """Post all at once, and prove that they overlapped."""
    running = most = 0

    async def post(body):
        nonlocal running, most
        running += 1
        most = max(most, running)
        answer = await admin.http.post("/api/v1/students/enroll", json=body)
        running -= 1
        return answer

    answers = await asyncio.gather(*(post(body) for body in bodies))
    assert most > len(bodies) // 2
    return answers


async def test_a_hundred_people_get_a_hundred_codes(admin, session):
    answers = await enrol_all(admin, [STUDENT | {"email": f"s{number}@example.org"} for number in range(100)])
    assert [answer.status_code for answer in answers] == [200] * 100
    assert len({answer.json()["data"]["studentId"] for answer in answers}) == 100
    assert await count(session, "accounts") >= 100


async def test_one_address_a_hundred_times_is_one_student(admin, session):
    spellings = [
        "ada@example.org",
        "ADA@example.org",
        "Ada@Example.org",
        "aDa@example.ORG",
        " ada@example.org",
        "adA@example.org",
    ]
    answers = await enrol_all(admin, [STUDENT | {"email": spellings[n % 6]} for n in range(100)])
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 99
    assert await count(session, "users") == 2


async def test_thirty_seats_are_taken_by_thirty(admin, session):
    batch = (await admin.post("/batches", BATCH | {"capacity": 30}, status=201))["data"]
    bodies = [STUDENT | {"email": f"s{number}@example.org", "batchId": batch["id"]} for number in range(100)]
    answers = await enrol_all(admin, bodies)
    assert sorted(answer.status_code for answer in answers) == [200] * 30 + [409] * 70
    assert (await admin.get(f"/batches/{batch['id']}"))["data"]["seatsTaken"] == 30
    assert await count(session, "users") == 31
    assert await count(session, "student_batches") == 30


@pytest.mark.parametrize("role", ["trainer", "student", "anonymous"])
async def test_only_administrators_enrol(people, session, role):
    other = await getattr(people, role)()
    before = await count(session, "users")
    await other.post("/students/enroll", STUDENT, status=401 if role == "anonymous" else 403)
    assert await count(session, "users") == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b"\xff\xfe",
        b'{"firstName": NaN}',
        b"{" * 5000,
        b'{"firstName": "\\ud800"}',
    ],
)
async def test_rubbish_is_refused_clearly(admin, session, body):
    answer = await admin.http.post(
        "/api/v1/students/enroll", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["code"] in {"malformed_body", "validation_failed"}
    assert await count(session, "users") == 1


async def test_a_body_over_the_limit_is_refused(admin):
    answer = await admin.http.post(
        "/api/v1/students/enroll",
        content=b" " * (1024 * 1024 + 1),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413
