"""Access tokens: which hold, by which keys, and for how long these are believed."""

import asyncio
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.identity.forged import RSA, STRANGER, built_in, keycloaks, segment

from tms.identity import providers, verifier
from tms.identity.builtin import keys
from tms.identity.errors import InvalidTokenError, ProviderUnavailableError

GOOD = keycloaks().good()


@pytest.fixture
async def signer(database):
    verifier.forget()
    keys.forget()
    yield built_in(await keys.signer())
    verifier.forget()


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": "tms"},
        {"aud": ["account", "tms"]},
        {"azp": "tms"},
        {"nbf": 0},
        {"realm_access": ...},
        {"sub": "any:name"},
    ],
)
async def test_good_tokens_hold(signer, claims):
    wanted = signer.good(**claims)
    assert await verifier.verify(signer.sign(wanted)) == wanted["sub"]


async def test_a_line_break_at_the_end_is_no_part_of_a_token(signer):
    token = signer.sign(signer.good())
    assert await verifier.verify(token)
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token + "\n")


async def test_clocks_may_differ_a_little(signer):
    now = int(time.time())
    assert await verifier.verify(signer.sign(signer.good(exp=now - 20, iat=now - 320)))
    assert await verifier.verify(signer.sign(signer.good(iat=now + 20)))
    assert await verifier.verify(signer.sign(signer.good(), header={"typ": "at+jwt"}))


@pytest.mark.parametrize("token", ["rubbish", "a.b.c", "A" * 20_000, "eyJ.eyJ.AAA"])
async def test_the_api_answers_401_to_rubbish(client, token):
    answer = await client.get(
        "/api/v1/jobs/0192f0c1-2345-7abc-8def-0123456789ab", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 401
    assert answer.json()["code"] == "invalid_token"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(st.text(), st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}"))
)
@example(text="é.é.é")
async def test_rubbish_is_never_more_than_refused(text):
    with pytest.raises(InvalidTokenError):
        await verifier.verify(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "x"]), json_values),
    payload=st.dictionaries(st.sampled_from([*GOOD, "nbf"]), json_values),
)
async def test_any_json_is_never_more_than_refused(header, payload):
    whole = {**GOOD, **payload}
    for head in (header, {"alg": "ES256", "kid": "unknown"}):
        token = f"{segment(head)}.{segment(whole)}.AAAA"
        with pytest.raises((InvalidTokenError, ProviderUnavailableError)):
            await verifier.verify(token)


class _Provider:
    """Publishes what it is told to, and counts how often it is asked: a real one cannot be made to fail at will."""

    def __init__(self, *published):
        self.published = [key.as_dict(private=False) for key in published]
        self.asked = 0
        self.down = False
        self.held = None

    async def signing_keys(self):
        self.asked += 1
        await asyncio.sleep(0)
        if self.held is not None:
            await self.held.wait()
        if self.down:
            raise ProviderUnavailableError
        return {"keys": self.published}


@pytest.fixture
def provider(monkeypatch):
    made = _Provider(STRANGER)
    monkeypatch.setattr(providers, "current", lambda: made)
    verifier.forget()
    yield made
    verifier.forget()


@pytest.fixture
def later(monkeypatch):
    """Lets the process's own clock run ahead, for lifetimes of caches."""
    ahead = [0.0]
    really = time.monotonic
    monkeypatch.setattr(verifier.time, "monotonic", lambda: really() + ahead[0])

    def shift(seconds):
        ahead[0] += seconds

    return shift


def token_of(key, **changes):
    return jwt.encode({"alg": key.alg, "kid": key.kid}, keycloaks().good(**changes), key, [key.alg])


async def test_keys_are_asked_for_once_and_kept_ten_minutes(provider, later):
    await asyncio.gather(*[verifier.verify(token_of(STRANGER, jti=str(n))) for n in range(20)])
    assert provider.asked == 1
    later(601)
    await verifier.verify(token_of(STRANGER))
    assert provider.asked == 2


async def test_a_new_key_is_found_by_one_more_question(provider, later):
    await verifier.verify(token_of(STRANGER))
    provider.published.append(RSA.as_dict(private=False))
    later(31)
    assert await verifier.verify(token_of(RSA))
    assert provider.asked == 2


async def test_a_flood_of_unknown_keys_asks_at_most_every_half_minute(provider, later):
    await verifier.verify(token_of(STRANGER))
    for round_ in range(3):
        later(31)
        for number in range(50):
            other = jwt.encode(
                {"alg": "ES256", "kid": f"k{round_}-{number}"}, keycloaks().good(), STRANGER, ["ES256"]
            )
            with pytest.raises(InvalidTokenError):
                await verifier.verify(other)
    assert provider.asked == 4


