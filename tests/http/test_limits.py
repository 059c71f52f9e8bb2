"""How often: counted for all processes together, told with the time to wait, and not to be talked out of."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text
from tests.content.documents import DATA
from tests.progress.learning import make_course

from tms import app as assembly
from tms.http import policy
from tms.identity.builtin import reset, throttle
from tms.notifications import service as notifications
from tms.operations import jobs
from tms.platform import client as platform_client
from tms.platform import db, limits
from tms.platform.limits import Limit, TooManyError

FIVE = Limit("five", "tries", 5, timedelta(minutes=1))
NOBODY = "0192f0c1-2345-7abc-8def-0123456789ab"


@pytest.fixture(autouse=True)
def _no_lots(database):
    limits.forget_lots()
    yield
    limits.forget_lots()


async def taken(limit, times, subject="somebody"):
    """How many of that many were allowed, one after the other."""
    allowed = 0
    for _ in range(times):
        try:
            await limits.take(limit, subject)
        except TooManyError:
            continue
        allowed += 1
    return allowed


async def use_up(limit, subject, *, but=0):
    async with db.transaction() as session:
        assert await limits._fetch(session, limit, limits._key(limit, str(subject)), limit.most - but)


class TestAllowance:
    async def test_so_many_and_no_more(self):
        assert await taken(FIVE, 8) == 5

    async def test_it_comes_back_evenly(self, clock):
        assert await taken(FIVE, 6) == 5
        await clock(seconds=11)
        assert await taken(FIVE, 1) == 0
        await clock(seconds=13)
        assert await taken(FIVE, 3) == 1
        await clock(seconds=13 + 25)
        assert await taken(FIVE, 3) == 2
        await clock(hours=5)
        assert await taken(FIVE, 8) == 5

    async def test_what_is_refused_does_not_prolong_the_wait(self, clock):
        await taken(FIVE, 50)
        await clock(seconds=13)
        assert await taken(FIVE, 1) == 1

    async def test_each_subject_and_each_limit_has_its_own(self):
        assert await taken(FIVE, 6, "one") == 5
        assert await taken(FIVE, 6, "another") == 5
        assert await taken(Limit("others", "tries", 5, timedelta(minutes=1)), 6, "one") == 5

    async def test_the_wait_that_is_told_is_enough_and_not_a_second_too_long(self, clock):
        await taken(FIVE, 5)
        with pytest.raises(TooManyError) as refusal:
            await limits.take(FIVE, "somebody")
        assert 11 <= refusal.value.retry_after <= 12
        await clock(seconds=refusal.value.retry_after - 2)
        assert await taken(FIVE, 1) == 0
        await clock(seconds=refusal.value.retry_after)
        assert await taken(FIVE, 1) == 1

    async def test_parallel_takers_do_not_share_the_last_use(self):
        outcomes = await asyncio.gather(
            *(limits.take(FIVE, "crowd") for _ in range(40)), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes].count(type(None)) == 5
        assert {type(outcome) for outcome in outcomes} == {type(None), TooManyError}

    async def test_what_is_frequent_asks_the_database_by_lots_only(self, monkeypatch):
        monkeypatch.setattr(limits, "LOT_SECONDS", 60.0)
        many = Limit("many", "tries", 100, timedelta(hours=1), lot=40)
        assert await taken(many, 40) == 40
        async with db.reading() as session:
            assert (await session.execute(select(limits.RequestLimit))).all() == []
        # The lot that needs no asking, and then the hundred, in lots and at last one by one.
        assert await taken(many, 130) == 100

    async def test_use_in_a_transaction_is_given_back_with_it(self):
        async def fail():
            async with db.transaction() as session:
                for _ in range(5):
                    await limits.spend(session, FIVE, "somebody")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await taken(FIVE, 6) == 5

    async def test_whole_allowances_are_forgotten(self, clock, session):
        await taken(FIVE, 2)
        await jobs.forget_limits(0)
        assert len((await session.execute(select(limits.RequestLimit))).all()) == 1
        await clock(minutes=2)
        await jobs.forget_limits(0)
        assert (await session.execute(select(limits.RequestLimit))).all() == []


PROCESS = """
import asyncio, sys
from datetime import timedelta
from tms.platform import db, limits

async def main():
    db.connect(sys.argv[1])
    limit = limits.Limit("shared", "tries", 30, timedelta(hours=1))
    print("ready", flush=True)
    sys.stdin.readline()
    outcomes = await asyncio.gather(*(limits.take(limit, "all") for _ in range(40)), return_exceptions=True)
    print(sum(outcome is None for outcome in outcomes), sum(isinstance(o, limits.TooManyError) for o in outcomes))
    await db.disconnect()

