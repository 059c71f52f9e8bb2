"""Guessing is slowed down, and nobody can lock the owner out."""

import asyncio
import statistics
import time

import pytest
from sqlalchemy import func, select
from tests.identity.browser import PROTOCOL, Browser, give_temporary_password, password_grant

from tms.identity import providers
from tms.identity.builtin import credentials, throttle
from tms.identity.builtin.credentials import Outcome
from tms.identity.builtin.jobs import clean_sign_ins
from tms.identity.builtin.models import SignInThrottle
from tms.platform import db

GOOD = "seven green turtles sing"
ATTACKER = "203.0.113.9"
HOME = "198.51.100.7"


@pytest.fixture
def place(app, database):
    """`await place(address)(email, password)` asks for tokens from there and gives back the status."""
    made = []

    def at(address):
        browser = Browser(app, address)
        made.append(browser)

        async def ask(email, password):
            answer = await browser.http.post(f"{PROTOCOL}/token", data=password_grant(email, password))
            return answer.status_code

        return ask

    return at


async def _guess(email, times, *, address=ATTACKER, device=None):
    """Failures as many guesses would leave them, without the cost of hashing."""
    for _ in range(times):
        async with db.transaction() as session:
            verdict = await throttle.check(session, email, throttle.Origin(address, device))
            if not verdict.blocked and verdict.retry_after is None:
                await throttle.failed(session, verdict)


async def _verdict(email, address, device=None):
    async with db.reading() as session:
        return await throttle.check(session, email, throttle.Origin(address, device))


async def test_after_five_wrong_passwords_even_the_right_one_waits(people, place, clock):
    student = await people.student(password=GOOD)
    ask = place(ATTACKER)
    for _ in range(5):
        assert await ask(student.email, "wrong") == 401
    assert await ask(student.email, GOOD) == 401
    await clock(seconds=16)
    assert await ask(student.email, GOOD) == 200
    assert await ask(student.email, GOOD) == 200


async def test_the_owner_gets_in_from_elsewhere_meanwhile(people, place):
    student = await people.student(password=GOOD)
    await _guess(student.email, 20)
    assert (await _verdict(student.email, ATTACKER)).blocked
    assert await place(HOME)(student.email, GOOD) == 200


async def test_a_known_address_is_not_held_up_by_an_attack_from_everywhere(people, place):
    student = await people.student(password=GOOD)
    home = place(HOME)
    assert await home(student.email, GOOD) == 200
    for number in range(40):
        await _guess(student.email, 1, address=f"203.0.113.{number}")
    assert (await _verdict(student.email, "203.0.113.200")).blocked
    assert await place("192.0.2.44")(student.email, GOOD) == 401
    assert await home(student.email, GOOD) == 200


async def test_a_known_browser_is_not_held_up_even_at_the_attackers_address(app, people):
    student = await people.student(password=GOOD)
    async with Browser(app, HOME) as browser:
        await browser.sign_in(student.email, GOOD)
        device = browser.http.cookies["tms_device"]
    await _guess(student.email, 200, address=ATTACKER)
    assert (await _verdict(student.email, ATTACKER)).blocked
    known = await _verdict(student.email, ATTACKER, device)
    assert (known.blocked, known.retry_after) == (False, None)
    await _guess(student.email, 5, address=ATTACKER, device=device)
    assert (await _verdict(student.email, ATTACKER, device)).blocked


async def test_an_invented_device_is_worth_nothing(people):
    student = await people.student(password=GOOD)
    for number in range(5):
        await _guess(student.email, 1, device=f"invented{number}")
    assert (await _verdict(student.email, ATTACKER, "invented9")).blocked


