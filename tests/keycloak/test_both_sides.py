"""Users and Keycloak's accounts: planted differences are found and repaired, conflicts have their two ways out."""

from uuid import UUID

import pytest

from tests.keycloak.behind import Realm
from tests.keycloak.site import PASSWORD
from tms import app as assembly
from tms.identity import providers, reconciling
from tms.identity.differences import Kind
from tms.operations import doctor
from tms.platform.ids import new_id

pytestmark = pytest.mark.keycloak

ADA = "ada@example.org"


@pytest.fixture
def realm(at_keycloak):
    return Realm(at_keycloak)


async def healthy():
    assert await doctor.examine(assembly.CHECKS) == []


async def test_every_planted_difference_is_found_and_repaired_or_told(site, realm, run_jobs):
    boss = await site.boss()
    damage = {
        Kind.MARK: {"mark": None},
        Kind.ENABLED: {"enabled": False},
        Kind.ROLE: {"role": "admin"},
        Kind.ADDRESS: {"email": "eve@example.org"},
        Kind.NAME: {"first_name": "Eve"},
    }
    planted = []
    for number, (kind, change) in enumerate(damage.items()):
        person = await site.enrol(boss, f"s{number}@example.org", "O'Brien <b>")
        account = (await boss.get(f"/users/{person['userId']}"))["data"]["keycloakId"]
        planted.append((kind, UUID(person["userId"]), account, change))
    gone = await site.enrol(boss, "gone@example.org")
    moved = await site.enrol(boss, "moved@example.org")
    await run_jobs()
    await healthy()

    foreign = await realm.add("foreign@example.org", role="admin")
    before = await providers.current().get(foreign)
    for _, _, account, change in planted:
        await realm.change(account, **change)
    nobody = new_id()
    orphan = await realm.add(mark=nobody)
    twice = await realm.add(mark=planted[0][1])
    for person in (gone, moved):
        await realm.delete((await boss.get(f"/users/{person['userId']}"))["data"]["keycloakId"])
    restored = await realm.add("moved@example.org", mark=UUID(moved["userId"]))

    expected = {
        *((kind, user, account) for kind, user, account, _ in planted),
        (Kind.ACCOUNT_WITHOUT_USER, nobody, orphan),
        (Kind.MARK_TWICE, planted[0][1], twice),
        (Kind.ACCOUNT_MISSING, UUID(gone["userId"]), None),
        (Kind.ACCOUNT_REPLACED, UUID(moved["userId"]), restored),
    }
    seen = [found async for found in reconciling.compare()]
    assert {(found.kind, found.user_id, found.account_id) for found in seen} == expected
    assert len(seen) == len(expected)

    repaired = {found.kind: found.repaired async for found in reconciling.reconcile(remake=True)}
    left = {Kind.ACCOUNT_WITHOUT_USER, Kind.MARK_TWICE}
    assert {kind for kind, done in repaired.items() if not done} == left
    await run_jobs()
    assert {found.kind async for found in reconciling.compare()} == left
    assert await providers.current().get(foreign) == before
    for kind, user, account, _ in planted:
        found = await providers.current().get(account)
        assert (found.user_id, found.enabled, found.role) == (user, True, "student"), kind
    # Whose account was made anew has a password that works, by a mail of its own.
    mails = (await boss.get("/emails", params={"to": "gone@example.org"}))["data"]
    assert [mail["template"] for mail in mails] == ["password_reset_by_admin", "welcome"]
    words = (await boss.get(f"/emails/{mails[0]['id']}"))["data"]["text"]
    temporary = words.partition("Temporary Password: ")[2].split()[0]
    browser = site.browser()
    page = await site.enter(browser, {"email": "gone@example.org", "temporaryPassword": temporary})
    assert page.path == "/my"
    for account in (orphan, twice):
        await realm.delete(account)
    await healthy()


async def test_a_conflict_is_settled_by_taking_over_what_keycloak_has_verified(site, realm, run_jobs):
    boss = await site.boss()
    foreign = await realm.add(ADA, verified=False)
    await site.keycloak.admin.a_set_user_password(foreign, PASSWORD, temporary=False)
    new = {"firstName": "Ada", "lastName": "Example", "email": ADA}
    made = (await boss.post("/students/enroll", new, status=202))["data"]
    user = f"/users/{made['userId']}"
    assert (await boss.get(user))["data"]["status"] == "identity_conflict"
    problem = await boss.post(f"{user}/adopt-account", status=409)
    assert "verified" in problem["detail"]
    assert (await providers.current().get(foreign)).user_id is None

    await realm.change(foreign, verified=True)
    assert (await boss.post(f"{user}/adopt-account"))["data"]["keycloakId"] == foreign
    await run_jobs()
    assert (await site.browser().sign_in(ADA, PASSWORD)).path == "/my"
    [welcome] = (await boss.get("/emails", params={"to": ADA}))["data"]
    assert "already have" in (await boss.get(f"/emails/{welcome['id']}"))["data"]["text"]
    await healthy()


async def test_a_conflict_is_settled_by_another_address(site, realm, run_jobs):
    boss = await site.boss()
    foreign = await realm.add(ADA)
    before = await providers.current().get(foreign)
    new = {"firstName": "Ada", "lastName": "Example", "email": ADA}
    made = (await boss.post("/students/enroll", new, status=202))["data"]
    await boss.patch(f"/users/{made['userId']}", {"email": "ada.e@example.org"})
    answer = await boss.post(f"/users/{made['userId']}/retry-provisioning")
    assert answer["data"]["status"] == "active"
    await run_jobs()
    enrolled = {"email": "ada.e@example.org", "temporaryPassword": made["temporaryPassword"]}
    assert (await site.enter(site.browser(), enrolled)).path == "/my"
    assert await providers.current().get(foreign) == before
    await healthy()
