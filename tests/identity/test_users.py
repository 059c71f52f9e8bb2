"""Users through the API: made, changed, kept out and let in; who may, and what is never lost."""

import asyncio

import pytest
from sqlalchemy import text

from tms.identity import passwords, service
from tms.identity.errors import IdentityConflictError, ProviderUnavailableError
from tms.identity.providers import current
from tms.platform.ids import new_id

TRAINER = {"firstName": "Tess", "lastName": "Trainer", "email": "Tess@Example.org", "role": "trainer"}


@pytest.fixture
async def admin(people):
    return await people.admin()


async def account_of(user):
    return await current().find(user["id"]) if isinstance(user, dict) else await current().find(user)


async def test_a_trainer_is_made_with_an_account(admin, session):
    answer = await admin.post("/users", TRAINER, status=201)
    user = answer["data"]
    assert user["status"] == "active"
    assert user["role"] == "trainer"
    assert user["studentId"] is None
    assert user["keycloakId"]
    account = await current().find(
        (await session.execute(text("SELECT id FROM users WHERE role = 'trainer'"))).scalar_one()
    )
    assert account.id == user["keycloakId"]
    assert account.password_is_temporary


async def test_one_address_is_one_person_in_every_spelling(admin):
    await admin.post("/users", TRAINER, status=201)
    for spelling in ("tess@example.org", "TESS@EXAMPLE.ORG", "Tess@Example.Org", "tess@example.org "):
        problem = await admin.post("/users", TRAINER | {"email": spelling}, status=409)
        assert problem["code"] == "email_taken"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nonsense"}, "email"),
        ({"email": "a@b@c.org"}, "email"),
        ({"email": "x" * 300 + "@example.org"}, "email"),
        ({"firstName": ""}, "firstName"),
        ({"firstName": "   "}, "firstName"),
        ({"firstName": "Nul\x00"}, "firstName"),
        ({"firstName": "Li\nne"}, "firstName"),
        ({"firstName": "R\u202etl"}, "firstName"),
        ({"lastName": "x" * 101}, "lastName"),
        ({"lastName": 7}, "lastName"),
        ({"phone": "call me"}, "phone"),
        ({"role": "student"}, "role"),
        ({"role": "root"}, "role"),
        ({"status": "active"}, "status"),
        ({"id": "0192f0c1-2345-7abc-8def-0123456789ab"}, "id"),
    ],
)
async def test_bad_fields_are_named(admin, session, change, field):
    problem = await admin.post("/users", TRAINER | change, status=422)
    assert [entry["field"] for entry in problem["errors"]] == [field]
    assert (await session.execute(text("SELECT count(*) FROM users"))).scalar_one() == 1


@pytest.mark.parametrize(
    "name", ["O'Brien", "Þórður", "𠮷", "<img onerror=x>", "{{7*7}}", "'; DROP TABLE users", "null"]
)
async def test_names_come_back_as_they_were_given(admin, name):
    user = (await admin.post("/users", TRAINER | {"firstName": name}, status=201))["data"]
    assert (await admin.get(f"/users/{user['id']}"))["data"]["firstName"] == name


async def test_changes_reach_the_account(admin):
    user = (await admin.post("/users", TRAINER, status=201))["data"]
    changed = await admin.patch(
        f"/users/{user['id']}", {"email": "new@example.org", "role": "admin", "phone": "+49 30 1"}
    )
    assert changed["data"]["email"] == "new@example.org"
    assert changed["data"]["phone"] == "+49 30 1"
    account = [found async for found in current().list() if found.id == user["keycloakId"]]
    assert [(found.email, found.role) for found in account] == [("new@example.org", "admin")]
    removed = await admin.patch(f"/users/{user['id']}", {"phone": None})
    assert removed["data"]["phone"] is None
    assert removed["data"]["firstName"] == "Tess"


