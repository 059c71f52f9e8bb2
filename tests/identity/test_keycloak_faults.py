"""A Keycloak that is away, slow, or says strange things: every fault is a provider that is not available, and is over soon."""

import asyncio
import time

import pytest
from tests.identity.test_provider_contract import GOOD, TEMPORARY, person
from tests.keycloak.fixture import CLIENT_SECRET
from tests.keycloak.proxy import ASSIGN_ROLE, CREATE, Way

from tms.identity.errors import AccountRefusedError, PasswordRefusedError, ProviderUnavailableError
from tms.identity.keycloak import breaker as breakers
from tms.identity.keycloak import connection as connections
from tms.identity.keycloak.connection import Connection
from tms.identity.keycloak.provider import KeycloakProvider
from tms.platform.ids import new_id

pytestmark = pytest.mark.keycloak

USERS = r".*/users"


def provider_at(url, realm, secret=CLIENT_SECRET):
    return KeycloakProvider(Connection(url, realm.settings.keycloak_realm, "tms", secret))


def hurry(provider):
    """From now on its patience is short."""
    provider.connection.timeout = (2, 0.5, 0.5, 5)


@pytest.fixture
def way(at_keycloak):
    made = Way(at_keycloak.settings.keycloak_server_url)
    yield made
    made.close()


@pytest.fixture
async def provider(way, at_keycloak):
    made = provider_at(way.url, at_keycloak)
    yield made
    await made.connection.aclose()