async def test_blocks_grow_and_have_a_longest(database, clock):
    waited = []
    ahead = 0
    for _ in range(12):
        await _guess("a@example.org", 1)
        async with db.reading() as session:
            left = select(SignInThrottle.blocked_until - func.tms_now()).where(
                SignInThrottle.blocked_until.is_not(None)
            )
            seconds = max((row.total_seconds() for row in (await session.execute(left)).scalars()), default=0)
        waited.append(round(seconds))
        ahead += round(seconds) + 1
        await clock(seconds=ahead)
    assert waited[:4] == [0, 0, 0, 0]
    assert [value // 15 for value in waited[4:10]] == [1, 2, 4, 8, 16, 32]
    assert waited[-1] == 900


async def test_an_attempt_during_a_block_does_not_prolong_it(people, place, clock):
    student = await people.student(password=GOOD)
    ask = place(ATTACKER)
    for _ in range(12):
        assert await ask(student.email, "wrong") == 401
    await clock(seconds=16)
    assert await ask(student.email, GOOD) == 200


async def test_failures_are_forgotten_after_half_a_day(database, clock):
    await _guess("a@example.org", 4)
    await clock(hours=13)
    await _guess("a@example.org", 4)
    assert not (await _verdict("a@example.org", ATTACKER)).blocked


async def test_an_address_that_guesses_at_many_accounts_is_told_to_wait(app, people):
    student = await people.student(password=GOOD)
    for number in range(110):
        await _guess(f"guess{number}@example.org", 1)
    async with Browser(app, ATTACKER) as browser:
        answer = await browser.http.post(f"{PROTOCOL}/token", data=password_grant(student.email, GOOD))
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 121
        page = await browser.sign_in(student.email, GOOD)
        assert page.status_code == 429
        assert "Wait a minute" in page.text
    assert (await _verdict(student.email, HOME)).retry_after is None


async def test_newcomers_of_a_class_room_make_up_for_their_class_mates(database):
    for number in range(95):
        await _guess(f"typo{number}@example.org", 1, address=HOME)
    async with db.transaction() as session:
        verdict = await throttle.check(session, "new@example.org", throttle.Origin(HOME))
        await throttle.succeeded(session, verdict)
    for number in range(10):
        await _guess(f"late{number}@example.org", 1, address=HOME)
    assert (await _verdict("one.more@example.org", HOME)).retry_after is None


async def test_one_subscriber_is_one_ipv6_network(database):
    for number in range(5):
        await _guess("a@example.org", 1, address=f"2001:db8:1:2::{number:x}")
    assert (await _verdict("a@example.org", "2001:db8:1:2:ffff::1")).blocked
    assert not (await _verdict("a@example.org", "2001:db8:1:3::1")).blocked
    await _guess("b@example.org", 5, address="::ffff:192.0.2.1")
    assert (await _verdict("b@example.org", "192.0.2.1")).blocked


async def test_parallel_guesses_cannot_outrun_the_limit(people, session):
    student = await people.student(password=GOOD)
    origin = throttle.Origin(ATTACKER)
    await asyncio.gather(*[credentials.check(student.email, f"guess {n}", origin) for n in range(30)])
    most = (await session.execute(select(func.max(SignInThrottle.failures)))).scalar_one()
    assert most <= 6


async def test_parallel_right_passwords_are_all_right(people):
    student = await people.student(password=GOOD)
    origin = throttle.Origin(HOME)
    attempts = await asyncio.gather(*[credentials.check(student.email, GOOD, origin) for _ in range(12)])
    assert {attempt.outcome for attempt in attempts} == {Outcome.RIGHT}


async def test_a_new_password_lifts_every_block(people, place):
    student = await people.student(password=GOOD)
    await _guess(student.email, 9)
    await providers.current().set_password(student.account_id, "another one altogether", temporary=False)
    assert await place(ATTACKER)(student.email, "another one altogether") == 200


async def test_neither_names_nor_addresses_are_kept(people, session):
    student = await people.student(password=GOOD)
    await _guess(student.email, 3)
    rows = (await session.execute(select(SignInThrottle.__table__))).all()
    assert len(rows) == 3
    assert student.email not in repr(rows)
    assert ATTACKER not in repr(rows)


async def test_what_has_no_effect_any_more_is_removed(people, place, session, clock):
    student = await people.student(password=GOOD)
    assert await place(HOME)(student.email, GOOD) == 200
    await _guess("a@example.org", 3)
    count = select(func.count()).select_from(SignInThrottle)
    await clock(hours=13)
    await clean_sign_ins(0)
    assert (await session.execute(count)).scalar_one() == 1
    await clock(days=31)
    await clean_sign_ins(0)
    assert (await session.execute(count)).scalar_one() == 0


async def test_time_does_not_tell_who_has_an_account(people):
    """The medians of interleaved attempts differ by far less than one hash takes."""
    student = await people.student(password=GOOD)
    newcomer = await people.student()
    await give_temporary_password(newcomer)
    names = {"known": student.email, "newcomer": newcomer.email, "unknown": "nobody@example.org"}
    times = {kind: [] for kind in names}
    for number in range(4):
        for kind, email in names.items():
            origin = throttle.Origin(f"198.51.100.{number}")
            started = time.perf_counter()
            attempt = await credentials.check(email, "wrong wrong wrong", origin)
            times[kind].append(time.perf_counter() - started)
            assert attempt.outcome is Outcome.WRONG
    medians = [statistics.median(values) for values in times.values()]
    assert max(medians) < 4 * min(medians)
