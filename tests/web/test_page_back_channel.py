"""The sign-in server tells that a sign-in is over (OpenID Connect Back-Channel Logout 1.0): page sessions end at once."""

import time
from uuid import uuid4

import pytest
from sqlalchemy import text
from tests.identity.forged import RSA, STRANGER, built_in, segment, unsigned

from tms.http.origins import BACK_CHANNEL_LOGOUT_PATH
from tms.identity import verifier
from tms.identity.builtin import keys
from tms.web import jobs

EVENTS = {"http://schemas.openid.net/event/backchannel-logout": {}}


@pytest.fixture
async def mint(database):
    verifier.forget()
    keys.forget()
    yield built_in(await keys.signer())
    verifier.forget()


@pytest.fixture
async def tell(client, mint):
    """`await tell(sid=...)`: one message of the provider, rightly signed; gives the answer's status."""

    async def send(token=None, *, header=None, key=None, **claims):
        token = token or mint.sign(message(mint, **claims), header=header, key=key)
        answer = await client.post(BACK_CHANNEL_LOGOUT_PATH, data={"logout_token": token})
        assert answer.headers["cache-control"] == "no-store"
        return answer.status_code

    return send


def message(mint, **changes):
    now = int(time.time())
    claims = {
        "iss": mint.good()["iss"],
        "aud": "tms",
        "iat": now,
        "exp": now + 120,
        "jti": str(uuid4()),
        "typ": "Logout",
        "events": EVENTS,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not ...}


@pytest.fixture
async def sid(student, browser, session):
    await browser.sign_in(student.email)
    return (await session.execute(text("SELECT sid FROM page_sessions"))).scalar_one()


async def is_in(browser):
    answer = await browser.http.get("/my", follow_redirects=False)
    assert answer.status_code in {200, 303}
    return answer.status_code == 200


async def test_one_sign_in_ends_and_the_others_stay(student, browser, browsers, sid, tell):
    other = browsers()
    await other.sign_in(student.email)
    assert await tell(sid=sid, sub=student.account_id) == 200
    assert not await is_in(browser)
    assert await is_in(other)


async def test_everything_of_an_account_ends(student, trainer, browser, browsers, sid, tell, session):
    other, somebody = browsers(), browsers()
    await other.sign_in(student.email)
    await somebody.sign_in(trainer.email)
    assert await tell(sub=student.account_id) == 200
    assert [await is_in(one) for one in (browser, other)] == [False, False]
    assert (await somebody.open("/staff")).path == "/staff"
    kept = await session.execute(text("SELECT count(*) FROM page_sessions WHERE tokens IS NOT NULL"))
    assert kept.scalar_one() == 1


async def test_the_sign_in_of_somebody_else_is_not_ended_by_naming_it(student, trainer, browser, sid, tell):
    assert await tell(sid=sid, sub=trainer.account_id) == 200
    assert await is_in(browser)


async def test_a_message_works_once(student, browser, sid, tell, mint):
    again = mint.sign(message(mint, sub=student.account_id))
    assert await tell(again) == 200
    assert not await is_in(browser)
    await browser.open("/login")
    assert await tell(again) == 200
    assert await is_in(browser)


async def test_spent_messages_are_forgotten_once_they_are_too_old(student, sid, tell, session, clock):
    assert await tell(sid=sid) == 200
    await jobs.forget_sessions(0)
    assert (await session.execute(text("SELECT count(*) FROM spent_logout_tokens"))).scalar_one() == 1
    await clock(minutes=10)
    await jobs.forget_sessions(0)
    assert (await session.execute(text("SELECT count(*) FROM spent_logout_tokens"))).scalar_one() == 0


WRONG = {
    "issuer": {"iss": "http://tms.test/realms/master"},
    "no issuer": {"iss": ...},
    "audience": {"aud": "account"},
    "no audience": {"aud": ...},
    "no time": {"iat": ...},
    "old": {"iat": 1_700_000_000, "exp": ...},
    "long-lived and old": {"iat": 1_700_000_000, "exp": 4_102_444_800},
    "from the future": {"iat": 4_102_444_800, "exp": 4_102_444_900},
    "over": {"exp": 1_700_000_000},
    "expiry a text": {"exp": "soon"},
    "no name": {"jti": ...},
    "a name too long": {"jti": "x" * 300},
    "a name of zero bytes": {"jti": "a\x00"},
    "no events": {"events": ...},
    "other events": {"events": {"http://schemas.openid.net/event/other": {}}},
    "events a list": {"events": list(EVENTS)},
    "an event that is no object": {"events": dict.fromkeys(EVENTS, 1)},
    "with a nonce": {"nonce": "n"},
    "nobody": {"sub": ..., "sid": ...},
    "subject a number": {"sub": 7},
}


async def test_a_wrong_message_ends_nothing(student, browser, sid, tell):
    right = {"sid": sid, "sub": student.account_id}
    for kind, change in WRONG.items():
        assert await tell(**right | change) == 400, kind
    assert await is_in(browser)
    assert await tell(**right) == 200
    assert not await is_in(browser)


async def test_what_the_provider_did_not_sign_ends_nothing(student, browser, sid, tell, mint):
    right = {"sid": sid, "sub": student.account_id}
    assert await tell(**right, key=STRANGER) == 400
    assert await tell(**right, key=RSA, header={"alg": "RS256"}) == 400
    assert await tell(**right, header={"kid": "unknown"}) == 400
    assert await tell(**right, header={"typ": "Refresh"}) == 400
    assert await tell(unsigned(mint, "none")) == 400
    head, _, signature = mint.sign(message(mint, sub=mint.subject)).split(".")
    assert await tell(f"{head}.{segment(message(mint, **right))}.{signature}") == 400
    assert await tell(mint.sign(mint.good(sub=student.account_id, sid=sid))) == 400
    assert await tell("rubbish") == 400
    assert await is_in(browser)


async def test_a_message_is_no_key_to_the_api(client, student, mint):
    token = mint.sign(message(mint, sub=student.account_id, azp="tms"))
    answer = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


async def test_a_form_without_a_message_is_refused(client, database):
    assert (await client.post(BACK_CHANNEL_LOGOUT_PATH)).status_code == 400
    assert (
        await client.post(BACK_CHANNEL_LOGOUT_PATH, data={"logout_token": "x" * 30_000})
    ).status_code == 413


async def test_the_server_may_call_by_an_inner_name(client, student, browser, sid, mint):
    token = mint.sign(message(mint, sid=sid))
    answer = await client.post(
        BACK_CHANNEL_LOGOUT_PATH, data={"logout_token": token}, headers={"Host": "tms.internal:8000"}
    )
    assert answer.status_code == 200
    assert not await is_in(browser)
