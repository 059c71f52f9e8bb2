"""A Keycloak that takes thirty seconds does not slow down what has nothing to do with it; the circuit opens and closes."""

import asyncio
import contextlib
import statistics
import time

import httpx2
import pytest

from tests.crash.accounts import InKeycloak
from tests.crash.installation import Installation, fresh
from tests.keycloak.proxy import Way

pytestmark = [pytest.mark.keycloak, pytest.mark.processes, pytest.mark.long]

ROUNDS = 6
SECONDS = 10
AT_ONCE = 4
A_SECOND = 60
"""Requests a second: far below what the machine can do, since waiting is what is measured, not work."""
ENROLMENTS_A_SECOND = 2
BOUND = 1.5
SLOW = 30.0


@pytest.fixture(scope="module")
def installation(tmp_path_factory, keycloak):
    made = Installation(tmp_path_factory.mktemp("slow") / "home", InKeycloak(keycloak, Way(keycloak.url)))
    try:
        made.serve()
        yield made
    finally:
        made.close()


async def unrelated(client, path, seconds):
    """Ask for a page of students at an even pace; the seconds that each answer took."""
    taken = []
    turn = asyncio.Semaphore(AT_ONCE)
    ends = time.monotonic() + seconds

    async def ask():
        async with turn:
            began = time.perf_counter()
            answer = await client.get(path)
            taken.append(time.perf_counter() - began)
            assert answer.status_code == 200, answer.text

    async with asyncio.TaskGroup() as asking:
        while time.monotonic() < ends:
            asking.create_task(ask())
            await asyncio.sleep(1 / A_SECOND)
    return taken


async def enrolments(client, answers):
    """People are enrolled meanwhile, who have to wait for Keycloak."""

    async def enrol():
        body = {"firstName": "Ada", "lastName": "Example", "email": f"{fresh('slow')}@example.org"}
        began = time.perf_counter()
        answer = await client.post("/api/v1/students/enroll", json=body)
        answers.append((answer.status_code, time.perf_counter() - began))

    async with asyncio.TaskGroup() as enrolling:
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                enrolling.create_task(enrol())
                await asyncio.sleep(1 / ENROLMENTS_A_SECOND)


def p95(taken):
    return statistics.quantiles(taken, n=20)[-1]


async def test_what_has_nothing_to_do_with_keycloak_stays_fast(installation):
    way = installation.accounts.way
    headers = {"Authorization": f"Bearer {installation.token()}"}
    path = "/api/v1/students?limit=50"
    answers, calm, slow = [], [], []
    async with httpx2.AsyncClient(base_url=installation.public_url, headers=headers, timeout=60) as client:
        await unrelated(client, path, 5)
        for _ in range(ROUNDS):
            calm.append(p95(await unrelated(client, path, SECONDS)))
            way.go_wrong("slow", times=None, seconds=SLOW)
            background = asyncio.create_task(enrolments(client, answers))
            slow.append(p95(await unrelated(client, path, SECONDS)))
            background.cancel()
            await asyncio.gather(background, return_exceptions=True)
            way.heal()
    ratio = statistics.median(slow) / statistics.median(calm)
    print(
        f"\np95 of unrelated requests: calm {statistics.median(calm) * 1000:.1f} ms, "
        f"beside a Keycloak that takes {SLOW:.0f} s {statistics.median(slow) * 1000:.1f} ms: ratio {ratio:.2f} "
        f"(rounds: {', '.join(f'{b / a:.2f}' for a, b in zip(calm, slow, strict=True))}); "
        f"{len(answers)} enrolments meanwhile, longest {max(taken for _, taken in answers):.1f} s"
    )
    assert {status for status, _ in answers} <= {200, 202}
    assert any(status == 202 for status, _ in answers)
    assert ratio < BOUND
    said = installation.api.said
    assert "is left alone for a while" in said
    # Healed: the circuit closes by itself, and everybody who waits gets an account.
    installation.settle(patience=300)
    assert installation.value("SELECT count(*) FROM users WHERE status <> 'active'") == 0
    done = installation.done(
        "POST", "/students/enroll", json={"firstName": "A", "lastName": "B", "email": "last@example.org"}
    )
    assert done["status"] == "active"
    assert "answers again" in installation.api.said
    installation.examine()
