"""What holds for all pages: their door, their frame, what they may load, errors that are pages too."""

import re

import httpx2
import pytest
from fastapi.routing import APIRoute
from tests.web.conftest import PASSWORD

from tms import app as assembly
from tms.http import assets
from tms.web import learner, outline_form, rendering, routes, visitor

# These have a door of their own, with tests of their own.
ENTRANCES = {"/login", "/login/callback", "/login/back-channel-logout", "/logout"}


def dependencies(dependant):
    yield dependant.call
    for below in dependant.dependencies:
        yield from dependencies(below)


def is_guarded(route):
    """Whether a route asks who is there, and those that change something for the token of a form as well."""
    asked = set(dependencies(route.dependant))
    return visitor.signed_in in asked and (
        "GET" in route.methods or visitor._posting in asked or reads_its_own_form(route)
    )


def reads_its_own_form(route):
    """Whether a route that takes a file or a long form looks at its origin and token itself, as it comes in."""
    names = set(route.endpoint.__code__.co_names)
    return {"check_origin", "check_form"} <= names or {"outline_form", "fields"} <= names


def test_a_long_form_is_looked_at():
    assert "check_form" in outline_form.fields.__code__.co_names


def page_routes():
    return [route for router in routes.ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def test_every_page_asks_who_is_there():
    assert {route.path for route in page_routes() if not is_guarded(route)} == ENTRANCES
    assert len(page_routes()) > len(ENTRANCES)


def test_a_page_without_a_door_would_be_found():
    from fastapi import APIRouter  # noqa: PLC0415 - only for the planted case

    router = APIRouter()
    router.get("/open")(lambda: "secret")
    router.post("/change")(lambda found: found)
    assert [is_guarded(route) for route in router.routes] == [False, False]


def test_staff_pages_ask_for_staff():
    for route in page_routes():
        if route.path.startswith("/staff"):
            assert {visitor._staff, visitor._staff_posting, visitor._admin} & set(
                dependencies(route.dependant)
            ), route.path


async def test_pages_load_nothing_from_elsewhere(student, browser):
    page = await browser.sign_in(student.email)
    policy = page.response.headers["content-security-policy"]
    assert policy == rendering.content_security_policy()
    assert "unsafe" not in policy
    assert page.response.headers["cache-control"] == "no-store"
    assert page.response.headers["x-frame-options"] == "DENY"
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script>", page.text)
    for element in page.document.iter("link", "script", "img"):
        address = element.get("href") or element.get("src")
        answer = await browser.http.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_assets_are_asked_for_again_only_when_they_change(client):
    answer = await client.get(assets.address("tms.css"))
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    again = await client.get("/static/tms.css", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"
    for unknown in ("tms.js", "..%2f__init__.py", "../assets.py", "%2e%2e%2fassets.py"):
        assert (await client.get(f"/static/{unknown}")).status_code == 404


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/my/nothing", 404), ("/static/x", 404)])
async def test_what_is_nowhere_is_a_page_for_browsers(browser, path, status):
    page = await browser.open(path, status=status)
    assert page.heading == "There is no such page"
    assert page.response.headers["x-request-id"]
    answer = await browser.http.get(path, headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_api_stays_the_api_whatever_is_accepted(browser):
    answer = await browser.http.get("/api/v1/courses")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_wrong_method_is_a_page(browser):
    page = await browser.open("/logout", status=405)
    assert page.response.headers["allow"] == "POST"


async def test_a_form_that_is_too_large_is_a_page(student, browser):
    page = await browser.sign_in(student.email)
    page = await browser.submit(page, page.form(action="/logout"), status=413, more="x" * visitor.FORM_BYTES)
    assert page.heading


async def test_a_crash_is_a_page_that_tells_nothing(student, browsers, monkeypatch):
    browser = browsers()
    await browser.sign_in(student.email)

    async def crash(*_):
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(learner.queries, "statistics", crash)
    transport = httpx2.ASGITransport(app=browser.http._transport.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(
        transport=transport, base_url=str(browser.http.base_url), cookies=browser.http.cookies
    ) as client:
        answer = await client.get("/my", headers={"Accept": "text/html"})
    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-frame-options"] == "DENY"
    assert "Something went wrong on our side" in answer.text
    assert "Sami Student" in answer.text
    assert "secret" not in answer.text
    assert PASSWORD not in answer.text


def test_pages_are_served_by_the_assembled_application():
    lines = {(line.method, line.path) for line in assembly.POLICY.lines}
    for route in page_routes():
        assert {(method, route.path) for method in route.methods} <= lines
