"""What administrators see of e-mails, and sending them once more."""

import asyncio
from uuid import uuid4

import pytest
from tests.notifications.postboxes import Letterbox, free_port
from tests.people import UnexpectedStatusError

from tms.identity import passwords
from tms.identity.models import User
from tms.notifications import service
from tms.platform import db

LISTED = {"id", "to", "template", "subject", "status", "createdAt", "sentAt"}


async def queue_many(count, **fields):
    async with db.transaction() as session:
        for number in range(count):
            await service.queue_email(
                session,
                **{
                    "user_id": None,
                    "to": f"person{number}@example.org",
                    "template": "password_changed",
                    "context": {},
                    **fields,
                },
            )


async def the_id(rows):
    [row] = await rows("SELECT id FROM emails")
    return row["id"]


NOBODYS = "0192f0c1-2345-7abc-8def-0123456789ab"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/emails"), ("GET", f"/emails/{NOBODYS}"), ("POST", f"/emails/{NOBODYS}/retry")],
)
async def test_only_administrators_pass(people, method, path):
    for who, status in ((people.anonymous, 401), (people.student, 403), (people.trainer, 403)):
        client = await who()
        await client.request(method, path, status=status)


async def test_nobody_sees_the_mail_to_themselves_either(people, welcome, run_jobs, rows):
    student = await welcome()
    await run_jobs()
    email_id = await the_id(rows)
    await student.get(f"/emails/{email_id}", status=403)
    admin = await people.admin()
    await admin.get(f"/emails/{email_id}")


async def test_unknown_and_odd_ids(people):
    admin = await people.admin()
    for method, path in (("GET", f"/emails/{uuid4()}"), ("POST", f"/emails/{uuid4()}/retry")):
        assert (await admin.request(method, path, status=404))["code"] == "email_not_found"
    assert (await admin.get("/emails/nonsense", status=400))["code"] == "invalid_id"
    assert (await admin.post("/emails/nonsense/retry", status=400))["code"] == "invalid_id"


async def test_the_list_has_the_wire_shape_newest_first(people, welcome, smtp, run_jobs):
    admin = await people.admin()
    assert (await admin.get("/emails"))["data"] == []
    student = await welcome()
    await run_jobs()
    await queue_many(1)
    found = await admin.get("/emails")
    assert found["success"] is True
    assert found["page"] == {"limit": 50, "nextCursor": None, "total": 2}
    assert [set(row) for row in found["data"]] == [LISTED, LISTED]
    queued, sent = found["data"]
    assert (queued["status"], queued["sentAt"]) == ("queued", None)
    assert (sent["to"], sent["template"], sent["status"]) == (student.email, "welcome", "sent")
    assert sent["subject"] == "Welcome to Training Management System"
    assert sent["sentAt"].endswith("Z")


async def test_pages_neither_skip_nor_repeat(people):
    await queue_many(7)
    admin = await people.admin()
    for sort in ("createdAt", "-createdAt"):
        seen, cursor = [], None
        while True:
            page = await admin.get(
                "/emails", params={"limit": 3, "sort": sort, **({"cursor": cursor} if cursor else {})}
            )
            seen += [row["to"] for row in page["data"]]
            assert page["page"]["total"] == 7
            cursor = page["page"]["nextCursor"]
            if cursor is None:
                break
        assert seen == [
            f"person{n}@example.org" for n in (range(7) if sort == "createdAt" else range(6, -1, -1))
        ]


async def test_filters(people, smtp, run_jobs):
    admin = await people.admin()
    await queue_many(2)
    await run_jobs()
    await queue_many(1, to="Odd_100%@Example.org")
    await queue_many(1, template="courses_assigned", context={"courses": []})

    async def count(**params):
        return (await admin.get("/emails", params=params))["page"]["total"]

    assert await count(status="sent") == 2
    assert await count(status="queued") == 2
    assert await count(status="failed") == 0
    assert await count(template="courses_assigned") == 1
    assert await count(to="odd_100%@") == 1
    assert await count(to="%") == 1
    assert await count(to="person0@example.org", status="sent") == 1
    assert await count(to="EXAMPLE.ORG") == 4


@pytest.mark.parametrize(
    "query",
    [
        "status=lost",
        "template=nonsense",
        "sort=to",
        "limit=0",
        "limit=201",
        "cursor=nonsense",
        "to=",
        "to=%00",
    ],
)
async def test_a_query_that_is_not_known_is_refused(people, query):
    admin = await people.admin()
    problem = await admin.get(f"/emails?{query}", status=422)
    assert problem["errors"][0]["field"] == query.partition("=")[0]


async def test_an_email_is_read_with_its_secret_and_the_showing_is_audited(people, welcome, run_jobs, rows):
    student = await welcome()
    await run_jobs()
    admin = await people.admin()
    email_id = await the_id(rows)
    answer = await admin.http.get(f"/api/v1/emails/{email_id}")
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()["data"]
    assert set(found) == LISTED | {"text", "html", "attempts", "lastError"}
    assert found["status"] == "outbox"
    assert student.password in found["text"]
    assert student.password in found["html"]
    [entry] = await rows("SELECT * FROM audit_log WHERE action = 'email.secret_shown'")
    assert (entry["actor_id"], entry["object_id"]) == (admin.id, email_id)
    assert entry["changes"] == {"secret": "temporary_password", "userId": str(student.id)}