async def test_two_editors_do_not_overwrite_each_other(admin):
    user = (await admin.post("/users", TRAINER, status=201))["data"]
    seen = await admin.http.get(f"/api/v1/users/{user['id']}")
    await admin.patch(
        f"/users/{user['id']}", {"lastName": "First"}, headers={"If-Match": seen.headers["etag"]}
    )
    problem = await admin.patch(
        f"/users/{user['id']}", {"lastName": "Second"}, headers={"If-Match": seen.headers["etag"]}, status=412
    )
    assert problem["code"] == "version_changed"
    assert (await admin.get(f"/users/{user['id']}"))["data"]["lastName"] == "First"


async def test_a_disabled_user_is_out_and_can_come_back(admin, people):
    student = await people.student()
    await student.get("/me")
    await admin.post(f"/users/{student.id}/disable")
    assert (await student.get("/me", status=403))["code"] == "account_disabled"
    await admin.post(f"/users/{student.id}/enable")
    assert (await student.get("/me"))["data"]["status"] == "active"


async def test_the_last_administrator_stays(admin, people):
    assert (await admin.post(f"/users/{admin.id}/disable", status=409))["code"] == "last_administrator"
    assert (await admin.patch(f"/users/{admin.id}", {"role": "trainer"}, status=409))[
        "code"
    ] == "last_administrator"
    await people.admin()
    await admin.patch(f"/users/{admin.id}", {"role": "trainer"})


async def test_two_administrators_cannot_remove_each_other_at_once(people, session):
    for _ in range(5):
        first, second = await people.admin(), await people.admin()
        answers = await asyncio.gather(
            first.http.post(f"/api/v1/users/{second.id}/disable"),
            second.http.post(f"/api/v1/users/{first.id}/disable"),
        )
        active = await session.execute(
            text("SELECT count(*) FROM users WHERE role = 'admin' AND status = 'active'")
        )
        assert active.scalar_one() >= 1
        assert sorted(answer.status_code for answer in answers) in ([200, 409], [200, 403], [200, 200])


async def test_a_temporary_password_is_extended_or_renewed(admin, clock, session):
    user = (await admin.post("/users", TRAINER, status=201))["data"]
    first = (await admin.post(f"/users/{user['id']}/reset-password", {"extendOnly": True}))["data"]
    renewed = (await admin.post(f"/users/{user['id']}/reset-password"))["data"]
    assert renewed["temporaryPassword"] != first["temporaryPassword"]
    await clock(days=3)
    extended = (await admin.post(f"/users/{user['id']}/reset-password", {"extendOnly": True}))["data"]
    assert extended["temporaryPassword"] == renewed["temporaryPassword"]
    assert extended["passwordExpiry"] > renewed["passwordExpiry"]


async def test_an_ended_password_cannot_be_extended(admin, clock, run_jobs):
    user = (await admin.post("/users", TRAINER, status=201))["data"]
    await clock(days=8)
    assert await service.end_expired_passwords() == 1
    problem = await admin.post(f"/users/{user['id']}/reset-password", {"extendOnly": True}, status=409)
    assert problem["code"] == "temporary_password_ended"
    assert await service.end_expired_passwords() == 0


async def test_passwords_have_eighty_bits_and_differ(admin):
    made = {passwords.derive(new_id(), epoch) for epoch in range(500)}
    assert len(made) == 500
    assert all(len(password.replace("-", "")) == 20 for password in made)


class Faulty:
    """The real provider with a planted fault: the first calls of `create_or_adopt` fail, before or after the work."""

    def __init__(self, real, error, *, after=False, times=1):
        self.real, self.error, self.after, self.times = real, error, after, times

    def __getattr__(self, name):
        return getattr(self.real, name)

    async def create_or_adopt(self, person, **options):
        if self.times:
            self.times -= 1
            if self.after:
                await self.real.create_or_adopt(person, **options)
            raise self.error
        return await self.real.create_or_adopt(person, **options)


