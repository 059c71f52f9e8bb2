"""A route that is called directly answers exactly as through the framework, whatever is sent."""

import json

import httpx2
import pytest
from tests.progress.learning import make_course

from tms.app import create_app

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
DONE = json.dumps({"completed": True, "timeSpentSeconds": 5})
NOBODY = "0192f0c1-2345-7abc-8def-0123456789ab"
# The body and what it says of its kind.
BODIES = [
    (DONE, JSON),
    (DONE, "application/json; charset=utf-8"),
    (DONE, "Application/JSON"),
    (DONE, "application/merge-patch+json"),
    (DONE, "text/plain"),
    (DONE, FORM),
    (DONE, None),
    ("", JSON),
    ("", None),
    ("null", JSON),
    ("[]", JSON),
    ("{}", JSON),
    ("{", JSON),
    ('{"completed": "yes"}', JSON),
    ('{"completed": 1}', JSON),
    ('{"done": true}', JSON),
    ('{"time_spent_seconds": 5}', JSON),
    ('{"completed": true, "completed": false}', JSON),
    ('{"timeSpentSeconds": NaN}', JSON),
    ('{"timeSpentSeconds": -1}', JSON),
    ('{"timeSpentSeconds": 1e3}', JSON),
    ('{"timeSpentSeconds": "\\ud800"}', JSON),
    ("[" * 5000, JSON),
]
IDS = [
    "nonsense",
    NOBODY,
    NOBODY.upper(),
    NOBODY.replace("-", ""),
    f"{{{NOBODY}}}",
    f"{NOBODY}%0A",
    "%00",
    "é",
]


def _plain(answer):
    body = answer.json()
    body.pop("requestId", None)
    headers = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "date"}}
    return answer.status_code, body, headers


@pytest.fixture(scope="module")
def undirected():
    """The application, calling no route directly."""
    made = create_app()
    dispatch = made.router.middleware_stack
    assert any(door.is_direct for door in dispatch.doors.values())
    for place, door in dispatch.doors.items():
        dispatch.doors[place] = door._replace(enter=door.route.app)
    return made


@pytest.fixture
async def both(database, app, undirected):
    """`await both(person, ...)` sends a request to the application as it is, and to one that calls no route directly."""

    async def send(person, method, path, **options):
        answers = []
        for asked in (app, undirected):
            transport = httpx2.ASGITransport(app=asked)
            async with httpx2.AsyncClient(transport=transport, base_url="http://tms.test") as client:
                headers = {"Authorization": f"Bearer {person.token}", **options.get("headers", {})}
                answers.append(_plain(await client.request(method, path, **{**options, "headers": headers})))
        return answers

    return send


async def test_bodies_of_every_kind(people, both):
    admin, student = await people.admin(), await people.student()
    course = await make_course("self", "self", by=admin, learners=[student])
    path = f"/api/v1/progress/sections/{course.sections[0]}"
    # From here on nothing changes any more, so that both see the same.
    await student.put(f"/progress/sections/{course.sections[0]}", json.loads(DONE))
    statuses = set()
    for body, kind in BODIES:
        headers = {} if kind is None else {"Content-Type": kind}
        direct, framework = await both(student, "PUT", path, content=body.encode(), headers=headers)
        assert direct == framework, (body[:50], kind)
        statuses.add(direct[0])
    assert statuses == {200, 422}


async def test_ids_of_every_spelling(people, both):
    admin, student = await people.admin(), await people.student()
    statuses = set()
    for who in (admin, student):
        for name in (*IDS, str(student.id), str(student.id).upper()):
            for path in (f"/api/v1/students/{name}", f"/api/v1/students/{name}/courses"):
                direct, framework = await both(who, "GET", path)
                assert direct == framework, path
                statuses.add(direct[0])
    assert statuses == {200, 400, 404}


async def test_what_is_refused_leaves_no_transaction_behind(people, both):
    admin, student = await people.admin(), await people.student()
    course = await make_course("test", by=admin, learners=[student])
    path = f"/api/v1/progress/sections/{course.sections[0]}"
    direct, framework = await both(
        student, "PUT", path, content=DONE.encode(), headers={"Content-Type": JSON}
    )
    assert direct == framework
    assert direct[0] == 409
    (mine,) = (await student.get("/progress"))["data"]
    assert mine["timeSpentSeconds"] == 0
