"""Every route has a line that says whom it admits; a route without one is denied."""

import httpx2
from fastapi import APIRouter
from fastapi.routing import APIRoute

from tms import app as assembly
from tms.http import policy


def _routes(routes, prefix=""):
    for route in routes:
        if isinstance(route, APIRoute):
            for method in route.methods:
                yield method, prefix + route.path
        elif hasattr(route, "routes"):
            yield from _routes(route.routes, prefix + getattr(route, "path", ""))


def _served():
    for router in assembly.API_ROUTERS:
        yield from _routes(router.routes, policy.API)
    for router in assembly.ROOT_ROUTERS:
        yield from _routes(router.routes)
    yield "GET", "/openapi.json"


def test_every_route_has_a_line_and_every_line_a_route():
    served = set(_served())
    lines = {(line.method, line.path) for line in assembly.POLICY.lines}
    assert served - lines == set()
    assert lines - served == set()


def test_the_documented_routes_are_those_of_the_table():
    documented = {
        (method.upper(), path)
        for path, operations in assembly.create_app().openapi()["paths"].items()
        for method in operations
    }
    assert documented <= {(line.method, line.path) for line in assembly.POLICY.lines}


def test_every_line_says_what_is_seen():
    assert [line for line in assembly.POLICY.lines if not line.sees.strip()] == []


async def test_a_route_without_a_line_is_denied(people, monkeypatch):
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> str:
        return "secret"

    monkeypatch.setattr(assembly, "API_ROUTERS", [*assembly.API_ROUTERS, router])
    admin = await people.admin()
    app = assembly.create_app()
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://tms.test"
    ) as client:
        answer = await client.get("/api/v1/forgotten", headers={"Authorization": f"Bearer {admin.token}"})
    assert answer.status_code == 404
    assert "secret" not in answer.text