asyncio.run(main())
"""


def start(database):
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def outcome(process):
    told, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 0
    return [int(number) for number in told.split()[-2:]]


@pytest.mark.processes
async def test_processes_count_together_and_a_restart_forgets_nothing(database):
    both = [start(database), start(database)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    answers = await asyncio.gather(*(asyncio.to_thread(outcome, process) for process in both))
    assert sum(allowed for allowed, _ in answers) == 30
    assert sum(refused for _, refused in answers) == 50
    assert await asyncio.to_thread(outcome, start(database)) == [0, 40]


class TestDoors:
    def test_what_changes_something_is_counted_and_reads_are_not(self):
        lines = [line for line in assembly.POLICY.lines if line.path.startswith(policy.API)]
        assert [line for line in lines if line.method == "GET" and line.limit] == []
        assert [line for line in lines if line.method != "GET" and line.roles and not line.limit] == []

    def test_mails_and_uploads_have_limits_of_their_own(self):
        found = {line.path.removeprefix(policy.API): line.limit for line in assembly.POLICY.lines}
        assert found["/users/{user_id}/reset-password"] is limits.MAILINGS
        assert found["/emails/{email_id}/retry"] is limits.MAILINGS
        assert found["/courses/{course_id}/upload-content"] is limits.UPLOADS

    async def test_a_caller_is_told_when_to_come_back(self, people):
        admin, other = await people.admin(), await people.admin()
        person = await people.student()
        await use_up(limits.MAILINGS, admin.id)
        path = f"/api/v1/users/{person.id}/reset-password"
        for spoofed in ({}, {"X-Forwarded-For": "198.51.100.7"}, {"Forwarded": "for=198.51.100.7"}):
            answer = await admin.http.post(path, headers=spoofed)
            assert answer.status_code == 429
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "too_many_requests"
            assert 1 <= int(answer.headers["retry-after"]) <= 12
        await admin.get("/me")
        await other.post(f"/users/{person.id}/reset-password")

    async def test_nothing_is_read_before_the_refusal(self, people):
        trainer = await people.trainer()
        course = await make_course(by=trainer, status="draft")
        await use_up(limits.UPLOADS, trainer.id)
        sent = 0

        async def body():
            nonlocal sent
            for _ in range(10):
                sent += 1
                yield b"x" * 1000

        problem = await trainer.post(f"/courses/{course.id}/upload-content", content=body(), status=429)
        assert problem["code"] == "too_many_requests"

    async def test_uploads_are_counted(self, people):
        admin = await people.admin()
        course = await make_course(by=admin, status="draft")
        files = {"file": ("a.docx", (DATA / "python-basics.docx").read_bytes())}
        await use_up(limits.UPLOADS, admin.id, but=1)
        await admin.post(f"/courses/{course.id}/upload-content", files=files)
        await admin.post(f"/courses/{course.id}/upload-content", files=files, status=429)

    async def test_a_script_that_runs_wild_is_stopped(self, people, monkeypatch):
        monkeypatch.setattr(limits, "LOT_SECONDS", 60.0)
        admin = await people.admin()
        await use_up(limits.WRITES, admin.id)
        async with db.transaction() as session:
            await session.execute(text("UPDATE request_limits SET full_at = full_at + interval '1 hour'"))
        for _ in range(limits.WRITES.lot - 1):
            await limits.take(limits.WRITES, str(admin.id))
        await admin.patch("/me", {"phone": "+49 30 1"})
        await admin.patch("/me", {"phone": "+49 30 2"}, status=429)
        await admin.get("/me")


class TestMailsToOne:
    async def test_one_person_is_not_sent_many_by_whomever(self, people):
        first, second = await people.admin(), await people.admin()
        person, other = await people.student(), await people.student()
        await use_up(limits.MAILS_TO_ONE, person.id, but=2)
        await first.post(f"/users/{person.id}/reset-password")
        await second.post(f"/users/{person.id}/reset-password")
        refusal = await second.post(f"/users/{person.id}/reset-password", status=429)
        assert "this person" in refusal["detail"]
        await second.post(f"/users/{person.id}/reset-password", {"extendOnly": True})
        await second.post(f"/users/{other.id}/reset-password")

    async def test_what_is_refused_changes_nothing(self, people):
        admin, person = await people.admin(), await people.student()
        shown = (await admin.post(f"/users/{person.id}/reset-password"))["data"]["temporaryPassword"]
        await use_up(limits.MAILS_TO_ONE, person.id, but=1)
        await admin.post(f"/users/{person.id}/reset-password", status=429)
        again = await admin.post(f"/users/{person.id}/reset-password", {"extendOnly": True})
        assert again["data"]["temporaryPassword"] == shown

    async def test_sending_again_counts_too(self, people, configure):
        configure(SMTP_URL="smtp://127.0.0.1:9")
        admin, person = await people.admin(), await people.student()
        async with db.transaction() as session:
            await notifications.queue_email(
                session, user_id=person.id, to=person.email, template="password_reset_link", context={}
            )
            await session.execute(text("UPDATE emails SET status = 'failed', last_error = 'x'"))
        await reset.ask(person.email, throttle.Origin("192.0.2.1"))
        [email] = (await admin.get("/emails"))["data"]
        await use_up(limits.MAILS_TO_ONE, person.id)
        await admin.post(f"/emails/{email['id']}/retry", status=429)
        assert (await admin.get(f"/emails/{email['id']}"))["data"]["status"] == "failed"

    async def test_strangers_cannot_flood_a_mailbox_nor_shut_it(self, people, clock, session):
        person = await people.student(password="a long password of theirs")
        asked = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'notifications.send'"
        for number in range(8):
            await clock(minutes=3 * number)
            # Every time from another address, so that only the recipient's own allowance counts.
            await reset.ask(person.email, throttle.Origin(f"192.0.2.{number}"))
        sent = (await session.execute(text(asked))).scalar_one()
        assert limits.LINKS_TO_ONE.most <= sent <= limits.LINKS_TO_ONE.most + 2
        async with db.transaction() as reading:
            assert await reset.reset_link(reading, person.id)
        await clock(hours=3)
        await reset.ask(person.email, throttle.Origin("192.0.2.99"))
        assert (await session.execute(text(asked))).scalar_one() == sent + 1


class TestClientAddress:
    PROXIES = "10.0.0.0/8, 192.168.1.1, 2001:db8:ffff::/48"

    @pytest.mark.parametrize(
        ("peer", "forwarded", "address"),
        [
            ("203.0.113.9", [], "203.0.113.9"),
            ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),
            ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", ["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", ["1.1.1.1", "198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", ["10.9.9.9, 198.51.100.7, 192.168.1.1"], "198.51.100.7"),
            ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", [], "10.0.0.1"),
            ("10.0.0.1", ["nonsense"], "10.0.0.1"),
            ("10.0.0.1", ["198.51.100.7, nonsense"], "10.0.0.1"),
            ("10.0.0.1", ["198.51.100.7, nonsense, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
            ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
            ("::ffff:10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
            ("2001:db8:ffff::1", ["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", ["," * 50], "10.0.0.1"),
            ("unix", ["198.51.100.7"], None),
            (None, ["198.51.100.7"], None),
        ],
    )
    def test_it_is_read_from_the_right(self, peer, forwarded, address):
        trusted = platform_client.networks(self.PROXIES)
        assert platform_client.behind(peer, forwarded, trusted) == address

    def test_without_proxies_the_header_is_never_looked_at(self):
        assert platform_client.behind("10.0.0.1", ["198.51.100.7"], ()) == "10.0.0.1"

    @pytest.mark.parametrize("wrong", ["*", "proxy.internal", "10.0.0.1/8", "0.0.0.0/0", "::/0"])
    def test_proxies_are_named_by_address(self, wrong):
        with pytest.raises(ValueError, match=r"trusts every|does not appear|has host bits"):
            platform_client.networks(wrong)

    async def test_behind_a_proxy_the_log_has_the_client(self, people, configure):
        configure(TMS_TRUSTED_PROXIES="127.0.0.1")
        admin = await people.admin()
        forwarded = {"X-Forwarded-For": "6.6.6.6, 198.51.100.7"}
        await admin.http.patch("/api/v1/me", json={"phone": "+49 30 1234567"}, headers=forwarded)
        [entry] = (await admin.get("/audit"))["data"]
        assert entry["address"] == "198.51.100.7"

    @pytest.mark.parametrize(("proxies", "blocked"), [(None, True), ("127.0.0.1", False)])
    async def test_sign_in_counts_by_the_address_that_is_right(
        self, client, people, configure, session, proxies, blocked
    ):
        """Guesses that each claim another origin: without a trusted proxy they are one origin's all the same."""
        configure(TMS_TRUSTED_PROXIES=proxies)
        person = await people.student(password="a long password of theirs")
        for number in range(7):
            form = {"grant_type": "password", "client_id": "tms-cli", "username": person.email}
            await client.post(
                "/realms/tms/protocol/openid-connect/token",
                data={**form, "password": f"guess {number}"},
                headers={"X-Forwarded-For": f"198.51.100.{number}"},
            )
        blocks = "SELECT count(*) FROM sign_in_throttles WHERE blocked_until > now()"
        assert ((await session.execute(text(blocks))).scalar_one() > 0) is blocked


async def test_the_id_of_nobody_uses_nothing_up(people):
    admin = await people.admin()
    for _ in range(3):
        await admin.post(f"/users/{NOBODY}/reset-password", status=404)
    async with db.reading() as session:
        rows = (await session.execute(select(limits.RequestLimit.key))).scalars().all()
    assert limits._key(limits.MAILS_TO_ONE, str(UUID(NOBODY))) not in rows