@pytest.mark.parametrize("after", [False, True], ids=["before the work", "answer lost after it"])
async def test_a_user_is_finished_by_the_job_when_the_provider_was_away(admin, monkeypatch, run_jobs, after):
    faulty = Faulty(current(), ProviderUnavailableError(), after=after)
    monkeypatch.setattr("tms.identity.providers.current", lambda: faulty)
    user = (await admin.post("/users", TRAINER, status=201))["data"]
    assert user["status"] == "provisioning"
    assert user["keycloakId"] is None
    await run_jobs()
    user = (await admin.get(f"/users/{user['id']}"))["data"]
    assert user["status"] == "active"
    accounts = [account async for account in current().list() if account.email == "tess@example.org"]
    assert len(accounts) == 1
    mails = (await admin.get("/emails?template=welcome"))["data"]
    assert [mail["to"] for mail in mails] == ["Tess@example.org"]


async def test_a_conflict_is_told_and_can_be_tried_again(admin, monkeypatch):
    faulty = Faulty(current(), IdentityConflictError())
    monkeypatch.setattr("tms.identity.providers.current", lambda: faulty)
    user = (await admin.post("/users", TRAINER, status=201))["data"]
    assert user["status"] == "identity_conflict"
    again = await admin.post(f"/users/{user['id']}/retry-provisioning")
    assert again["data"]["status"] == "active"
    assert (await admin.post(f"/users/{user['id']}/retry-provisioning", status=409))["code"] == "wrong_status"


async def test_lists_are_found_sorted_and_paged(admin, people):
    for name in ("Cara", "Abel", "Ben"):
        await people.trainer(first_name=name, last_name=name)
    page = await admin.get("/users?role=trainer&sort=lastName&limit=2")
    assert [user["lastName"] for user in page["data"]] == ["Abel", "Ben"]
    assert page["page"]["total"] == 3
    rest = await admin.get(f"/users?role=trainer&sort=lastName&limit=2&cursor={page['page']['nextCursor']}")
    assert [user["lastName"] for user in rest["data"]] == ["Cara"]
    assert rest["page"]["nextCursor"] is None
    assert [user["lastName"] for user in (await admin.get("/users?search=ABE"))["data"]] == ["Abel"]
    assert (await admin.get("/users?search=%25"))["data"] == []
    for bad in ("cursor=abc", "sort=phone", "limit=0", "limit=201", "role=root"):
        await admin.get(f"/users?{bad}", status=422)


@pytest.mark.parametrize("role", ["trainer", "student"])
async def test_users_are_for_administrators(people, role):
    other = await getattr(people, role)()
    admin = await people.admin()
    await other.get("/users", status=403)
    await other.post("/users", TRAINER, status=403)
    await other.get(f"/users/{admin.id}", status=403)
    await other.patch(f"/users/{other.id}", {"role": "admin"}, status=403)
    for verb in ("disable", "enable", "reset-password", "retry-provisioning", "adopt-account"):
        await other.post(f"/users/{admin.id}/{verb}", status=403)
        await (await people.anonymous()).post(f"/users/{admin.id}/{verb}", status=401)


async def test_people_change_themselves_but_not_their_rights(people):
    student = await people.student(first_name="Before")
    changed = await student.patch("/me", {"firstName": "After", "phone": "+44 20 7946 0000"})
    assert changed["data"]["firstName"] == "After"
    for field in ("role", "status", "email", "studentId", "keycloakId"):
        await student.patch("/me", {field: "admin"}, status=422)


async def test_every_change_is_in_the_audit_log_without_personal_data(admin, session):
    user = (await admin.post("/users", TRAINER, status=201))["data"]
    await admin.patch(f"/users/{user['id']}", {"lastName": "Secretname", "role": "admin"})
    rows = (await session.execute(text("SELECT action, changes::text FROM audit_log ORDER BY id"))).all()
    assert [row.action for row in rows] == ["user.registered", "user.provisioned", "user.changed"]
    assert "Secretname" not in rows[-1].changes
    assert '"lastName": true' in rows[-1].changes
    assert '"role": ["trainer", "admin"]' in rows[-1].changes
