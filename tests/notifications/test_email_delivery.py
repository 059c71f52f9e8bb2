"""From an event to a letterbox: once for each event, whatever happens on the way."""

import asyncio
import html
import threading
from uuid import UUID

import psycopg
import pytest
from tests.notifications.postboxes import Letterbox, free_port

from tms import app
from tms.identity import passwords
from tms.identity.builtin import reset
from tms.identity.builtin.throttle import Origin
from tms.identity.models import User
from tms.notifications import delivery, service
from tms.notifications import jobs as notification_jobs
from tms.notifications.errors import LeasedError
from tms.operations import doctor
from tms.platform import db, ids, mail, queue


async def queue_plain(to="ann@example.org", user_id=None, key=None):
    async with db.transaction() as session:
        return await service.queue_email(
            session, user_id=user_id, to=to, template="password_changed", context={}, key=key
        )


async def the_email(rows):
    [row] = await rows("SELECT * FROM emails")
    return row


async def test_a_welcome_arrives_with_credentials_and_link(welcome, smtp, run_jobs, rows, configure):
    configure(FRONTEND_URL="https://learn.example.org", TMS_TIMEZONE="Europe/Berlin")
    student = await welcome(first_name="Ann")
    await run_jobs()
    [found] = smtp.messages
    assert found["Subject"] == "Welcome to Training Management System"
    assert found["To"].addresses[0].addr_spec == student.email
    for kind in ("plain", "html"):
        body = found.get_body((kind,)).get_content()
        assert "Dear Ann," in body
        assert "enrolled in the Spring batch" in body
        assert student.email in body
        assert student.password in body
        assert "https://learn.example.org/login" in body
        assert "(Europe/Berlin)" in body
        assert "required to change your password on first login" in body
    email = await the_email(rows)
    assert (email["status"], email["attempts"], email["leased_until"]) == ("sent", 1, None)
    assert email["sent_at"] is not None
    assert email["message_id"] == found["Message-ID"] == f"<{email['id']}@example.org>"


async def test_no_secret_is_stored_anywhere(welcome, smtp, run_jobs, rows, people):
    student = await welcome()
    [waiting] = await rows("SELECT args::text FROM procrastinate_jobs")
    await run_jobs()
    admin = await people.admin()
    [row] = await rows("SELECT id, emails::text AS everything FROM emails")
    assert student.password in (await admin.get(f"/emails/{row['id']}"))["data"]["text"]
    audit = await rows("SELECT audit_log::text AS everything FROM audit_log")
    everything = [waiting["args"], row["everything"], *(entry["everything"] for entry in audit)]
    assert not any(student.password in text for text in everything)
    assert student.email not in waiting["args"]


async def test_the_same_event_told_twenty_times_at_once_makes_one_mail(people, smtp, run_jobs, rows):
    student = await people.student()
    made = await asyncio.gather(
        *(queue_plain(student.email, student.id, key="password:1") for _ in range(20))
    )
    assert len([email_id for email_id in made if email_id]) == 1
    await run_jobs()
    assert len(smtp.messages) == 1
    assert (await the_email(rows))["key"] == "password:1"


async def test_a_job_told_twice_sends_once(welcome, smtp, run_jobs, rows):
    student = await welcome()
    async with db.transaction() as session:
        await queue.enqueue(
            session,
            "notifications.send",
            user_id=str(student.id),
            template="welcome",
            key=f"welcome:{student.id}",
        )
    await run_jobs()
    assert len(smtp.messages) == 1