@pytest.mark.parametrize("how", ["used", "expired"])
async def test_a_secret_that_has_ended_is_shown_to_nobody(people, welcome, run_jobs, rows, clock, how):
    student = await welcome()
    await run_jobs()
    if how == "used":
        async with db.transaction() as session:
            await passwords.end(session, student.id)
    else:
        await clock(days=8)
    admin = await people.admin()
    found = (await admin.get(f"/emails/{await the_id(rows)}"))["data"]
    for body in (found["text"], found["html"]):
        assert student.password not in body
        assert "no longer valid" in body
        assert "administrator for a new one" in body
    assert await rows("SELECT 1 FROM audit_log") == []


async def test_a_failed_mail_is_sent_once_more_under_its_message_id(people, welcome, smtp, run_jobs, rows):
    await welcome()
    smtp.refuse_with = "550 unknown"
    await run_jobs()
    admin = await people.admin()
    email_id = await the_id(rows)
    failed = (await admin.get(f"/emails/{email_id}"))["data"]
    assert (failed["status"], failed["lastError"], failed["attempts"]) == ("failed", "smtp_550", 1)
    smtp.refuse_with = None
    answer = await admin.post(f"/emails/{email_id}/retry")
    assert (answer["data"]["status"], set(answer["data"])) == ("queued", LISTED)
    await run_jobs()
    again = (await admin.get(f"/emails/{email_id}"))["data"]
    assert (again["status"], again["lastError"], again["attempts"]) == ("sent", None, 1)
    assert [found["Message-ID"] for found in smtp.messages] == [f"<{email_id}@example.org>"]
    [entry] = await rows("SELECT * FROM audit_log WHERE action = 'email.retried'")
    assert (entry["actor_id"], entry["changes"]) == (admin.id, {"status": ["failed", "queued"]})


async def test_a_sent_mail_is_sent_once_more_as_a_new_message(people, smtp, run_jobs, rows):
    await queue_many(1)
    await run_jobs()
    admin = await people.admin()
    await admin.post(f"/emails/{await the_id(rows)}/retry")
    await run_jobs()
    assert len({found["Message-ID"] for found in smtp.messages}) == 2


async def test_a_mail_that_waits_is_not_queued_twice(people, smtp, rows):
    await queue_many(1)
    admin = await people.admin()
    problem = await admin.post(f"/emails/{await the_id(rows)}/retry", status=409)
    assert problem["code"] == "email_queued"


async def test_ten_retries_at_once_send_one_mail(people, servers, configure, run_jobs, rows):
    configure(SMTP_URL=None, SENDGRID_API_KEY=None)
    await queue_many(1)
    email_id = await the_id(rows)
    box, port = Letterbox(), free_port()
    servers(box, port)
    configure(SMTP_URL=f"smtp://127.0.0.1:{port}")
    admin = await people.admin()
    # With their connections open already, the requests really meet.
    await asyncio.gather(*(admin.get(f"/emails/{email_id}") for _ in range(10)))
    outcomes = await asyncio.gather(
        *(admin.post(f"/emails/{email_id}/retry") for _ in range(10)), return_exceptions=True
    )
    assert len([outcome for outcome in outcomes if isinstance(outcome, dict)]) == 1
    assert len([outcome for outcome in outcomes if isinstance(outcome, UnexpectedStatusError)]) == 9
    await run_jobs()
    assert len(box.envelopes) == 1


async def test_a_repeated_request_is_answered_and_not_done_again(people, smtp, run_jobs, rows):
    await queue_many(1)
    await run_jobs()
    admin = await people.admin()
    path = f"/emails/{await the_id(rows)}/retry"
    key = {"Idempotency-Key": "again-please"}
    first = await admin.post(path, headers=key)
    await run_jobs()
    assert await admin.post(path, headers=key) == first
    await run_jobs()
    assert len(smtp.messages) == 2


async def test_without_anything_to_send_with_a_mail_stays_in_the_outbox(people, configure, rows):
    configure(SMTP_URL=None, SENDGRID_API_KEY=None)
    await queue_many(1)
    admin = await people.admin()
    email_id = await the_id(rows)
    problem = await admin.post(f"/emails/{email_id}/retry", status=409)
    assert problem["code"] == "mail_not_configured"
    assert "SMTP_URL" in problem["detail"]
    assert (await admin.get(f"/emails/{email_id}"))["data"]["status"] == "outbox"


async def test_a_mail_that_would_not_be_sent_is_not_queued(people, welcome, smtp, run_jobs, rows):
    student = await welcome()
    await run_jobs()
    admin = await people.admin()
    path = f"/emails/{await the_id(rows)}/retry"
    async with db.transaction() as session:
        await passwords.end(session, student.id)
    assert (await admin.post(path, status=409))["code"] == "secret_ended"
    async with db.transaction() as session:
        await session.execute(User.__table__.update().where(User.id == student.id).values(status="disabled"))
    assert (await admin.post(path, status=409))["code"] == "recipient_disabled"
    assert (await rows("SELECT status FROM emails"))[0]["status"] == "sent"
