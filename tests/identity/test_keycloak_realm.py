"""`tms keycloak setup` and `tms keycloak check` at a genuine Keycloak: idempotent, exact, and no drift escapes."""

import os
import subprocess
import sys

import pytest
from keycloak import KeycloakAdmin, KeycloakOpenIDConnection

from tms.identity.keycloak import realm as realms
from tms.identity.keycloak import wanted
from tms.identity.keycloak.realm import KeycloakSetupError
from tms.platform.settings import Settings

pytestmark = pytest.mark.keycloak


@pytest.fixture
def run(keycloak, tmp_path, worker_id):
    """`run("setup", KEYCLOAK_REALM=...)` runs the command; its status and what it printed."""

    def command(name, **changed):
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMS_HOME", "TMS_PUBLIC_URL")}
        environment |= keycloak.environment(f"command-{worker_id}") | changed
        return subprocess.run(
            [sys.executable, "-P", "-m", "tms.cli", "keycloak", name],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return command


def test_a_realm_is_prepared_once_and_a_second_run_changes_nothing(run):
    missing = run("check")
    assert missing.returncode == 1
    assert "is missing" in missing.stdout

    first = run("setup")
    assert first.returncode == 0, first.stderr
    (line,) = [line for line in first.stdout.splitlines() if line.startswith("KEYCLOAK_CLIENT_SECRET=")]
    secret = line.partition("=")[2]
    assert len(secret) >= 32

    again = run("setup", KEYCLOAK_CLIENT_SECRET=secret)
    assert again.returncode == 0, again.stderr
    lines = again.stdout.splitlines()
    assert lines[-1] == "Keycloak is as TMS needs it; nothing was changed."
    assert {line.split()[0] for line in lines[:-1]} == {"ok"}
    assert secret not in again.stdout

    checked = run("check", KEYCLOAK_CLIENT_SECRET=secret)
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "Keycloak is as TMS needs it.")

    other = run("check", KEYCLOAK_CLIENT_SECRET="another secret than that")
    assert other.returncode == 1
    assert "DIFFERS secret of client tms: is another one than KEYCLOAK_CLIENT_SECRET" in other.stdout
    assert secret not in other.stdout
    assert run("check").returncode == 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"KEYCLOAK_REALM": "master"}, "KEYCLOAK_REALM"),
        ({"KEYCLOAK_ADMIN_PASSWORD": "wrong"}, "does not accept KEYCLOAK_ADMIN_USERNAME and"),
        ({"KEYCLOAK_ADMIN_PASSWORD": ""}, "KEYCLOAK_ADMIN_PASSWORD: set them"),
        ({"KEYCLOAK_SERVER_URL": ""}, "KEYCLOAK_SERVER_URL: set it"),
        ({"KEYCLOAK_SERVER_URL": "http://127.0.0.1:1"}, "does not answer at http://127.0.0.1:1"),
    ],
)
def test_what_cannot_be_set_up_is_told_in_one_line(run, changed, told):
    done = run("setup", **changed)
    assert done.returncode in {1, 2}
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("tms: ")
    assert told in line


