"""Enrolment while Keycloak, or the way to it, fails: afterwards there is exactly one of everything, and it works."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.keycloak.fixture import CLIENT_SECRET
from tests.keycloak.proxy import ASSIGN_ROLE, CREATE, ENROLLING, FIND, TOKEN, Way
from tms import app as assembly
from tms.identity import providers, reconciling
from tms.identity.keycloak.representation import MARK
from tms.operations import doctor
from tms.platform import db
from tms.platform.settings import get_settings
from tms.web import sessions

pytestmark = pytest.mark.keycloak

NORA = "nora@example.org"
KINDS = ("silence", "slow", "500", "429", "html", "truncated", "lost", "expired")
# One of each kind, where it hurts most, in every run; all others by `make keycloak-faults`.
ALWAYS = {
    ("lost", "create"),
    ("truncated", "create"),
    ("expired", "assign role"),
    ("429", "find"),
    ("html", "token"),
}


@pytest.fixture
async def way(site, monkeypatch):
    """TMS reaches Keycloak by a way on which things go wrong; browsers and scripts reach it as before."""
    made = Way(site.keycloak.server.url, hidden=True)
    monkeypatch.setenv("KEYCLOAK_PUBLIC_URL", site.keycloak.server.url)
    monkeypatch.setenv("KEYCLOAK_SERVER_URL", made.url)
    await _start_anew()
    yield made
    made.heal()
    await providers.close()
    made.close()


async def _start_anew():
    get_settings.cache_clear()
    await providers.close()


@pytest.fixture
async def batch(site, way):
    """An administrator who is signed in, and a batch with room for one."""
    boss = await site.boss()
    plan = {"name": "Autumn", "startDate": "2026-10-01", "endDate": "2037-03-31", "capacity": 1}
    made = (await boss.post("/batches", plan, status=201))["data"]
    # The next request to Keycloak begins with a token, as after a start.
    await _start_anew()
    return boss, made["id"]


async def enrol(boss, batch_id):
    answer = await boss.http.post(
        "/api/v1/students/enroll",
        json={"firstName": "Nora", "lastName": "Newcomer", "email": NORA, "batchId": batch_id},
        headers={"Idempotency-Key": "enrol-nora"},
        timeout=60,
    )
    assert answer.status_code in {200, 202}, answer.text
    return answer.json()["data"]


FACTS = """
    SELECT (SELECT count(*) FROM users WHERE email = :email AND status = 'active' AND student_code IS NOT NULL),
        (SELECT count(*) FROM student_batches s JOIN users u ON u.id = s.student_id WHERE u.email = :email),
        (SELECT seats_taken FROM batches),
        (SELECT count(*) FROM emails WHERE to_address = :email AND template = 'welcome'),
        (SELECT count(*) FROM audit_log WHERE action = 'student.enrolled')
