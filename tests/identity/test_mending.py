"""An address that is taken at the sign-in server has two ways out: the account is taken over after proof, or another address."""

import pytest
from sqlalchemy import text
from tests.identity.other_side import BuiltIn

from tms import app
from tms.identity import administrators, adoption, providers
from tms.identity.errors import AdoptionRefusedError, ProviderUnavailableError
from tms.identity.provider import Account, Person
from tms.operations import doctor
from tms.platform.caller import Role
from tms.platform.ids import new_id

EMAIL = "ada@example.org"
ADA = {"firstName": "Ada", "lastName": "Example", "email": EMAIL}


@pytest.fixture
def other_side():
    return BuiltIn()


@pytest.fixture
async def admin(people):
    return await people.admin()


@pytest.fixture
async def foreign(database, other_side):
    return await other_side.add(EMAIL)


@pytest.fixture
async def conflict(admin, foreign):
    """A student whose address is a foreign account's, as the API tells of them."""
    batch = {"name": "Autumn", "startDate": "2026-10-01", "endDate": "2027-03-31"}
    made = (await admin.post("/batches", batch, status=201))["data"]
    answer = (await admin.post("/students/enroll", ADA | {"batchId": made["id"]}, status=202))["data"]
    user = (await admin.get(f"/users/{answer['userId']}"))["data"]
    assert user["status"] == "identity_conflict"
    return user


async def mails(admin):
    return (await admin.get("/emails"))["data"]


async def test_an_account_is_taken_over_with_its_password(admin, conflict, foreign, run_jobs, session):
    before = (await session.execute(text("SELECT password_hash FROM accounts"))).scalars().all()
    answer = await admin.post(f"/users/{conflict['id']}/adopt-account")
    assert (answer["data"]["status"], answer["data"]["keycloakId"]) == ("active", foreign)
    await run_jobs()
    account = await providers.current().get(foreign)
    assert (str(account.user_id), account.first_name, account.role) == (conflict["id"], "Ada", "student")
    assert not account.password_is_temporary
    assert (await session.execute(text("SELECT password_hash FROM accounts"))).scalars().all() == before
    lines = await session.execute(text("SELECT action FROM audit_log WHERE action LIKE 'user.account%'"))
    assert lines.scalars().all() == ["user.account_adopted"]
    assert await doctor.examine(app.CHECKS) == []
    [welcome] = await mails(admin)
    body = (await admin.get(f"/emails/{welcome['id']}"))["data"]["text"]
    assert "Autumn" in body
    assert "account that you already have" in body
    assert "Temporary Password" not in body


async def test_another_address_is_the_other_way_out(admin, conflict, foreign, run_jobs):
    before = await providers.current().get(foreign)
    await admin.patch(f"/users/{conflict['id']}", {"email": "ada.example@example.org"})
    answer = await admin.post(f"/users/{conflict['id']}/retry-provisioning")
    assert answer["data"]["status"] == "active"
    assert answer["data"]["keycloakId"] != foreign
    await run_jobs()
    assert await providers.current().get(foreign) == before
    [welcome] = await mails(admin)
    assert welcome["to"] == "ada.example@example.org"
    assert await doctor.examine(app.CHECKS) == []


async def test_trying_again_without_either_stays_in_conflict(admin, conflict, foreign):
    before = await providers.current().get(foreign)
    answer = await admin.post(f"/users/{conflict['id']}/retry-provisioning")
    assert answer["data"]["status"] == "identity_conflict"
    assert await providers.current().get(foreign) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"enabled": False}, "disabled"),
        ({"role": "admin"}, "administrator's"),
        ({"mark": new_id()}, "another user's"),
        ({"email": "moved@example.org"}, "retry-provisioning"),
    ],
)
async def test_what_is_not_proven_is_refused_and_untouched(
    admin, conflict, foreign, other_side, change, words
):
    await other_side.change(foreign, **change)
    before = await providers.current().get(foreign)
    problem = await admin.post(f"/users/{conflict['id']}/adopt-account", status=409)
    assert problem["code"] == "adoption_refused"
    assert words in problem["detail"]
    assert await providers.current().get(foreign) == before
    assert (await admin.get(f"/users/{conflict['id']}"))["data"]["status"] == "identity_conflict"


