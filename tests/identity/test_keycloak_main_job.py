"""The main job with a genuine Keycloak behind it, through the API: enrolled, changed, kept out, let in, reset, erased."""

import pytest
from tests.people import API

from tms import startup
from tms.identity import administrators, providers, service
from tms.identity.errors import PasswordRefusedError
from tms.platform.settings import get_settings

pytestmark = pytest.mark.keycloak

ADMIN = ("boss@example.org", "an administrator's long password")
TEMPORARY, WRONG, SHUT = "Account is not fully set up", "Invalid user credentials", "Account disabled"


class Boss:
    """The first administrator, who signs in at Keycloak."""

    def __init__(self, client, token):
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"}

    async def call(self, method, path, *, status=200, **options):
        answer = await self.client.request(method, f"{API}{path}", headers=self.headers, **options)
        assert answer.status_code == status, answer.text
        return answer.json()["data"] if answer.content else None


@pytest.fixture
async def boss(at_keycloak, client):
    first = await administrators.ensure_first(*ADMIN)
    assert first.generated_password is None
    answer = await at_keycloak.password_grant(*ADMIN)
    assert answer.status_code == 200, answer.text
    return Boss(client, answer.json()["access_token"])


@pytest.fixture
async def enrolled(boss):
    body = {"firstName": "Ann", "lastName": "Lee", "email": "Ann@Example.org"}
    data = await boss.call("POST", "/students/enroll", json=body)
    assert data["status"] == "active"
    return data


@pytest.fixture
def said(at_keycloak):
    """What Keycloak says to somebody who signs in with a password."""

    async def say(password, email="ann@example.org"):
        answer = await at_keycloak.password_grant(email, password)
        return answer.json().get("error_description", "signed in")

    return say


async def test_a_student_is_enrolled_changed_kept_out_let_in_and_reset(boss, enrolled, at_keycloak, said):
    user = f"/users/{enrolled['userId']}"
    assert (await boss.call("GET", user))["keycloakId"] == enrolled["keycloakId"]
    assert await said(enrolled["temporaryPassword"]) == TEMPORARY

    await boss.call("PATCH", user, json={"firstName": "Anna", "email": "anna@example.org", "role": "trainer"})
    account = await at_keycloak.admin.a_get_user(enrolled["keycloakId"])
    assert (account["firstName"], account["email"], account["username"]) == (
        "Anna",
        "anna@example.org",
        "anna@example.org",
    )
    assert await said(enrolled["temporaryPassword"], "anna@example.org") == TEMPORARY

    await boss.call("POST", f"{user}/disable")
    assert await said(enrolled["temporaryPassword"], "anna@example.org") in {SHUT, TEMPORARY}
    assert not (await at_keycloak.admin.a_get_user(enrolled["keycloakId"]))["enabled"]
    await boss.call("POST", f"{user}/enable")
    again = await boss.call("POST", f"{user}/reset-password", json={})
    assert await said(enrolled["temporaryPassword"], "anna@example.org") == WRONG
    assert await said(again["temporaryPassword"], "anna@example.org") == TEMPORARY


async def test_who_has_chosen_a_password_uses_the_api_until_they_are_disabled(
    boss, enrolled, at_keycloak, client
):
    await at_keycloak.admin.a_set_user_password(
        enrolled["keycloakId"], "chosen by the person", temporary=False
    )
    answer = await at_keycloak.password_grant("ann@example.org", "chosen by the person")
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    me = await client.get(f"{API}/me", headers=headers)
    assert me.json()["data"]["id"] == enrolled["userId"]
    assert (await client.get(f"{API}/users", headers=headers)).status_code == 403
    await boss.call("POST", f"/users/{enrolled['userId']}/disable")
    refused = await client.get(f"{API}/me", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "account_disabled")


async def test_a_temporary_password_ends_at_its_expiry_and_a_chosen_one_stays(
    boss, enrolled, at_keycloak, said, clock
):
    body = {"firstName": "Bob", "lastName": "Lee", "email": "bob@example.org"}
    chosen = await boss.call("POST", "/students/enroll", json=body)
    await at_keycloak.admin.a_set_user_password(chosen["keycloakId"], "chosen by the person", temporary=False)
    await service.end_expired_passwords()
    assert await said(enrolled["temporaryPassword"]) == TEMPORARY
    await clock(days=7, minutes=1)
    assert await service.end_expired_passwords() == 2
    assert await said(enrolled["temporaryPassword"]) == WRONG
    assert await said("chosen by the person", "bob@example.org") == "signed in"
    assert await service.end_expired_passwords() == 0


async def test_an_erased_student_has_no_account_left(boss, enrolled, at_keycloak, run_jobs):
    await boss.call("DELETE", f"/students/{enrolled['userId']}", status=200)
    await run_jobs()
    left = await at_keycloak.admin.a_get_users({"max": 10})
    assert [account["email"] for account in left] == [ADMIN[0]]


async def test_somebody_elses_account_makes_a_conflict(boss, at_keycloak):
    theirs = {"username": "ann@example.org", "email": "ann@example.org", "enabled": True}
    account_id = await at_keycloak.admin.a_create_user(theirs)
    before = await at_keycloak.admin.a_get_user(account_id)
    body = {"firstName": "Ann", "lastName": "Lee", "email": "ann@example.org"}
    # Accepted, and for an administrator to settle.
    data = await boss.call("POST", "/students/enroll", json=body, status=202)
    assert (await boss.call("GET", f"/users/{data['userId']}"))["status"] == "identity_conflict"
    assert await at_keycloak.admin.a_get_user(account_id) == before


async def test_a_password_that_keycloaks_policy_refuses_is_told_and_the_next_start_goes_on(
    at_keycloak, database
):
    with pytest.raises(PasswordRefusedError):
        await administrators.ensure_first(ADMIN[0], "short")
    assert await administrators.ensure_first(*ADMIN) is not None
    assert (await at_keycloak.password_grant(*ADMIN)).status_code == 200


async def test_the_built_in_sign_in_is_not_there_beside_keycloak(boss, client, at_keycloak):
    realm = at_keycloak.settings.keycloak_realm
    for path in (".well-known/openid-configuration", "protocol/openid-connect/certs", "account"):
        assert (await client.get(f"/realms/{realm}/{path}")).status_code == 404


async def test_processes_close_their_connection_and_say_at_once_what_is_missing(
    at_keycloak, database, monkeypatch
):
    connection = providers.keycloak().connection
    await providers.close()
    assert connection.async_s.is_closed
    assert connection.keycloak_openid.connection.async_s.is_closed
    monkeypatch.delenv("KEYCLOAK_CLIENT_SECRET")
    get_settings.cache_clear()
    with pytest.raises(providers.NotSetUpError, match="tms keycloak setup"):
        async with startup.database(get_settings()):
            pass
