"""One address, one spelling, and only the documented methods: everything else is nobody's door."""

import asyncio
from urllib.parse import unquote

import pytest
from tests.access.doors import DOORS
from tests.access.ground import COUNTERS
from tests.access.relations import ADMIN

from tms.app import POLICY

METHODS = [
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "delete",
]
OVERRIDES = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"]
PATHS = sorted({path for _, path in DOORS})
SPELLINGS = {
    "a slash behind": lambda path: f"{path}/",
    "two slashes before": lambda path: f"/{path}",
    "two slashes within": lambda path: path.replace("/v1/", "/v1//"),
    "a dot": lambda path: path.replace("/v1/", "/v1/./"),
    "two dots, encoded": lambda path: path.replace("/v1/", "/v1/me/%2e%2e/"),
    "two dots": lambda path: path.replace("/v1/", "/v1/me/../"),
    "capitals": lambda path: path.upper(),
    "capitals of the prefix": lambda path: path.replace("/api/", "/API/"),
    "a parameter of the path": lambda path: f"{path};x=1",
    "a null behind": lambda path: f"{path}%00",
    "a line break behind": lambda path: f"{path}%0a",
    "a space behind": lambda path: f"{path}%20",
    "a slash behind, encoded": lambda path: f"{path}%2f",
    "an extension": lambda path: f"{path}.json",
    "a backslash": lambda path: path.replace("/v1/", "/v1%5c"),
}


class Answer:
    def __init__(self):
        self.status = 0
        self.headers = {}
        self.body = b""

    async def take(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")


async def _ask(world, method, raw, headers=()):
    """A request as a server hands it over: no client has put the address in order before."""
    path, _, query = raw.partition("?")
    answer = Answer()
    sent = {"authorization": f"Bearer {world.tokens[ADMIN]}", "host": "tms.test", **dict(headers)}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("tms.test", 80),
    }

    coming = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        # Whoever waits for more, waits for the caller to hang up, which is when everything has been said.
        return coming.pop() if coming else await asyncio.Event().wait()

    await world.app(scope, receive, answer.take)
    return answer


def _addresses(world):
    """For each path an address of something that is there, and the methods that are documented for it."""
    for path in PATHS:
        methods = {method for method, other in DOORS if other == path}
        door = DOORS[min(methods), path]
        methods |= {"HEAD"} if "GET" in methods else set()
        yield path, door.request(world, path, door.things()[0])[0].partition("?")[0], methods


@pytest.mark.parametrize("method", METHODS)
async def test_undocumented_methods_are_refused(world, ground, method):
    tried = 0
    for path, address, methods in _addresses(world):
        if method in methods:
            continue
        tried += 1
        answer = await _ask(world, method, address)
        line = POLICY.find(method, address)
        if line is not None and line.path != path:
            # The address of one route may be read as another's with an odd id: `/students/enroll`.
            assert answer.status == 400, path
            continue
        assert answer.status in {404, 405}, path
        if answer.status == 405:
            assert set(answer.headers["allow"].split(", ")) >= methods, path
    assert tried > 10
    assert await ground.put_back() <= COUNTERS


@pytest.mark.parametrize("header", OVERRIDES)
async def test_no_header_changes_the_method(world, ground, header):
    for _, address, methods in _addresses(world):
        for hidden in {"DELETE", "PUT", "PATCH"} & methods:
            if "GET" in methods:
                assert (await _ask(world, "GET", address, {header: hidden})).status == 200
            elif "POST" not in methods:
                assert (await _ask(world, "POST", address, {header: hidden})).status == 405
            assert (await _ask(world, "OPTIONS", address, {header: hidden})).status == 405
    assert await ground.put_back() <= COUNTERS | {"audit_log"}


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_other_spellings_of_an_address_are_nobodys(world, ground, spelling):
    for _, address, methods in _addresses(world):
        other = SPELLINGS[spelling](address)
        assert other != address
        for method in methods:
            answer = await _ask(world, method, other)
            # 400: an odd spelling of the id at the end. Never a redirect, never the thing itself.
            assert answer.status in {400, 404, 405}, (method, other)
    assert await ground.put_back() <= COUNTERS


async def test_the_right_spelling_is_somebodys(world):
    """Or the refusals above would prove nothing."""
    for _, address, methods in _addresses(world):
        if "GET" in methods:
            assert (await _ask(world, "GET", address)).status == 200