async def test_a_dropped_key_is_refused_also_for_remembered_tokens(provider, later):
    token = token_of(STRANGER)
    await verifier.verify(token)
    provider.published = [RSA.as_dict(private=False)]
    later(601)
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token)


async def test_kept_keys_outlive_the_provider(provider, later):
    await verifier.verify(token_of(STRANGER))
    provider.down = True
    for _ in range(5):
        later(3600)
        assert await verifier.verify(token_of(STRANGER))
    assert provider.asked <= 7


async def test_nobody_waits_for_a_provider_that_is_slow_while_there_are_keys(provider, later):
    await verifier.verify(token_of(STRANGER))
    provider.held = asyncio.Event()
    later(601)
    began = time.perf_counter()
    await asyncio.gather(*[verifier.verify(token_of(STRANGER, jti=str(n))) for n in range(50)])
    assert time.perf_counter() - began < 5
    assert provider.asked == 2
    provider.published = [RSA.as_dict(private=False)]
    provider.held.set()
    await asyncio.sleep(0.01)
    # The answer that came late is taken all the same.
    assert await verifier.verify(token_of(RSA))
    assert provider.asked == 2
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token_of(STRANGER))


async def test_who_goes_away_while_keys_are_fetched_takes_nothing_from_others(provider):
    provider.held = asyncio.Event()
    first = asyncio.create_task(verifier.verify(token_of(STRANGER)))
    second = asyncio.create_task(verifier.verify(token_of(STRANGER)))
    await asyncio.sleep(0.01)
    first.cancel()
    provider.held.set()
    assert await second
    assert provider.asked == 1


async def test_a_day_without_the_provider_signs_nobody_out(client, people, provider, later, monkeypatch):
    student = await people.student()
    await verifier.verify(token_of(STRANGER))
    provider.down = True
    really = time.time
    for hour in range(1, 25):
        later(3600)
        monkeypatch.setattr(verifier.time, "time", lambda ahead=hour * 3600: really() + ahead)
        # A token of that hour, as somebody has it whose refresh came just before, holds for its own life.
        token = token_of(STRANGER, sub=student.account_id, jti=str(hour))
        for _ in range(3):
            answer = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200
    assert provider.asked <= 26


async def test_without_any_key_the_api_says_when_to_come_back(client, people, provider):
    student = await people.student()
    provider.down = True
    token = token_of(STRANGER, sub=student.account_id)
    answer = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["code"] == "identity_unavailable"


async def test_without_any_key_the_answer_is_unavailable_and_not_invalid(provider, later):
    provider.down = True
    for _ in range(5):
        with pytest.raises(ProviderUnavailableError):
            await verifier.verify(token_of(STRANGER))
    assert provider.asked == 1
    later(2)
    provider.down = False
    assert await verifier.verify(token_of(STRANGER))


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"use": None},
        {"alg": "RSA-OAEP"},
        {"alg": "HS256"},
        {"alg": None},
        {"kty": "oct", "k": "AAAA"},
        {"kid": 7},
        {"x": "no"},
    ],
)
async def test_keys_for_other_uses_are_not_taken(provider, changes):
    merged = {**STRANGER.as_dict(private=False), **changes}
    provider.published = [{name: value for name, value in merged.items() if value is not None}]
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token_of(STRANGER))


async def test_a_key_signs_with_its_own_algorithm_only(provider):
    provider.published = [RSA.as_dict(private=False)]
    assert await verifier.verify(token_of(RSA))
    numbers = {name: value for name, value in RSA.as_dict(private=True).items() if name != "alg"}
    unbound = RSAKey.import_key(numbers)
    other = jwt.encode({"alg": "PS256", "kid": RSA.kid}, keycloaks().good(), unbound, ["PS256"])
    with pytest.raises(InvalidTokenError):
        await verifier.verify(other)


async def test_remembered_tokens_are_bounded_and_end(signer, monkeypatch):
    monkeypatch.setattr(verifier, "MOST_REMEMBERED", 5)
    for number in range(12):
        await verifier.verify(signer.sign(signer.good(jti=str(number))))
    assert len(verifier._verified) == 5
    token = signer.sign(signer.good())
    await verifier.verify(token)
    really = time.time
    monkeypatch.setattr(verifier.time, "time", lambda: really() + 400)
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token)