FAULTS = {
    "500": {"kind": "500"},
    "503": {"kind": "503"},
    "429": {"kind": "429"},
    "401 for ever": {"kind": "401", "times": 2},
    "403": {"kind": "403"},
    "HTML instead of JSON": {"kind": "html"},
    "half a JSON": {"kind": "half"},
    "an answer cut off": {"kind": "truncated"},
    "too slow": {"kind": "slow", "seconds": 30},
    "no answer": {"kind": "lost"},
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_strange_answer_is_a_provider_that_is_not_available_and_passes(way, provider, fault):
    ann = person()
    await provider.create_or_adopt(ann, password=TEMPORARY, temporary=True)
    patience = provider.connection.timeout
    if fault == "too slow":
        hurry(provider)
    way.go_wrong(**FAULTS[fault], on=USERS)
    with pytest.raises(ProviderUnavailableError):
        await provider.find(ann.user_id)
    provider.connection.timeout = patience
    provider.connection.breaker = breakers.Breaker()
    assert (await provider.find(ann.user_id)).email == ann.email


@pytest.mark.parametrize("path", ["/openid-connect/token", "/openid-connect/certs"])
@pytest.mark.parametrize("fault", ["500", "429", "HTML instead of JSON", "half a JSON", "no answer"])
async def test_the_same_holds_for_the_service_accounts_token_and_the_public_keys(way, provider, fault, path):
    way.go_wrong(**FAULTS[fault], on=f".*{path}")
    with pytest.raises(ProviderUnavailableError):
        await (provider.signing_keys() if "certs" in path else provider.find(new_id()))
    provider.connection.breaker = breakers.Breaker()
    assert (await provider.signing_keys())["keys"]
    assert await provider.find(new_id()) is None


@pytest.mark.parametrize("step", [CREATE, ASSIGN_ROLE])
@pytest.mark.parametrize("kind", ["lost", "500"])
async def test_the_next_try_adopts_what_a_lost_answer_left_behind(way, provider, at_keycloak, step, kind):
    ann = person()
    way.go_wrong(kind, on=step)
    with pytest.raises(ProviderUnavailableError):
        await provider.create_or_adopt(ann, password=TEMPORARY, temporary=True)
    made = await provider.create_or_adopt(ann, password=TEMPORARY, temporary=True)
    assert [account async for account in provider.list()] == [made]
    assert made.role == ann.role
    answer = await at_keycloak.password_grant(ann.email, TEMPORARY)
    assert answer.json()["error_description"] == "Account is not fully set up"


async def test_a_token_is_used_again_and_renewed_once_where_it_was_refused(way, provider):
    await asyncio.gather(*[provider.find(new_id()) for _ in range(20)])
    tokens = [line for line in way.passed if line.endswith("/token")]
    assert len(tokens) == 1
    assert way.most_at_once <= connections.AT_ONCE
    way.go_wrong("401", on=USERS, times=5)
    await asyncio.gather(*[provider.find(new_id()) for _ in range(5)])
    tokens = [line for line in way.passed if line.endswith("/token")]
    assert len(tokens) == 2


async def test_a_token_that_keycloak_has_really_ended_is_renewed(provider, at_keycloak):
    assert await provider.find(new_id()) is None
    before = dict(provider.connection.token)
    # From now on the realm refuses every token that was made before.
    await at_keycloak.admin.a_update_realm(
        at_keycloak.settings.keycloak_realm, {"notBefore": int(time.time()) + 1}
    )
    await asyncio.sleep(1.1)
    try:
        assert await provider.find(new_id()) is None
    finally:
        await at_keycloak.admin.a_update_realm(at_keycloak.settings.keycloak_realm, {"notBefore": 0})
    assert provider.connection.token["access_token"] != before["access_token"]


async def test_the_breaker_opens_probes_and_closes(way, provider, monkeypatch):
    monkeypatch.setattr(breakers, "PAUSE_SECONDS", 0.3)
    await provider.find(new_id())
    way.go_wrong("503", on=USERS, times=breakers.FAILURES + 1)
    for _ in range(breakers.FAILURES):
        with pytest.raises(ProviderUnavailableError):
            await provider.find(new_id())
    asked = len(way.passed)
    with pytest.raises(ProviderUnavailableError) as refused:
        await provider.find(new_id())
    assert refused.value.retry_after >= 1
    assert len(way.passed) == asked
    await asyncio.sleep(0.35)
    # One of many probes, and fails: the others are refused at once.
    failed = await asyncio.gather(*[provider.find(new_id()) for _ in range(10)], return_exceptions=True)
    assert {type(error) for error in failed} == {ProviderUnavailableError}
    assert len(way.passed) == asked + 1
    await asyncio.sleep(0.35)
    assert await provider.find(new_id()) is None
    assert not provider.connection.breaker.is_open


async def test_who_asks_to_be_left_alone_is(way, provider):
    await provider.find(new_id())
    way.go_wrong("429", on=USERS)
    with pytest.raises(ProviderUnavailableError):
        await provider.find(new_id())
    asked = len(way.passed)
    with pytest.raises(ProviderUnavailableError):
        await provider.find(new_id())
    assert len(way.passed) == asked
    await asyncio.sleep(1.05)
    assert await provider.find(new_id()) is None


async def test_a_slow_keycloak_holds_up_nobody_for_longer_than_its_time(way, provider):
    await provider.find(new_id())
    hurry(provider)
    way.go_wrong("slow", on=USERS, times=1000, seconds=30)
    begun = time.monotonic()
    answers = await asyncio.gather(*[provider.find(new_id()) for _ in range(100)], return_exceptions=True)
    assert {type(error) for error in answers} == {ProviderUnavailableError}
    # The first eight wait for their time to end; by then the breaker is open for all others.
    assert time.monotonic() - begun < 15
    assert len(way.passed) <= 2 + 2 * connections.AT_ONCE


async def test_who_gives_up_waiting_lets_the_next_one_probe(way, provider, monkeypatch):
    monkeypatch.setattr(breakers, "PAUSE_SECONDS", 0.1)
    await provider.find(new_id())
    way.go_wrong("503", on=USERS, times=breakers.FAILURES)
    for _ in range(breakers.FAILURES):
        with pytest.raises(ProviderUnavailableError):
            await provider.find(new_id())
    await asyncio.sleep(0.15)
    way.go_wrong("slow", on=USERS, seconds=30)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(provider.find(new_id()), 0.2)
    assert await provider.find(new_id()) is None


async def test_it_waits_two_seconds_for_a_connection_and_five_for_an_answer(keycloak):
    connection = Connection(keycloak.url, "tms", "tms", CLIENT_SECRET)
    assert connection.timeout == (2, 5, 5, 5)
    assert connection.keycloak_openid.connection.timeout == (2, 5, 5, 5)
    await connection.aclose()


async def test_nobody_there_and_a_wrong_secret_are_not_available(at_keycloak, caplog):
    for url, secret in (
        ("http://127.0.0.1:1", CLIENT_SECRET),
        (at_keycloak.settings.keycloak_server_url, "wrong"),
    ):
        made = provider_at(url, at_keycloak, secret)
        with pytest.raises(ProviderUnavailableError):
            await made.find(new_id())
        await made.connection.aclose()
    assert "gives our service account no token" in caplog.text
    assert "wrong" not in caplog.text


async def test_what_keycloak_does_not_take_is_refused_and_not_tried_for_ever(provider, at_keycloak):
    with pytest.raises(AccountRefusedError):
        await provider.create_or_adopt(person(email="йван@example.org"), password=TEMPORARY, temporary=True)
    with pytest.raises(PasswordRefusedError):
        await provider.create_or_adopt(person(), password="short", temporary=False)
    made = await provider.create_or_adopt(person(email="b@example.org"), password=GOOD, temporary=False)
    with pytest.raises(PasswordRefusedError):
        await provider.set_password(made.id, "short", temporary=False)
    assert (await at_keycloak.password_grant("b@example.org", GOOD)).status_code == 200


async def test_a_password_chosen_while_it_is_being_ended_is_told_to_the_log(
    provider, at_keycloak, monkeypatch, caplog
):
    made = await provider.create_or_adopt(person(), password=TEMPORARY, temporary=True)
    delete = provider._admin.a_delete_credential

    async def chosen_just_before(account_id, credential_id):
        await at_keycloak.admin.a_set_user_password(account_id, GOOD, temporary=False)
        return await delete(account_id, credential_id)

    monkeypatch.setattr(provider._admin, "a_delete_credential", chosen_just_before)
    await provider.end_temporary_password(made.id)
    assert "chosen at the moment of its expiry" in caplog.text
