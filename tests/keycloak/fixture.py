"""The genuine Keycloak of a test run, or the one line that says why tests with it did not run."""

import asyncio
import contextlib
import os

import httpx2
import pytest
from keycloak import KeycloakAdmin, KeycloakOpenIDConnection

from tests.keycloak import server
from tests.keycloak.distribution import KeycloakMissingError
from tms.identity import access, providers, verifier
from tms.identity.keycloak import connection as connections
from tms.identity.keycloak import realm as realms
from tms.platform.settings import Settings, get_settings

PATIENCE_SECONDS = 60.0
SETTLING_SECONDS = 0.5
CLIENT_SECRET = "the secret of a client in the tests that guards nothing"


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory, worker_id):
    """One Keycloak for all test processes of a run; each makes a realm of its own. The last one that leaves ends it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "keycloak"
    with contextlib.ExitStack() as held:
        try:
            found = held.enter_context(server.shared(folder))
        except KeycloakMissingError as error:
            _tell(f"tests with a genuine Keycloak did not run: {error}")
        yield found


def _tell(reason):
    if os.environ.get("TMS_TEST_KEYCLOAK") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


class AtKeycloak:
    """A realm that `tms keycloak setup` has prepared, and what an administrator of Keycloak can do there."""

    def __init__(self, found, settings):
        self.server = found
        self.settings = settings
        self.protocol = f"{settings.issuer}/protocol/openid-connect"
        self.http = httpx2.AsyncClient(trust_env=False, timeout=60)
        self._connection = KeycloakOpenIDConnection(
            server_url=f"{found.url}/",
            username=found.admin_username,
            password=found.admin_password,
            realm_name=settings.keycloak_realm,
            user_realm_name="master",
        )
        self.admin = KeycloakAdmin(connection=self._connection)

    async def close(self):
        await self.http.aclose()
        await self._connection.async_s.aclose()
        await self._connection.keycloak_openid.connection.async_s.aclose()

    async def password_grant(self, username, password, **fields):
        """The answer to a script that signs in; 400 and 401 say why not.

        Keycloak takes one attempt of a person at a time, goes on with one that it refused for a moment after its answer, and
        refuses the next until then as if its password were wrong.
        """
        form = {
            "grant_type": "password",
            "client_id": "tms-cli",
            "scope": "openid",
            "username": username,
            "password": password,
        }
        answer = await self.http.post(f"{self.protocol}/token", data=form | fields)
        if answer.status_code != 200:
            await asyncio.sleep(SETTLING_SECONDS)
        return answer

    async def remove_people(self):
        """Leave the realm without accounts."""
        while found := await self.admin.a_get_users({"max": 100}):
            await asyncio.gather(*[self.admin.a_delete_user(account["id"]) for account in found])


@pytest.fixture(scope="session")
async def prepared_realm(keycloak, worker_id):
    settings = Settings(
        keycloak_server_url=keycloak.url,
        keycloak_realm=f"tms-{worker_id}",
        keycloak_client_secret=CLIENT_SECRET,
        keycloak_admin_username=keycloak.admin_username,
        keycloak_admin_password=keycloak.admin_password,
    )
    async with realms.opened(settings) as admin:
        async for _ in realms.set_up(admin, settings):
            pass
    prepared = AtKeycloak(keycloak, settings)
    yield prepared
    await prepared.close()


@pytest.fixture
async def at_keycloak(prepared_realm, monkeypatch):
    """For the length of a test TMS keeps its accounts in the genuine Keycloak, in an empty realm."""
    settings = prepared_realm.settings
    # A machine that is busy with tests is no fault of Keycloak's.
    for name in ("CONNECT_SECONDS", "READ_SECONDS", "LONGEST_WAIT_SECONDS"):
        monkeypatch.setattr(connections, name, PATIENCE_SECONDS)
    monkeypatch.setenv("KEYCLOAK_SERVER_URL", settings.keycloak_server_url)
    monkeypatch.setenv("KEYCLOAK_REALM", settings.keycloak_realm)
    monkeypatch.setenv("KEYCLOAK_CLIENT_SECRET", CLIENT_SECRET)
    await _start_anew()
    yield prepared_realm
    await prepared_realm.remove_people()
    monkeypatch.undo()
    await _start_anew()


async def _start_anew():
    """As after a restart of TMS with other settings."""
    get_settings.cache_clear()
    verifier.forget()
    access.forget()
    await providers.close()
