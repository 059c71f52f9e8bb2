"""Every route has a line that says whom it admits; a route without one is denied."""

import httpx2
from fastapi import APIRouter

from tms import app as assembly


def _served(app):
    """Every method and path that the application answers, however its routers are nested."""
    for route in app.routes:
        found = route.effective_route_contexts() if hasattr(route, "effective_route_contexts") else [route]
        for context in found:
            for method in context.methods - {"HEAD"}:
                yield method, context.path


def test_every_route_has_a_line_and_every_line_a_route():
    served = set(_served(assembly.create_app()))
    lines = {(line.method, line.path) for line in assembly.POLICY.lines}
    assert served - lines == set()
    assert lines - served == set()
    assert ("POST", "/api/v1/students/enroll") in served


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
