"""No request writes a field that is not meant for it: what a body does not list is refused, and nothing is changed."""

from functools import cache

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, Field
from tests.access.doors import DOORS
from tests.access.ground import COUNTERS
from tests.access.relations import ADMIN, SELF

from tms.app import POLICY, create_app
from tms.platform import db

BAIT = {
    "role": "admin",
    "isAdmin": True,
    "status": "active",
    "id": "0192f0c1-2345-7abc-8def-0123456789ab",
    "studentId": "STU999",
    "studentCode": "STU999",
    "createdBy": "0192f0c1-2345-7abc-8def-0123456789ab",
    "userId": "0192f0c1-2345-7abc-8def-0123456789ab",
    "keycloakId": "0192f0c1-2345-7abc-8def-0123456789ab",
    "accountId": "0192f0c1-2345-7abc-8def-0123456789ab",
    "passwordHash": "x",
    "emailVerified": True,
    "version": 99,
    "score": 100,
    "passed": True,
    "progress": 100,
    "completedAt": "2020-01-01T00:00:00Z",
    "publishedAt": "2020-01-01T00:00:00Z",
    "seatsTaken": 0,
    "tenantId": 1,
    "__proto__": {"role": "admin"},
    "constructor": {"prototype": {"role": "admin"}},
}
WRITES = [
    (line.method, line.path)
    for line in POLICY.lines
    if (line.method, line.path) in DOORS and DOORS[line.method, line.path].body
]


@cache
def _description():
    return create_app().openapi()


def _known(method, path):
    """The fields that the route's body lists, by the API's own description."""
    document = _description()
    content = document["paths"][path][method.lower()]["requestBody"]["content"]
    schema = content["application/json"]["schema"]
    options = [schema, *schema.get("anyOf", [])]
    names = [one["$ref"].rpartition("/")[2] for one in options if "$ref" in one]
    return set().union(*(document["components"]["schemas"][name]["properties"] for name in names))


def _columns():
    """Every column of every table, in the wire's spelling and in the database's."""
    names = {column.name for table in db.Base.metadata.tables.values() for column in table.columns}
    return names | {_camel(name) for name in names}


def _camel(name):
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def refuses(answer, names):
    """Whether an answer says of exactly these fields that they are not taken."""
    if answer.status_code != 422:
        return False
    return {fault["field"] for fault in answer.json()["errors"]} == names


class Lax(BaseModel):
    """A body that takes no notice of what it does not list."""

    first_name: str = Field(alias="firstName")


async def test_a_body_that_ignores_fields_is_noticed():
    app = FastAPI()

    @app.patch("/me")
    async def change(body: Lax) -> Lax:
        return body

    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://tms.test") as client:
        answer = await client.patch("/me", json={"firstName": "Made", "role": "admin"})
    assert answer.is_success
    assert not refuses(answer, {"role"})


def test_every_route_with_a_body_is_tried():
    document = _description()
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    # A password is reset without a body, or with one that lengthens its time.
    optional = {("POST", "/api/v1/users/{user_id}/reset-password")}
    assert described - optional == set(WRITES)


@pytest.mark.parametrize("route", WRITES, ids=" ".join)
async def test_a_field_that_is_not_listed_is_refused(world, ground, route):
    method, path = route
    door = DOORS[route]
    address, options = door.request(world, path, door.things()[0])
    body = options["json"]
    known = _known(method, path)
    for name, value in BAIT.items():
        if name in known:
            continue
        answer = await world.send(ADMIN, method, address, json=body | {name: value})
        assert refuses(answer, {name}), name
    assert await ground.put_back() <= COUNTERS
    # And the same body without it is taken; learning is for those who have the course.
    taker = SELF if path.startswith("/api/v1/progress/") else ADMIN
    assert (await world.send(taker, method, address, json=body)).is_success
    await ground.put_back()


@pytest.mark.parametrize("route", WRITES, ids=" ".join)
async def test_no_column_is_written_by_its_name(world, ground, route):
    method, path = route
    door = DOORS[route]
    address, options = door.request(world, path, door.things()[0])
    # The database's spelling of a field that is listed is that field.
    listed = _known(method, path)
    extra = sorted(name for name in _columns() if _camel(name) not in listed)
    assert len(extra) > 100
    for start in range(0, len(extra), 40):
        wanted = dict.fromkeys(extra[start : start + 40], "x")
        answer = await world.send(ADMIN, method, address, json=options["json"] | wanted)
        assert refuses(answer, wanted.keys())
    assert await ground.put_back() <= COUNTERS


async def test_oneself_cannot_be_promoted(world, ground):
    for subject in ("student self", "trainer of it"):
        for field in ({"role": "admin"}, {"status": "active"}, {"email": "new@example.org"}):
            answer = await world.send(subject, "PATCH", "/api/v1/me", json={"firstName": "New"} | field)
            assert answer.status_code == 422
    assert await ground.put_back() <= COUNTERS