class Site:
    """A realm that tests put out of order, as an administrator of Keycloak might."""

    def __init__(self, keycloak, settings):
        self.settings = settings
        self.name = settings.keycloak_realm
        self._connection = KeycloakOpenIDConnection(
            server_url=f"{keycloak.url}/",
            username=keycloak.admin_username,
            password=keycloak.admin_password,
            realm_name=self.name,
            user_realm_name="master",
        )
        self.admin = KeycloakAdmin(connection=self._connection)

    async def close(self):
        await self._connection.async_s.aclose()
        await self._connection.keycloak_openid.connection.async_s.aclose()

    async def set_up(self):
        async with realms.opened(self.settings) as admin:
            return [found async for found in realms.set_up(admin, self.settings) if found.differences]

    async def differences(self):
        async with realms.opened(self.settings) as admin:
            return [
                f"{found.part}: {line}"
                async for found in realms.differences(admin, self.settings)
                for line in found.differences
            ]

    async def client(self, client_id, **changes):
        key = await self.admin.a_get_client_id(client_id)
        found = await self.admin.a_get_client(key)
        attributes = found["attributes"] | changes.pop("attributes", {})
        await self.admin.a_update_client(key, found | changes | {"attributes": attributes})

    async def delete_client(self, client_id):
        await self.admin.a_delete_client(await self.admin.a_get_client_id(client_id))

    async def mapper(self, client_id, **config):
        """Change the audience mapper's configuration, or remove it where no change is given."""
        key = await self.admin.a_get_client_id(client_id)
        (found,) = [
            mapper
            for mapper in await self.admin.a_get_mappers_from_client(key)
            if mapper["name"] == wanted.AUDIENCE_MAPPER
        ]
        if config:
            changed = found | {"config": found["config"] | config}
            await self.admin.a_update_client_mapper(key, found["id"], changed)
        else:
            await self.admin.a_remove_client_mapper(key, found["id"])

    async def attribute(self, change):
        profile = await self.admin.a_get_realm_users_profile()
        kept = [found for found in profile["attributes"] if found["name"] != "tms_user_id"]
        added = [] if change is None else [wanted.ATTRIBUTE | change]
        await self.admin.a_update_realm_users_profile(profile | {"attributes": kept + added})

    async def service_role(self, name, *, given):
        account = await self.admin.a_get_client_service_account_user(await self.admin.a_get_client_id("tms"))
        management = await self.admin.a_get_client_id("realm-management")
        role = await self.admin.a_get_client_role(management, name)
        change = self.admin.a_assign_client_role if given else self.admin.a_delete_client_roles_of_user
        await change(account["id"], management, [role])

    async def drop_scope_role(self, name):
        client = await self.admin.a_get_client_id("tms-cli")
        role = await self.admin.a_get_realm_role(name)
        await self.admin.a_delete_realm_roles_of_client_scope(client, [role])

    async def realm(self, **changes):
        await self.admin.a_update_realm(self.name, changes)


@pytest.fixture(scope="module")
async def drifting(keycloak, worker_id):
    settings = Settings(
        keycloak_server_url=keycloak.url,
        keycloak_realm=f"drift-{worker_id}",
        keycloak_client_secret="a secret of this module that guards nothing",
        keycloak_admin_username=keycloak.admin_username,
        keycloak_admin_password=keycloak.admin_password,
    )
    site = Site(keycloak, settings)
    await site.set_up()
    yield site
    await site.close()