async def test_mail_of_a_transaction_that_was_taken_back_is_never_sent(people, smtp, run_jobs, rows):
    async def enrol_in_vain():
        async with db.transaction() as session:
            await service.queue_email(
                session, user_id=None, to="ann@example.org", template="password_changed", context={}
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await enrol_in_vain()
    await run_jobs()
    assert smtp.messages == []
    assert await rows("SELECT id FROM emails") == []


@pytest.mark.parametrize("status", ["disabled", "erased"])
async def test_who_is_out_gets_no_mail(people, smtp, run_jobs, rows, status):
    student = await people.student(status=status)
    async with db.transaction() as session:
        await queue.enqueue(
            session, "notifications.send", user_id=str(student.id), template="password_changed", key="k"
        )
    await run_jobs()
    assert smtp.messages == []
    assert await rows("SELECT id FROM emails") == []


async def test_who_was_disabled_after_the_mail_was_queued_gets_none(people, smtp, run_jobs, rows):
    student, sibling = await people.student(), await people.student()
    await queue_plain(student.email, student.id)
    await queue_plain(sibling.email, sibling.id)
    async with db.transaction() as session:
        await session.execute(User.__table__.update().where(User.id == student.id).values(status="disabled"))
    await run_jobs()
    assert [found["To"] for found in smtp.messages] == [sibling.email]
    [refused] = await rows("SELECT * FROM emails WHERE user_id = :id", id=student.id)
    assert (refused["status"], refused["last_error"]) == ("failed", "recipient_disabled")


async def test_a_corrected_address_gets_the_password_and_the_mistyped_one_does_not(
    welcome, smtp, run_jobs, run_once, rows
):
    student = await welcome(email="mistyped@example.org")
    smtp.refuse_with = "451 not now"
    await run_once()
    async with db.transaction() as session:
        await session.execute(
            User.__table__.update()
            .where(User.id == student.id)
            .values(email="right@example.org", email_norm="right@example.org")
        )
    smtp.refuse_with = None
    await run_jobs()
    assert [envelope.rcpt_tos for envelope in smtp.envelopes] == [["right@example.org"]]
    assert (await the_email(rows))["to_address"] == "right@example.org"


async def test_a_password_that_has_ended_is_not_sent(welcome, smtp, run_jobs, rows):
    student = await welcome()
    async with db.transaction() as session:
        await passwords.end(session, student.id)
    await run_jobs()
    assert smtp.messages == []
    email = await the_email(rows)
    assert (email["status"], email["last_error"]) == ("failed", "secret_ended")


async def test_a_reset_link_arrives_works_and_ends(people, smtp, run_jobs, rows, session, clock):
    student = await people.student(password="the first password of Ann")
    await reset.ask(student.email, Origin(address="192.0.2.1"))
    await run_jobs()
    [found] = smtp.messages
    link = await reset.reset_link(session, student.id)
    assert link in found.get_body(("plain",)).get_content()
    assert html.escape(link) in found.get_body(("html",)).get_content()
    key = link.partition("key=")[2]
    assert (await reset.account_of(session, key)).email == student.email
    everything = await rows(
        "SELECT emails::text || (SELECT string_agg(args::text, '') FROM procrastinate_jobs) AS t FROM emails"
    )
    assert key not in everything[0]["t"]
    admin = await people.admin()
    path = f"/emails/{(await the_email(rows))['id']}"
    assert link in (await admin.get(path))["data"]["text"]
    await clock(minutes=61)
    assert key not in str(await admin.get(path))
    [entry] = await rows("SELECT changes FROM audit_log WHERE action = 'email.secret_shown'")
    assert entry["changes"] == {"secret": "reset_link", "userId": str(student.id)}


async def test_a_server_that_is_down_gets_it_later(servers, configure, welcome, run_once, run_jobs, rows):
    port = free_port()
    configure(SMTP_URL=f"smtp://127.0.0.1:{port}", EMAIL_FROM="tms@example.org")
    await welcome()
    await run_once()
    email = await the_email(rows)
    assert (email["status"], email["attempts"], email["last_error"]) == ("queued", 1, "smtp_unreachable")
    [job] = await rows("SELECT * FROM procrastinate_jobs WHERE status = 'todo'")
    assert job["task_name"] == "notifications.deliver"
    assert job["scheduled_at"] is not None
    box = Letterbox()
    servers(box, port)
    await run_jobs()
    email = await the_email(rows)
    assert (email["status"], email["attempts"], email["last_error"]) == ("sent", 2, None)
    assert [found["Message-ID"] for found in box.messages] == [email["message_id"]]


async def test_temporary_refusals_end_after_the_last_attempt(smtp, run_jobs, rows):
    await queue_plain()
    smtp.refuse_with = "451 4.7.1 greylisted"
    await run_jobs(rounds=delivery.MOST_ATTEMPTS + 1)
    email = await the_email(rows)
    assert (email["status"], email["last_error"]) == ("failed", "smtp_451")
    assert email["attempts"] == delivery.MOST_ATTEMPTS


async def test_a_refusal_for_good_fails_at_once_and_others_go_on(smtp, run_jobs, rows):
    await queue_plain("gone@example.org")
    smtp.refuse_with = "550 5.1.1 unknown"
    await run_jobs(rounds=1)
    smtp.refuse_with = None
    await queue_plain("here@example.org")
    await run_jobs()
    found = await rows("SELECT to_address, status, last_error FROM emails ORDER BY created_at")
    assert [tuple(row.values()) for row in found] == [
        ("gone@example.org", "failed", "smtp_550"),
        ("here@example.org", "sent", None),
    ]


async def test_sendgrid_too_many_requests_is_tried_again(sendgrid, run_once, run_jobs, rows):
    sendgrid.status = 429
    await queue_plain()
    await run_once()
    email = await the_email(rows)
    assert (email["status"], email["last_error"]) == ("queued", "sendgrid_429")
    sendgrid.status = 202
    await run_jobs()
    assert sendgrid.received[0]["headers"]["Message-ID"] == email["message_id"]
    assert (await the_email(rows))["status"] == "sent"


async def test_a_worker_that_dies_after_handing_over_leads_to_one_duplicate(smtp, database, clock, rows):
    """The server has the message; the worker dies while it waits to write that down."""
    email_id = await queue_plain()
    reached, go_on = threading.Event(), threading.Event()

    def hold():
        reached.set()
        go_on.wait(10)

    smtp.before_accepting = hold
    worker = asyncio.create_task(delivery.deliver(email_id))
    await asyncio.to_thread(reached.wait, 10)
    async with await psycopg.AsyncConnection.connect(database) as blocker:
        await blocker.execute("SELECT 1 FROM emails WHERE id = %s FOR UPDATE", [email_id])
        go_on.set()
        while not smtp.envelopes:  # noqa: ASYNC110 - the server runs in a thread of its own
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        worker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await worker
    smtp.before_accepting = None
    assert (await the_email(rows))["status"] == "queued"
    with pytest.raises(LeasedError):
        await delivery.deliver(email_id)
    await clock(minutes=3)
    await delivery.deliver(email_id)
    await delivery.deliver(email_id)
    assert len(smtp.messages) == 2
    assert len({found["Message-ID"] for found in smtp.messages}) == 1
    assert (await the_email(rows))["status"] == "sent"


async def test_eight_workers_at_one_mail_send_it_once(smtp, rows):
    email_id = await queue_plain()
    outcomes = await asyncio.gather(*(delivery.deliver(email_id) for _ in range(8)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {type(None), LeasedError}
    assert len(smtp.messages) == 1


async def test_no_transaction_is_open_while_sending(smtp, rows):
    email_id = await queue_plain()
    reached, go_on = threading.Event(), threading.Event()

    def hold():
        reached.set()
        go_on.wait(10)

    smtp.before_accepting = hold
    worker = asyncio.create_task(delivery.deliver(email_id))
    await asyncio.to_thread(reached.wait, 10)
    open_ones = await rows(
        "SELECT query FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()"
    )
    go_on.set()
    await worker
    assert open_ones == []


async def test_without_anything_to_send_with_mail_stays_in_the_outbox(welcome, configure, run_jobs, rows):
    configure(SMTP_URL=None, SENDGRID_API_KEY=None)
    await welcome()
    await run_jobs()
    email = await the_email(rows)
    assert (email["status"], email["attempts"], email["sent_at"]) == ("outbox", 0, None)


async def test_what_was_queued_before_the_setting_was_taken_away_goes_to_the_outbox(
    smtp, configure, run_jobs, rows
):
    await queue_plain()
    configure(SMTP_URL=None)
    await run_jobs()
    assert (await the_email(rows))["status"] == "outbox"


async def test_mail_of_the_outbox_does_not_leave_by_itself(configure, servers, run_jobs, rows, clock):
    configure(SMTP_URL=None, SENDGRID_API_KEY=None)
    await queue_plain()
    box, port = Letterbox(), free_port()
    servers(box, port)
    configure(SMTP_URL=f"smtp://127.0.0.1:{port}")
    await clock(hours=2)
    await notification_jobs.requeue_lost(0)
    await run_jobs()
    assert box.envelopes == []
    assert (await the_email(rows))["status"] == "outbox"


async def test_a_mail_whose_job_was_lost_is_sent_after_all(smtp, database, clock, run_jobs, rows):
    await queue_plain()
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute("DELETE FROM procrastinate_jobs")
    await notification_jobs.requeue_lost(0)
    assert await rows("SELECT 1 FROM procrastinate_jobs") == [], "it is too early to call it lost"
    await clock(minutes=11)
    await notification_jobs.requeue_lost(0)
    await notification_jobs.requeue_lost(0)
    assert len(await rows("SELECT 1 FROM procrastinate_jobs WHERE status = 'todo'")) == 1
    await run_jobs()
    assert len(smtp.messages) == 1


async def test_names_cannot_write_mail_of_their_own(welcome, smtp, run_jobs):
    evil = '<a href="https://evil.example">Win</a>'
    await welcome(
        first_name=f"{evil}\r\nBcc: x@evil.example\r\n\r\nPay here",
        batch_name="{{ 7 * 7 }}<script>1</script>",
    )
    await run_jobs()
    [found] = smtp.messages
    page = found.get_body(("html",)).get_content()
    assert "evil.example&#34;&gt;Win&lt;/a&gt;" in page
    assert '"https://evil.example' not in page
    assert "<script" not in page
    assert "{{ 7 * 7 }}&lt;script&gt;" in page
    greeting = found.get_body(("plain",)).get_content().splitlines()[0]
    assert greeting == f"Dear {evil} Bcc: x@evil.example Pay here,"
    assert found["Bcc"] is None


async def test_an_unknown_template_or_user_makes_no_mail(smtp, run_jobs, rows, database):
    async with db.transaction() as session:
        await queue.enqueue(
            session, "notifications.send", user_id=str(ids.new_id()), template="welcome", key="nobody"
        )
    await run_jobs()
    assert await rows("SELECT id FROM emails") == []
    with pytest.raises(ValueError, match="no e-mail template is called nonsense"):
        await notification_jobs.send(user_id=str(UUID(int=1)), template="nonsense", key="k")


async def test_the_doctor_sees_what_is_wrong_and_nothing_else(smtp, welcome, run_jobs, clock, database, rows):
    checks = [check for check in app.CHECKS if check.name.startswith("notifications.")]
    assert len(checks) == 5
    student = await welcome()
    await run_jobs()
    await clock(hours=2)
    assert await doctor.examine(checks) == []
    lost = await queue_plain()
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute("DELETE FROM procrastinate_jobs")
        await connection.execute(
            "UPDATE emails SET leased_until = now() + interval '1 day' WHERE status = 'sent'"
        )
        await connection.execute("UPDATE emails SET template = 'password_changed' WHERE status = 'sent'")
    await clock(hours=4)
    found = {finding.check.name: finding.ids for finding in await doctor.examine(checks)}
    [sent] = await rows("SELECT id FROM emails WHERE status = 'sent'")
    assert found == {
        "notifications.queued_have_jobs": (str(lost),),
        "notifications.leases": (str(sent["id"]),),
        "notifications.welcomes": (str(student.id),),
    }


def test_a_lease_holds_longer_than_sending_takes():
    assert delivery.LEASE.total_seconds() > mail.LONGEST_SECONDS + 2 * mail.READ_SECONDS
