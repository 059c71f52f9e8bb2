"""People of an LDAP directory behind Keycloak: who may come in is TMS's to say, with which password is the directory's."""

import contextlib

import pytest

from tests.keycloak import directory
from tms import app as assembly
from tms.identity import providers, reconciling
from tms.identity.errors import IdentityConflictError
from tms.identity.provider import Person
from tms.operations import doctor
from tms.platform.caller import Role
from tms.platform.ids import new_id

pytestmark = pytest.mark.keycloak

ADA = "ada@example.org"
THEIRS = "their own in the directory 7"


@pytest.fixture
async def federated(site, monkeypatch):
    """`await federated(mode=..., trust_email=...)` puts a directory, in which Ada is, behind the realm."""
    admin = site.keycloak.admin
    held = contextlib.ExitStack()
    made = []

    async def federate(**options):
        url = held.enter_context(directory.running([("ada", "Ada", "Example", ADA, THEIRS)]))
        realm = await admin.a_get_realm(site.keycloak.settings.keycloak_realm)
        made.append(await admin.a_create_component(directory.component(url, realm_id=realm["id"], **options)))

    with held:
        yield federate
        for component in made:
            await admin.a_delete_component(component)


async def enrolled(boss):
    """Ada's user; Keycloak has the directory's account of her address, so it is a conflict."""
    new = {"firstName": "Ada", "lastName": "Example", "email": ADA}
    user = (await boss.post("/students/enroll", new, status=202))["data"]["userId"]
    assert (await boss.get(f"/users/{user}"))["data"]["status"] == "identity_conflict"
    return f"/users/{user}"


async def is_not_known(site):
    """She proves at Keycloak who she is, and TMS does not let her in."""
    page = await site.browser().sign_in(ADA, THEIRS)
    assert (page.response.status_code, page.path) == (403, "/login/callback"), page.words
    assert "Your account is not known here; ask an administrator to enrol you" in page.words


async def test_who_is_enrolled_and_taken_over_comes_in_with_the_directorys_password(
    site, federated, run_jobs
):
    boss = await site.boss()
    await federated(mode="UNSYNCED")
    await is_not_known(site)
    user = await enrolled(boss)
    account = (await boss.post(f"{user}/adopt-account"))["data"]["keycloakId"]
    await run_jobs()
    assert (await site.browser().sign_in(ADA, THEIRS)).path == "/my"
    [welcome] = (await boss.get("/emails", params={"to": ADA}))["data"]
    assert "already have" in (await boss.get(f"/emails/{welcome['id']}"))["data"]["text"]

    # The local role and name rule, as with every account.
    await boss.patch(user, {"firstName": "Augusta", "role": "trainer"})
    found = await providers.current().get(account)
    assert (found.first_name, found.role, found.enabled) == ("Augusta", "trainer", True)
    await boss.post(f"{user}/disable")
    assert (await site.keycloak.password_grant(ADA, THEIRS)).status_code == 400
    await boss.post(f"{user}/enable")
    assert (await site.keycloak.password_grant(ADA, THEIRS)).status_code == 200
    await run_jobs()
    assert [found async for found in reconciling.compare()] == []
    assert await doctor.examine(assembly.CHECKS) == []


async def test_a_password_reset_in_tms_takes_the_place_of_the_directorys(site, federated, run_jobs):
    boss = await site.boss()
    await federated(mode="UNSYNCED")
    user = await enrolled(boss)
    await boss.post(f"{user}/adopt-account")
    await run_jobs()
    given = (await boss.post(f"{user}/reset-password"))["data"]["temporaryPassword"]
    answer = await site.keycloak.password_grant(ADA, THEIRS)
    assert answer.json()["error_description"] == "Invalid user credentials"
    page = await site.enter(site.browser(), {"email": ADA, "temporaryPassword": given})
    assert page.path == "/my"

    # Keycloak's administrator removes it, and the directory's works again.
    account = (await providers.current().find_by_email(ADA)).id
    for credential in await site.keycloak.admin.a_get_credentials(account):
        if "federationLink" not in credential:
            await site.keycloak.admin.a_delete_credential(account, credential["id"])
    assert (await site.keycloak.password_grant(ADA, THEIRS)).status_code == 200


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"mode": "READ_ONLY"}, "edit mode UNSYNCED"),
        ({"mode": "UNSYNCED", "trust_email": False}, "not verified"),
    ],
)
async def test_what_keycloak_does_not_vouch_for_or_lets_nobody_write_is_refused_with_the_reason(
    site, federated, run_jobs, options, why
):
    boss = await site.boss()
    await federated(**options)
    user = await enrolled(boss)
    problem = await boss.post(f"{user}/adopt-account", status=409)
    assert problem["code"] == "adoption_refused"
    assert why in problem["detail"]
    await run_jobs()
    assert (await boss.get(user))["data"]["status"] == "identity_conflict"
    await is_not_known(site)
    # The other way out.
    await boss.patch(user, {"email": "ada.e@example.org"})
    assert (await boss.post(f"{user}/retry-provisioning"))["data"]["status"] == "active"


async def test_who_moves_from_the_built_in_sign_in_is_linked_to_the_directorys_account(site, federated):
    await federated(mode="UNSYNCED")
    keycloak = providers.keycloak()
    ada = Person(new_id(), ADA, "Ada", "Example", Role.STUDENT)
    with pytest.raises(IdentityConflictError):
        await keycloak.bring(ada, enabled=True, credential=None, temporary=False)
    account = await keycloak.link(ada)
    assert (await keycloak.find(ada.user_id)).id == account
    assert (await site.keycloak.password_grant(ADA, THEIRS)).status_code == 200