@pytest.mark.parametrize("verified", [True, False])
def test_an_address_that_nobody_has_verified_proves_nothing(verified):
    account = Account("a", EMAIL, Role.STUDENT, True, None, False, "Ada", "Example", email_verified=verified)
    person = Person(new_id(), EMAIL, "Ada", "Example", Role.STUDENT)
    if verified:
        assert adoption.check(account, person) is account
    else:
        with pytest.raises(AdoptionRefusedError, match="verified"):
            adoption.check(account, person)


async def test_who_has_an_account_has_nothing_to_take_over(admin, people):
    student = await people.student()
    problem = await admin.post(f"/users/{student.id}/adopt-account", status=409)
    assert problem["code"] == "wrong_status"


class _Interrupted:
    """The provider, which goes silent at its `update`, once before it has done it or once after."""

    def __init__(self, real, *, after):
        self._real = real
        self._after = after
        self.silent = 1

    def __getattr__(self, name):
        return getattr(self._real, name)

    async def update(self, account_id, person):
        if self.silent:
            self.silent -= 1
            if self._after:
                await self._real.update(account_id, person)
            raise ProviderUnavailableError
        await self._real.update(account_id, person)


@pytest.mark.parametrize("after", [False, True])
async def test_taking_over_goes_on_after_a_fault(admin, conflict, foreign, run_jobs, monkeypatch, after):
    faulty = _Interrupted(providers.current(), after=after)
    monkeypatch.setattr(providers, "current", lambda: faulty)
    answer = await admin.post(f"/users/{conflict['id']}/adopt-account")
    assert answer["data"]["status"] == "provisioning"
    assert faulty.silent == 0
    await run_jobs()
    assert (await admin.get(f"/users/{conflict['id']}"))["data"]["status"] == "active"
    accounts = [account async for account in providers.current().list() if account.email == EMAIL]
    assert [(account.id, str(account.user_id)) for account in accounts] == [(foreign, conflict["id"])]
    assert len(await mails(admin)) == 1


async def test_an_account_that_changes_after_it_was_named_is_not_taken(
    admin, conflict, foreign, other_side, run_jobs, monkeypatch
):
    faulty = _Interrupted(providers.current(), after=False)
    monkeypatch.setattr(providers, "current", lambda: faulty)
    await admin.post(f"/users/{conflict['id']}/adopt-account")
    await other_side.change(foreign, enabled=False)
    await run_jobs()
    assert (await admin.get(f"/users/{conflict['id']}"))["data"]["status"] == "identity_conflict"
    assert (await providers.current().get(foreign)).user_id is None


async def test_an_account_that_was_removed_there_is_made_anew_on_request(admin, people, other_side, run_jobs):
    student = await people.student()
    await other_side.delete(student.account_id)
    answer = await admin.post(f"/users/{student.id}/retry-provisioning")
    assert answer["data"]["status"] == "active"
    await run_jobs()
    account = await providers.current().find(student.id)
    assert (account.id, account.password_is_temporary) == (answer["data"]["keycloakId"], True)
    [mail] = await mails(admin)
    assert mail["template"] == "password_reset_by_admin"
    await admin.post(f"/users/{student.id}/retry-provisioning", status=409)
    assert await doctor.examine(app.CHECKS) == []


async def test_an_administrator_whose_account_is_gone_comes_back(people, other_side, session):
    lost = await people.admin()
    await other_side.delete(lost.account_id)
    password = await administrators.recover(lost.email)
    account = await providers.current().find(lost.id)
    assert (account.role, account.password_is_temporary, len(password)) == ("admin", False, 20)
    found = await session.execute(text("SELECT account_id, status FROM users"))
    assert found.all() == [(account.id, "active")]
    assert await doctor.examine(app.CHECKS) == []
