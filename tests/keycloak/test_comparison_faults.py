"""Users and accounts are compared while requests fail: what passes is asked again, what stays is told, with how far it came."""

from uuid import UUID

import pytest

from tests.keycloak import command
from tests.keycloak.proxy import Way
from tms.identity import patience, providers, reconciling
from tms.identity.differences import Kind
from tms.identity.errors import ComparisonCutShortError
from tms.identity.keycloak import listing
from tms.platform.settings import get_settings

pytestmark = pytest.mark.keycloak

PAGE = r"GET /admin/realms/[^/]+/users\?first="
MEMBERS = r"GET /admin/realms/[^/]+/roles/student/users\?"


@pytest.fixture
async def way(site, monkeypatch):
    """TMS reaches Keycloak by a way on which things go wrong, and waits for nothing."""
    made = Way(site.keycloak.server.url, hidden=True)
    monkeypatch.setenv("KEYCLOAK_PUBLIC_URL", site.keycloak.server.url)
    monkeypatch.setenv("KEYCLOAK_SERVER_URL", made.url)
    monkeypatch.setattr(patience, "PAUSES_SECONDS", (0, 0, 0))
    monkeypatch.setattr(listing, "PAGE", 4)
    get_settings.cache_clear()
    await providers.close()
    yield made
    made.heal()
    await providers.close()
    made.close()


@pytest.fixture
async def students(site, way, run_jobs):
    """Nine students and the administrator, in three pages; ids of users and accounts in the order of their names."""
    boss = await site.boss()
    made = [await site.enrol(boss, f"s{number}@example.org") for number in range(9)]
    await run_jobs()
    found = [(await boss.get(f"/users/{one['userId']}"))["data"] for one in made]
    way.passed.clear()
    return [(UUID(one["id"]), one["keycloakId"]) for one in found]


async def compared():
    return [(found.kind, found.user_id, found.account_id) async for found in reconciling.compare()]


async def test_the_number_of_requests_is_that_of_the_pages(way, students):
    assert await compared() == []
    asked = [line for line in way.passed if line.startswith("GET")]
    # Pages of four that begin with the last one of the page before: ten accounts and nine students take four each and an
    # empty one, the administrator one and an empty one, and no trainers an empty one.
    assert len(asked) <= 5 + 5 + 2 + 1, asked


@pytest.mark.parametrize("kind", ["500", "429", "html", "half", "truncated", "lost", "expired"])
@pytest.mark.parametrize("where", [PAGE, MEMBERS])
async def test_a_page_that_fails_is_asked_for_again(site, way, students, kind, where):
    await site.keycloak.admin.a_update_user(students[8][1], {"firstName": "Eve"})
    fault = way.go_wrong(kind, on=where, times=1 if kind == "expired" else 2)
    assert await compared() == [(Kind.NAME, *students[8])]
    assert fault.happened == fault.times


async def test_an_account_that_cannot_be_read_is_told_and_the_others_are_compared(site, way, students):
    for _, account in (students[1], students[6]):
        await site.keycloak.admin.a_update_user(account, {"firstName": "Eve"})
    way.go_wrong("500", on=rf"GET .*/users/{students[1][1]}\b", times=None)
    assert await compared() == [(Kind.NOT_READ, *students[1]), (Kind.NAME, *students[6])]
    repaired = [(found.kind, found.repaired) async for found in reconciling.reconcile()]
    assert repaired == [(Kind.NOT_READ, False), (Kind.NAME, True)]


async def test_an_account_that_cannot_be_written_is_left_and_the_others_are_repaired(site, way, students):
    for _, account in (students[1], students[6]):
        await site.keycloak.admin.a_update_user(account, {"firstName": "Eve"})
    way.go_wrong("500", on=rf"PUT .*/users/{students[1][1]}\b", times=None)
    repaired = [(found.user_id, found.repaired) async for found in reconciling.reconcile()]
    assert repaired == [(students[1][0], False), (students[6][0], True)]


@pytest.mark.parametrize("kind", ["500", "truncated"])
async def test_it_says_how_far_it_came_where_keycloak_stops_answering(site, way, students, kind):
    await site.keycloak.admin.a_update_user(students[1][1], {"firstName": "Eve"})
    way.go_wrong(kind, on=rf"{PAGE}3&", times=None)
    found = reconciling.compare()
    first = await anext(found)
    assert (first.kind, first.user_id) == (Kind.NAME, students[1][0])
    with pytest.raises(ComparisonCutShortError) as cut:
        await anext(found)
    # The administrator's name comes first.
    assert f"4 accounts were compared, the last was {students[2][1]}" in cut.value.detail


async def test_silence_after_the_listing_is_told_as_such(site, way, students):
    await site.keycloak.admin.a_delete_user(students[3][1])
    way.go_wrong("500", on=rf"GET .*/users/{students[3][1]}\b", times=None)
    assert await compared() == [(Kind.NOT_READ, *students[3])]
    way.go_wrong("500", on=r"GET .*/certs$", times=None)
    with pytest.raises(ComparisonCutShortError) as cut:
        await compared()
    assert "all 9 accounts were compared, but not whether anybody's account is gone" in cut.value.detail


async def test_who_may_not_list_the_members_of_a_role_is_told_at_once_what_to_do(way, students):
    fault = way.go_wrong("403", on=MEMBERS, times=None)
    with pytest.raises(ComparisonCutShortError) as cut:
        await compared()
    assert "`tms keycloak check`" in cut.value.detail
    assert fault.happened == 1


async def test_the_command_ends_with_a_line_and_a_status_of_its_own(site, way, students, database):
    way.go_wrong("403", on=MEMBERS, times=None)
    told = command.run("reconcile", database, site.keycloak.settings, KEYCLOAK_SERVER_URL=way.url)
    assert told.status == 3, told.errors
    assert told.output == "0 accounts compared: 0 differences, 0 repaired, 0 left.\n"
    assert "Traceback" not in told.errors
    last = told.errors.strip().splitlines()[-1]
    assert last.startswith("tms: The sign-in server does not let TMS do this")
    assert "0 accounts were compared" in last