DRIFTS = {
    "realm shut": (lambda s: s.realm(enabled=False), "enabled is false, must be true"),
    "names of their own": (
        lambda s: s.realm(registrationEmailAsUsername=False),
        "registrationEmailAsUsername is false",
    ),
    "anybody registers": (lambda s: s.realm(registrationAllowed=True), "registrationAllowed is true"),
    "guessing for ever": (lambda s: s.realm(bruteForceProtected=False), "bruteForceProtected is false"),
    "locked for ever": (lambda s: s.realm(permanentLockout=True), "permanentLockout is true"),
    "refresh for ever": (lambda s: s.realm(revokeRefreshToken=False), "revokeRefreshToken is false"),
    "long tokens": (lambda s: s.realm(accessTokenLifespan=3600), "accessTokenLifespan is 3600, must be 300"),
    "long idleness": (lambda s: s.realm(ssoSessionIdleTimeout=86400), "ssoSessionIdleTimeout is 86400"),
    "long sessions": (lambda s: s.realm(ssoSessionMaxLifespan=864000), "ssoSessionMaxLifespan is 864000"),
    "many guesses": (lambda s: s.realm(failureFactor=1000), "failureFactor is 1000"),
    "any password": (lambda s: s.realm(passwordPolicy=""), "passwordPolicy is "),
    "role removed": (lambda s: s.admin.a_delete_realm_role("trainer"), "role trainer: is missing"),
    "mark undeclared": (lambda s: s.attribute(None), "attribute tms_user_id: is missing"),
    "mark in everybody's hands": (
        lambda s: s.attribute({"permissions": {"view": ["admin", "user"], "edit": ["admin", "user"]}}),
        "attribute tms_user_id: permissions ",
    ),
    "client removed": (lambda s: s.delete_client("tms"), "client tms: is missing"),
    "client shut": (lambda s: s.client("tms", enabled=False), "client tms: enabled is false"),
    "passwords to our pages": (
        lambda s: s.client("tms", directAccessGrantsEnabled=True),
        "client tms: directAccessGrantsEnabled is true",
    ),
    "tokens in addresses": (
        lambda s: s.client("tms", implicitFlowEnabled=True),
        "client tms: implicitFlowEnabled is true",
    ),
    "codes sent elsewhere": (
        lambda s: s.client("tms", redirectUris=["http://tms.test/login/callback", "http://evil.test/*"]),
        "client tms: redirectUris is ",
    ),
    "no proof of codes": (
        lambda s: s.client("tms", attributes={"pkce.code.challenge.method": ""}),
        "client tms: attributes pkce.code.challenge.method is ",
    ),
    "sign-out not told": (
        lambda s: s.client("tms", attributes={"backchannel.logout.url": "http://old.test"}),
        "client tms: attributes backchannel.logout.url is ",
    ),
    "another secret": (
        lambda s: s.client("tms", secret="changed behind our back"),
        "secret of client tms: is another one than KEYCLOAK_CLIENT_SECRET",
    ),
    "tokens for nobody": (lambda s: s.mapper("tms"), "audience of client tms: is missing"),
    "scripts' tokens for somebody else": (
        lambda s: s.mapper("tms-cli", **{"included.client.audience": "account"}),
        "audience of client tms-cli: config included.client.audience is ",
    ),
    "service account too weak": (
        lambda s: s.service_role("manage-users", given=False),
        "service account of client tms: lacks manage-users",
    ),
    "service account too strong": (
        lambda s: s.service_role("realm-admin", given=True),
        "service account of client tms: has realm-admin too",
    ),
    "scripts' client removed": (lambda s: s.delete_client("tms-cli"), "client tms-cli: is missing"),
    "scripts' codes sent anywhere": (
        lambda s: s.client("tms-cli", redirectUris=["*"]),
        "client tms-cli: redirectUris is ",
    ),
    "scripts' tokens with all powers": (
        lambda s: s.client("tms-cli", fullScopeAllowed=True),
        "client tms-cli: fullScopeAllowed is true",
    ),
    "scripts' tokens without a role": (
        lambda s: s.drop_scope_role("student"),
        "scope of client tms-cli: lacks role student",
    ),
}


# What hides others from view is planted alone; the rest together, since each look at a realm takes its time.
ALONE = ("realm shut", "mark undeclared", "client removed", "client shut", "scripts' client removed")
GROUPS = [[name] for name in ALONE] + [[name for name in DRIFTS if name not in ALONE]]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0])
async def test_drift_is_reported_and_mended(drifting, group):
    for drift in group:
        await DRIFTS[drift][0](drifting)
    found = await drifting.differences()
    for drift in group:
        assert [line for line in found if DRIFTS[drift][1] in line], (drift, found)
    changed = await drifting.set_up()
    assert {found.part for found in changed} >= {
        line.partition(":")[0] for line in found if "token" not in line
    }
    assert await drifting.differences() == []


async def test_what_an_organisation_has_added_or_made_stricter_stays(drifting):
    await drifting.realm(accessTokenLifespan=60, passwordPolicy="length(20)", displayName="Academy")
    await drifting.admin.a_create_realm_role({"name": "of-others"})
    assert await drifting.differences() == []
    assert await drifting.set_up() == []
    kept = await drifting.admin.a_get_realm(drifting.name)
    assert (kept["accessTokenLifespan"], kept["passwordPolicy"], kept["displayName"]) == (
        60,
        "length(20)",
        "Academy",
    )


async def test_what_tms_cannot_mend_stops_the_set_up_with_a_clear_line(drifting):
    await drifting.realm(attributes={"frontendUrl": "https://elsewhere.example.org"})
    try:
        (line,) = await drifting.differences()
        assert "says that Keycloak is https://elsewhere.example.org/realms/" in line
        assert "set KEYCLOAK_PUBLIC_URL" in line
        with pytest.raises(KeycloakSetupError, match="did not keep what was written: token of the service"):
            await drifting.set_up()
    finally:
        await drifting.realm(attributes={"frontendUrl": ""})
    assert await drifting.differences() == []
