"""Access tokens: which hold, and more than forty kinds that do not."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tms.identity import access, providers, verifier
from tms.identity.builtin import keys
from tms.identity.errors import InvalidTokenError, ProviderUnavailableError

ISSUER = "http://tms.test/realms/tms"
STRANGER = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
RSA = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "rsa"})


def good(**changes):
    """The claims of a good token; a change to `...` leaves a claim out."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": "0192f0c1-2345-7abc-8def-0123456789ab",
        "aud": ["tms"],
        "typ": "Bearer",
        "azp": "tms-cli",
        "exp": now + 300,
        "iat": now,
        "jti": str(uuid4()),
        "realm_access": {"roles": ["student"]},
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not ...}


def segment(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(signer, claims, *, header=None, key=None):
    named = {"alg": "ES256", "kid": signer.kid, "typ": "JWT", **(header or {})}
    named = {name: value for name, value in named.items() if value is not ...}
    return jwt.encode(named, claims, key or signer.key, [named["alg"]], default_type=None)


def raw(signer, header, payload):
    """Any bytes as header and payload, rightly signed with our own key."""
    signed = f"{segment(header)}.{segment(payload)}"
    signature = jwt.encode({"alg": "ES256"}, {}, signer.key, ["ES256"]).rsplit(".", 1)[1]
    return f"{signed}.{signature}"


def hmac_token(signer, secret, **header):
    signed = f"{segment({'alg': 'HS256', 'kid': signer.kid, 'typ': 'JWT', **header})}.{segment(good())}"
    return f"{signed}.{segment(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def unsigned(signer, algorithm, signature=""):
    return f"{segment({'alg': algorithm, 'kid': signer.kid, 'typ': 'JWT'})}.{segment(good())}.{signature}"


def tampered(signer):
    head, _, signature = sign(signer, good()).split(".")
    return f"{head}.{segment(good(sub='somebody-else'))}.{signature}"


def with_duplicate(signer):
    payload = json.dumps(good())[:-1] + ',"sub":"somebody-else"}'
    return raw(signer, {"alg": "ES256", "kid": signer.kid, "typ": "JWT"}, payload.encode())


CLAIMS = {
    "audience missing": {"aud": ...},
    "audience wrong": {"aud": "account"},
    "audience a list of others": {"aud": ["account", "other"]},
    "audience a prefix": {"aud": ["tms-cli"]},
    "audience an object": {"aud": {"tms": True}},
    "audience with a number": {"aud": ["tms", 7]},
    "audience empty": {"aud": []},
    "issuer missing": {"iss": ...},
    "issuer of another realm": {"iss": "http://tms.test/realms/master"},
    "issuer with a slash": {"iss": f"{ISSUER}/"},
    "issuer in capitals": {"iss": ISSUER.upper()},
    "issuer a list": {"iss": [ISSUER]},
    "an ID token": {"typ": "ID", "aud": "tms"},
    "a refresh token": {"typ": "Refresh"},
    "an offline token": {"typ": "Offline"},
    "a logout token": {"typ": "Logout"},
    "no kind": {"typ": ...},
    "party foreign": {"azp": "other-client"},
    "party missing": {"azp": ...},
    "party a list": {"azp": ["tms"]},
    "no expiry": {"exp": ...},
    "expiry null": {"exp": None},
    "expiry a text": {"exp": "4102444800"},
    "expiry a truth": {"exp": True},
    "expired": {"exp": 61},
    "expiry in ten years": {"exp": 315_360_000},
    "expiry beyond all numbers": {"exp": 1e308},
    "issue missing": {"iat": ...},
    "issued in the future": {"iat": "future"},
    "not valid yet": {"nbf": "future"},
    "not before as text": {"nbf": "tomorrow"},
    "subject missing": {"sub": ...},
    "subject empty": {"sub": ""},
    "subject a number": {"sub": 7},
    "subject a list": {"sub": ["a"]},
    "subject with a control character": {"sub": "a\x00b"},
    "subject too long": {"sub": "a" * 300},
    "subject of half a character": {"sub": "\ud800"},
    "roles a text": {"realm_access": {"roles": "admin"}},
    "roles of numbers": {"realm_access": {"roles": [1]}},
    "access a list": {"realm_access": ["admin"]},
}
TOKENS = {
    "empty": lambda _: "",
    "a word": lambda _: "rubbish",
    "three words": lambda _: "a.b.c",
    "five parts": lambda _: "a.b.c.d.e",
    "whitespace inside": lambda s: sign(s, good()).replace(".", ". ", 1),
    "a line break at the end": lambda s: sign(s, good()) + "\n",
    "not ASCII": lambda s: sign(s, good())[:-1] + "é",
    "padding": lambda s: sign(s, good()) + "==",
    "five megabytes": lambda s: sign(s, good()) + "A" * 5_000_000,
    "algorithm none": lambda s: unsigned(s, "none"),
    "algorithm nOnE": lambda s: unsigned(s, "nOnE", "AAAA"),
    "algorithm missing": lambda s: raw(s, {"kid": s.kid, "typ": "JWT"}, json.dumps(good()).encode()),
    "algorithm a list": lambda s: unsigned(s, ["ES256"], "AAAA"),
    "HMAC with the public key": lambda s: hmac_token(s, json.dumps(s.key.as_dict(private=False)).encode()),
    "HMAC with nothing": lambda s: hmac_token(s, b"\x00"),
    "RSA under our key id": lambda s: sign(s, good(), header={"alg": "RS256"}, key=RSA),
    "signed by a stranger under our key id": lambda s: sign(s, good(), key=STRANGER),
    "signed by a stranger under its own key id": lambda s: sign(
        s, good(), header={"kid": STRANGER.kid}, key=STRANGER
    ),
    "key id missing": lambda s: sign(s, good(), header={"kid": ...}),
    "key id a path": lambda s: sign(s, good(), header={"kid": "../../dev/null"}),
    "key id a query": lambda s: sign(s, good(), header={"kid": "' OR 1=1 --"}),
    "key brought along": lambda s: sign(
        s, good(), header={"jwk": STRANGER.as_dict(private=False)}, key=STRANGER
    ),
    "key at an address": lambda s: sign(s, good(), header={"jku": "https://evil.example/jwks"}),
    "certificate at an address": lambda s: sign(s, good(), header={"x5u": "https://evil.example/x"}),
    "kind of a refresh token": lambda s: sign(s, good(), header={"typ": "Refresh"}),
    "kind of a logout token": lambda s: sign(s, good(), header={"typ": "logout+jwt"}),
    "tampered": tampered,
    "signature missing": lambda s: sign(s, good()).rsplit(".", 1)[0] + ".",
    "signature cut": lambda s: sign(s, good())[:-10],
    "signature of zeros": lambda s: sign(s, good()).rsplit(".", 1)[0] + "." + segment(b"\x00" * 64),
    "a name twice": with_duplicate,
    "payload a list": lambda s: raw(s, {"alg": "ES256", "kid": s.kid}, b"[]"),
    "payload no JSON": lambda s: raw(s, {"alg": "ES256", "kid": s.kid}, b"\xff\xfe"),
    "payload not a number": lambda s: raw(s, {"alg": "ES256", "kid": s.kid}, b'{"exp": NaN}'),
    "payload nested deeply": lambda s: raw(s, {"alg": "ES256", "kid": s.kid}, b"[" * 9000),
    "header a text": lambda s: raw(s, b'"ES256"', json.dumps(good()).encode()),
}


def _dated(changes):
    """Times are made when the test runs, not when it is collected."""
    now = int(time.time())
    dated = dict(changes)
    if changes.get("exp") == 61:
        dated |= {"exp": now - 61, "iat": now - 361}
    elif isinstance(changes.get("exp"), int) and changes["exp"] is not True:
        dated["exp"] = now + changes["exp"]
    for name in ("iat", "nbf"):
        if changes.get(name) == "future":
            dated[name] = now + 120
    return dated


@pytest.fixture
async def signer(database):
    verifier.forget()
    keys.forget()
    yield await keys.signer()
    verifier.forget()


@pytest.fixture
async def no_database(signer, monkeypatch):
    """With keys at hand nothing may be asked: the database and the provider refuse."""
    await verifier.verify(sign(signer, good()))

    async def refuse(*_):
        raise AssertionError("a forged token must not reach the database")

    monkeypatch.setattr(access, "_look_up", refuse)
    monkeypatch.setattr(providers.current(), "signing_keys", refuse, raising=False)


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
    wanted = good(**claims)
    assert await verifier.verify(sign(signer, wanted)) == wanted["sub"]


async def test_clocks_may_differ_a_little(signer):
    now = int(time.time())
    assert await verifier.verify(sign(signer, good(exp=now - 20, iat=now - 320)))
    assert await verifier.verify(sign(signer, good(iat=now + 20)))
    assert await verifier.verify(sign(signer, good(), header={"typ": "at+jwt"}))


@pytest.mark.parametrize("kind", CLAIMS)
async def test_forged_claims_do_not_hold(signer, no_database, kind):
    payload = json.dumps(good(**_dated(CLAIMS[kind]))).encode()
    header = {"alg": "ES256", "kid": signer.kid, "typ": "JWT"}
    token = (
        raw(signer, header, payload)
        if kind == "subject of half a character"
        else sign(signer, good(**_dated(CLAIMS[kind])))
    )
    with pytest.raises(InvalidTokenError):
        await access.authenticate(token)


@pytest.mark.parametrize("kind", TOKENS)
async def test_forged_tokens_do_not_hold(signer, no_database, kind):
    token = TOKENS[kind](signer)
    started = time.perf_counter()
    with pytest.raises(InvalidTokenError):
        await access.authenticate(token)
    assert time.perf_counter() - started < 0.2


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
    payload=st.dictionaries(st.sampled_from([*good(), "nbf"]), json_values),
)
async def test_any_json_is_never_more_than_refused(header, payload):
    whole = {**good(), **payload}
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

    async def signing_keys(self):
        self.asked += 1
        await asyncio.sleep(0)
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
    return jwt.encode({"alg": key.alg, "kid": key.kid}, good(**changes), key, [key.alg])


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
            other = jwt.encode({"alg": "ES256", "kid": f"k{round_}-{number}"}, good(), STRANGER, ["ES256"])
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
    other = jwt.encode({"alg": "PS256", "kid": RSA.kid}, good(), unbound, ["PS256"])
    with pytest.raises(InvalidTokenError):
        await verifier.verify(other)


async def test_remembered_tokens_are_bounded_and_end(signer, monkeypatch):
    monkeypatch.setattr(verifier, "MOST_REMEMBERED", 5)
    for number in range(12):
        await verifier.verify(sign(signer, good(jti=str(number))))
    assert len(verifier._verified) == 5
    token = sign(signer, good())
    await verifier.verify(token)
    really = time.time
    monkeypatch.setattr(verifier.time, "time", lambda: really() + 400)
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token)
