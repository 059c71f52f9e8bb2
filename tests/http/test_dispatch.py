"""The look-up of a route by its policy line comes to the framework's own decision, for every route and odd spelling."""

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Match

from tms.app import POLICY
from tms.http.dispatch import Dispatch
from tms.http.policy import API

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
ID = "0192f0c1-2345-7abc-8def-0123456789ab"
# What may stand in the place of a parameter: ids, nonsense, and words that other paths have there.
VALUES = (
    ID,
    "nonsense",
    "a b",
    ".",
    "..",
    "é",
    "a\nb",
    "enroll",
    "order",
    "audit.csv",
    "sections",
    "courses",
)
# What is asked all the time, and what a newcomer would expect beside it.
HOT = {
    ("GET", f"{API}/students/{{student_id}}/courses"),
    ("GET", f"{API}/students/{{student_id}}"),
    ("PUT", f"{API}/progress/sections/{{section_id}}"),
}


@pytest.fixture(scope="module")
def dispatch(app):
    return app.router.middleware_stack


@pytest.fixture(scope="module")
def routes(app):
    return list(iter_route_contexts(app.routes))


def _paths(route):
    for value in VALUES:
        path = route.path_format
        while "{" in path:
            head, _, rest = path.partition("{")
            path = head + value + rest.partition("}")[2]
        yield from (path, path + "/", path + "//", path.replace("/", "//", 1), path.upper(), path + "/more")


def _by_framework(routes, method, path):
    """The endpoint and parameters of the first route that fits wholly, as the framework tries them."""
    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    for route in routes:
        match, found = route.matches(scope)
        if match is Match.FULL:
            return found["endpoint"], found["path_params"]
    return None


def _by_line(dispatch, method, path):
    found = POLICY.locate(method, path)
    door = None if found is None else dispatch.door(method, found[0])
    return None if door is None else (door.route.endpoint, found[1])


def differing(dispatch, routes):
    """The requests that would come to another route than the framework's own, and how many were compared."""
    wrong, compared = [], 0
    for path in sorted({path for route in routes for path in _paths(route)}):
        for method in METHODS:
            ours = _by_line(dispatch, method, path)
            # Without a door the framework decides, or the gate has refused already.
            if ours is not None:
                compared += 1
                if ours != _by_framework(routes, method, path):
                    wrong.append((method, path))
    return wrong, compared


def test_every_route_has_its_own_door(dispatch, routes):
    for route in routes:
        for method in route.methods:
            line = POLICY.find(method, route.path_format)
            assert dispatch.door(method, line).route.endpoint is route.endpoint


def test_each_request_comes_to_the_route_that_the_framework_would_take(dispatch, routes):
    wrong, compared = differing(dispatch, routes)
    assert wrong == []
    assert compared > 500


def test_a_door_that_leads_elsewhere_is_found(app, routes):
    planted = Dispatch(app)
    planted.doors["GET", "/health"] = planted.doors["GET", "/ready"]
    assert differing(planted, routes)[0] == [("GET", "/health")]


def test_the_hot_routes_are_called_directly(dispatch):
    direct = {place for place, door in dispatch.doors.items() if door.is_direct}
    assert direct >= HOT
    # A POST may come with a key for repeating it; what takes more than the usual goes the long way.
    assert ("POST", f"{API}/courses") not in direct
    assert ("GET", f"{API}/students") not in direct


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"{API}/students/{ID}/courses", 405),
        ("GET", f"{API}/students/{ID}/courses/", 404),
        ("GET", f"{API}//students", 404),
        ("TRACE", "/health", 405),
        ("GET", "/health/", 404),
        ("GET", f"{API}/students/{ID}/courses", 401),
        ("HEAD", f"{API}/students/{ID}/courses", 401),
    ],
)
async def test_odd_spellings_get_the_answer_they_always_got(client, method, path, status):
    assert (await client.request(method, path)).status_code == status
