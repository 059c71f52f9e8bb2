"""The access matrix: every route, asked by everybody about everything, answers as the policy table says."""

import dataclasses

import pytest
from sqlalchemy import true
from tests.access import matrix, pages
from tests.access.doors import DOORS
from tests.access.ground import COUNTERS
from tests.access.relations import ADMIN, MATE, SELF, SUBJECTS, TRAINER
from tests.access.world import canary, secrets

from tms.app import POLICY
from tms.batches import queries as batches
from tms.http import policy
from tms.platform.caller import Role

pytestmark = pytest.mark.usefixtures("world")
LEAST_CELLS = 1000
LOOKING = {("POST", "/api/v1/uploads/{upload_id}/preview")}
"""Routes that take a body to look at something with, and change nothing."""
GUARDED = [line for line in POLICY.lines if line.roles]


def _told(outcomes):
    return [f"{one.cell}: {one.cell.expected}, not {one.status} {one.code}" for one in outcomes]


@pytest.fixture(scope="module")
def asked(outcomes, page_outcomes):
    return [*outcomes, *page_outcomes]


def test_every_route_has_cells():
    assert matrix.without_door(GUARDED, DOORS) == []
    public = [line for line in POLICY.lines if not line.roles]
    assert matrix.without_door(public, pages.DOORS.keys() | pages.OPEN.keys() | pages.USERINFO) == []
    lines = {(line.method, line.path) for line in POLICY.lines}
    assert DOORS.keys() | pages.DOORS.keys() | pages.OPEN.keys() | pages.USERINFO == lines


def test_a_new_route_without_cells_is_noticed():
    forgotten = policy.line("GET", "/forgotten", policy.ADMIN, "administrators all")
    assert matrix.without_door([*GUARDED, forgotten], DOORS) == [("GET", "/api/v1/forgotten")]


def test_the_gate_finds_each_request_under_its_own_line(world):
    """Or one route would be guarded by the line of another, whose path its address fits as well."""
    for (method, path), door in DOORS.items():
        for thing in door.things():
            address, _ = door.request(world, path, thing)
            assert POLICY.find(method, address.partition("?")[0]).path == path


def test_every_line_says_how_far_each_role_reaches():
    assert [(line.method, line.path) for line in GUARDED if matrix.half_stated(line)] == []
    assert matrix.half_stated(policy.line("GET", "/new", policy.STAFF, "administrators all"))
    silent = policy.Sight("their own", student=policy.Reach.OWN)
    assert matrix.half_stated(policy.line("GET", "/new", policy.ADMIN, silent))
    assert policy.line("GET", "/new", policy.ADMIN, silent).reach(Role.STUDENT) is policy.Reach.NONE


def test_there_are_enough_cells(asked):
    assert len(asked) >= LEAST_CELLS
    assert {outcome.cell.subject for outcome in asked} == set(SUBJECTS)
    allowed = [outcome for outcome in asked if outcome.cell.is_allowed]
    assert len(asked) / 10 < len(allowed) < len(asked) / 2


def test_every_answer_is_as_the_table_says(asked):
    assert _told(outcome for outcome in asked if not outcome.is_as_expected) == []


def test_what_is_denied_changes_nothing(asked):
    denied = [outcome for outcome in asked if not outcome.cell.is_allowed]
    assert [(str(outcome.cell), outcome.changed) for outcome in denied if outcome.changed] == []


def test_what_is_allowed_does_change_something(outcomes):
    """Or the comparison above would prove nothing."""
    writing = {outcome.cell.line for outcome in outcomes if outcome.cell.line.method != "GET"}
    changing = {outcome.cell.line for outcome in outcomes if outcome.cell.is_allowed and outcome.changed}
    assert {(line.method, line.path) for line in writing - changing} == LOOKING


def test_reading_changes_nothing_but_the_audit_log(asked):
    reading = [outcome for outcome in asked if outcome.cell.line.method == "GET"]
    assert [(str(one.cell), one.changed) for one in reading if one.changed - {"audit_log"}] == []


def test_every_denial_has_an_allowed_sibling(asked):
    assert _told(matrix.without_sibling(asked)) == []
    alone = [
        outcome
        for outcome in asked
        if outcome.cell.subject != ADMIN and outcome.cell.line.roles == policy.ADMIN
    ]
    assert matrix.without_sibling(alone) != []


def test_what_is_out_of_reach_looks_like_what_is_not_there(asked):
    assert _told(matrix.telling(asked)) == []
    hidden = [outcome for outcome in asked if outcome.cell.expected[0] == 404]
    told = [
        dataclasses.replace(one, answer=next(other for other in asked if other.status == 403).answer)
        if one.cell.thing != "missing"
        else one
        for one in hidden
    ]
    assert len(matrix.telling(told)) == len([one for one in hidden if one.cell.thing != "missing"]) > 0


def test_no_answer_holds_words_of_what_is_out_of_reach(asked):
    assert matrix.leaks(asked, secrets()) == []
    seen = {word for word in secrets() for one in asked if word in one.answer.text}
    # Each is told to somebody, or looking for it would prove nothing.
    assert seen == secrets().keys()


async def test_a_forgotten_predicate_is_noticed(world, ground, monkeypatch):
    monkeypatch.setattr(batches, "visible_to", lambda _: true())
    line = POLICY.find("GET", "/api/v1/batches/x")
    found = [await matrix.run(cell, DOORS, world, ground) for cell in matrix.cells([line], DOORS)]
    wrong = {(one.cell.subject, one.cell.thing) for one in found if not one.is_as_expected}
    assert {(TRAINER, "away"), (TRAINER, "shared"), (SELF, "away"), (MATE, "shared")} <= wrong
    assert {word for _, word in matrix.leaks(found, secrets())} >= {canary("batch", "away")}


@pytest.mark.parametrize("route", pages.OPEN, ids=" ".join)
async def test_an_open_door_is_the_same_for_everybody(world, ground, route):
    method, path = route
    for subject in SUBJECTS:
        answer = await world.send(subject, method, path.format(**pages.ADDRESSES))
        assert answer.status_code == pages.OPEN[route], subject
        assert [word for word in secrets() if word in answer.text] == []
    assert await ground.put_back() <= COUNTERS