"""


async def one_of_everything(site, session, enrolled):
    """One user with one code, one seat, one account with our mark and role, one password that works, one welcome."""
    assert tuple((await session.execute(text(FACTS), {"email": NORA})).one()) == (1, 1, 1, 1, 1)
    user_id = UUID(enrolled["userId"])
    for query in ({"email": NORA, "exact": "true"}, {"q": f"{MARK}:{user_id}"}):
        [found] = await site.keycloak.admin.a_get_users(query)
        assert found["attributes"][MARK] == [str(user_id)]
    roles = {role["name"] for role in await site.keycloak.admin.a_get_realm_roles_of_user(found["id"])}
    assert roles & {"admin", "trainer", "student"} == {"student"}
    # Keycloak tells a right temporary password from a wrong one.
    answer = await site.keycloak.password_grant(NORA, enrolled["temporaryPassword"])
    assert answer.json()["error_description"] == "Account is not fully set up"
    assert [found async for found in reconciling.compare()] == []
    assert await doctor.examine(assembly.CHECKS) == []


async def settled(run_jobs, session, seconds=40):
    """The jobs run until nobody waits for an account: a circuit that is open closes in its own time."""
    waiting = text("SELECT count(*) FROM provisionings WHERE done_at IS NULL")
    for _ in range(seconds):
        await run_jobs(rounds=40)
        if not (await session.execute(waiting)).scalar_one():
            return
        await asyncio.sleep(1)
    raise AssertionError("somebody still waits")


CASES = [
    pytest.param(kind, step, id=f"{kind} at {step}", marks=[] if (kind, step) in ALWAYS else pytest.mark.long)
    for kind in KINDS
    for step in ENROLLING
    if (kind, step) != ("expired", "token")
]


@pytest.mark.parametrize(("kind", "step"), CASES)
async def test_one_fault_at_one_step(site, way, batch, run_jobs, session, kind, step):
    fault = way.go_wrong(kind, on=ENROLLING[step], seconds=3)
    enrolled = await enrol(*batch)
    assert fault.happened > 0, way.passed
    way.heal()
    await asyncio.sleep(1.1 if kind == "429" else 0)
    await settled(run_jobs, session)
    # The client that did not get its answer asks once more.
    assert (await enrol(*batch))["userId"] == enrolled["userId"]
    await one_of_everything(site, session, enrolled)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("refuse"),
        *(pytest.param(kind, marks=pytest.mark.long) for kind in KINDS[:-1] if kind != "slow"),
    ],
)
async def test_everything_fails_until_it_is_healed(site, way, batch, run_jobs, session, kind):
    way.go_wrong(kind, times=None)
    enrolled = await enrol(*batch)
    assert enrolled["status"] == "provisioning"
    again = await enrol(*batch)
    assert again["userId"] == enrolled["userId"]
    hit = way.heal()
    assert hit > 0 or kind == "refuse"
    assert await site.keycloak.admin.a_get_users({"email": NORA}) == [] or kind in {"lost", "truncated"}
    await asyncio.sleep(1.1 if kind == "429" else 0)
    await settled(run_jobs, session)
    await one_of_everything(site, session, enrolled)


@pytest.mark.long
@pytest.mark.parametrize(
    "lost", [(CREATE, ASSIGN_ROLE), (CREATE, FIND, ASSIGN_ROLE), (CREATE, CREATE, CREATE)]
)
async def test_several_answers_are_lost_in_a_row(site, way, batch, run_jobs, session, lost):
    faults = [way.go_wrong("lost", on=step) for step in lost]
    enrolled = await enrol(*batch)
    await settled(run_jobs, session)
    assert sum(fault.happened for fault in faults) > 0
    way.heal()
    await settled(run_jobs, session)
    await one_of_everything(site, session, enrolled)


async def due(browser):
    """The browser's next request has TMS refresh its sign-in; whether it is in still, and the tokens that TMS keeps."""
    async with db.transaction() as session:
        await session.execute(text("UPDATE page_sessions SET check_due = tms_now()"))
    is_in = await browser.is_in()
    async with db.reading() as session:
        return is_in, (await session.execute(text("SELECT tokens FROM page_sessions"))).scalar_one()


@pytest.fixture
async def browser(site, way):
    """Nora's, who has signed in."""
    boss = await site.boss()
    made = site.browser()
    await site.enter(made, await site.enrol(boss, NORA))
    return made


async def test_a_lost_answer_to_a_refresh_ends_no_page_session(site, way, browser):
    before = (await due(browser))[1]
    for _ in range(2):
        lost = way.go_wrong("lost", on=TOKEN)
        assert await due(browser) == (True, before)
        assert lost.happened == 1
        is_in, after = await due(browser)
        assert is_in
        assert after != before
        before = after


async def test_two_lost_in_a_row_do_and_keycloak_lets_the_browser_in_again(site, way, browser):
    way.go_wrong("lost", on=TOKEN, times=2)
    for _ in range(2):
        assert (await due(browser))[0]
    assert not (await due(browser))[0]
    # Keycloak knows the browser: nothing is asked.
    assert (await browser.open("/my")).path == "/my"


async def test_a_refresh_token_that_somebody_else_used_too_is_noticed(site, way, browser):
    stolen, _ = sessions._open((await due(browser))[1])
    thief = {
        "grant_type": "refresh_token",
        "refresh_token": stolen,
        "client_id": "tms",
        "client_secret": CLIENT_SECRET,
    }
    assert (await due(browser))[0]
    # Keycloak tells elder from younger by whole seconds.
    await asyncio.sleep(1.1)
    answer = await site.keycloak.http.post(f"{site.keycloak.protocol}/token", data=thief)
    assert answer.status_code == 200
    await asyncio.sleep(1.1)
    is_in, _ = await due(browser)
    thief["refresh_token"] = answer.json()["refresh_token"]
    answer = await site.keycloak.http.post(f"{site.keycloak.protocol}/token", data=thief)
    assert (is_in, answer.status_code) == (False, 400)
