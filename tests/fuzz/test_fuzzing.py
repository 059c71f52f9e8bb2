"""The API against its own description, with random data of each role: nothing crashes, nothing answers what is not said."""

import re

import pytest
from tests.fuzz.campaign import fuzz
from tests.fuzz.serving import Served
from tests.fuzz.world import World

from tms.identity import verifier
from tms.identity.builtin import tokens

ROLES = ("anonymous", "student", "trainer", "admin")


@pytest.fixture
async def world(people, run_jobs, tmp_path, monkeypatch):
    # A campaign takes longer than a token lives, and would then only prove that 401 is documented.
    monkeypatch.setattr(tokens, "ACCESS_SECONDS", verifier.LONGEST_LIFE_SECONDS)
    made = World(people, run_jobs, tmp_path)
    await made.build()
    return made


def reached(document, outcomes):
    """The operations that have done what they are for, at least once for somebody; and the others."""
    every = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
        if method != "parameters"
    }
    done = {
        place.rpartition(" ")[0]
        for outcome in outcomes
        for place in outcome.answered
        if place.rpartition(" ")[2].startswith("2")
    }
    return every & done, every - done


async def test_a_few_random_requests_of_each_role(served, world, tmp_path, app):
    examples = {"anonymous": 1, "student": 1, "trainer": 1, "admin": 4}
    outcomes = [
        fuzz(served.url, world.told(), tmp_path, role=role, token=world.token(role), examples=examples[role])
        for role in ROLES
    ]
    for outcome in outcomes:
        assert outcome.status == 0, outcome.said
    done, missed = reached(app.openapi(), outcomes)
    assert len(done) >= 0.75 * len(done | missed), sorted(missed)
    assert sum(outcomes[0].answered.values()) > 50
    # Whoever shows no token gets in nowhere but where a signed address leads.
    done, _ = reached(app.openapi(), outcomes[:1])
    assert {place for place in done if "/api/" in place} <= {"GET /api/v1/media/{media_id}"}


PHASES = "examples,coverage,fuzzing,stateful"
# Administrators do everything but learn; and here nobody's account is at another server, to be adopted.
LEARNING = "PUT /api/v1/progress/sections/{section_id}"
ADOPTING = "POST /api/v1/users/{user_id}/adopt-account"


@pytest.mark.long
@pytest.mark.parametrize("role", ROLES)
async def test_a_campaign(role, served, world, tmp_path, app):
    examples = 40 if role == "admin" else 15
    outcome = fuzz(
        served.url,
        world.told(),
        tmp_path,
        role=role,
        token=world.token(role),
        phases=PHASES,
        examples=examples,
    )
    assert outcome.status == 0, outcome.said
    refused = sum(times for place, times in outcome.answered.items() if place.endswith(" 401"))
    assert role == "anonymous" or refused < 0.1 * sum(outcome.answered.values())
    done, missed = reached(app.openapi(), [outcome])
    if role == "student":
        assert LEARNING in done
    if role == "admin":
        tried = [f"{place}: {times}" for place, times in sorted(outcome.answered.items())]
        assert missed <= {LEARNING, ADOPTING}, "\n".join([*sorted(missed), *tried])


FAULTS = {
    "POST /api/v1/planted/crash": "Server error",
    "POST /api/v1/planted/nul": "Server error",
    "POST /api/v1/planted/picky": "refused although it fits the document",
    "GET /api/v1/planted/shape": "Response violates schema",
    "GET /api/v1/planted/status": "Undocumented status code",
    "GET /api/v1/planted/form": "Undocumented Content-Type",
    "GET /api/v1/planted/open": "API accepts requests without authentication",
}


@pytest.fixture
def planted(database, tmp_path):
    running = Served(database, tmp_path / "planted.txt", ("-m", "tests.fuzz.planted"))
    try:
        yield running.ready()
    finally:
        running.stop()


async def test_planted_faults_are_found(planted, people, tmp_path):
    admin = await people.admin()
    nothing = {"pools": {}, "orders": {}, "signature": "", "document": ""}
    outcome = fuzz(
        planted.url,
        nothing,
        tmp_path,
        role="admin",
        token=admin.token,
        phases="coverage,fuzzing",
        examples=20,
        more=("--include-path-regex", "planted"),
    )
    assert outcome.status == 1
    # Each operation with failures has a headline, and below it each failure a line.
    parts = re.split(r"^_+ (.+) _+$", outcome.said, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert found.keys() == FAULTS.keys(), outcome.said
    for place, failure in FAULTS.items():
        assert failure in found[place], outcome.said
