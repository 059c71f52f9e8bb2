"""TMS with a genuine Keycloak behind it: what ends, what is refused, and what is not there any more."""

import pytest
from tests.people import API

from tms import startup
from tms.identity import administrators, providers, service
from tms.identity.errors import PasswordRefusedError
from tms.platform.settings import get_settings

pytestmark = pytest.mark.keycloak

ADMIN = ("boss@example.org", "an administrator's long password")
TEMPORARY, WRONG = "Account is not fully set up", "Invalid user credentials"


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
