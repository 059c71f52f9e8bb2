"""Every answer, of every route and with every status, tells browsers what they may not do with it."""

import re

import httpx2
import pytest
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from tms import app as assembly
from tms.http import headers, policy

NOBODY = "0192f0c1-2345-7abc-8def-0123456789ab"
# The API's viewer sets styles from script; everywhere else nothing that is inline is allowed.
INLINE_STYLES = {"/docs"}
# The same for everybody: the pages' files, and what programs must know before they can sign anybody in.
PUBLIC = (
    "/static/",
    "/docs/",
    "/realms/tms/.well-known/openid-configuration",
    "/realms/tms/protocol/openid-connect/certs",
)
FIXED = {"realm": "tms", "asset": "tms.css"}


def address(path):
    return re.sub(r"\{([^}]+)\}", lambda found: FIXED.get(found[1], NOBODY), path)


def flaws(answer):
    """What an answer lacks; this is the detector, and a planted case below must be caught by it."""
    found = answer.headers
    path = answer.request.url.path
    wanted = {name: value for name, value in headers.ALWAYS.items() if name != "Cross-Origin-Resource-Policy"}
    yield from (name for name, value in wanted.items() if found.get(name) != value)
    if found.get("cross-origin-resource-policy") not in {"same-origin", "same-site", "cross-origin"}:
        yield "Cross-Origin-Resource-Policy"
    policies = found.get("content-security-policy", "")
    if "default-src 'none'" not in policies or "frame-ancestors 'none'" not in policies:
        yield "Content-Security-Policy"
    if "unsafe" in policies and path not in INLINE_STYLES:
        yield "Content-Security-Policy is unsafe"
    kept = found.get("cache-control", "")
    public = path.startswith(PUBLIC) and answer.status_code in {200, 304}
    if not public and "no-store" not in kept and not kept.startswith(("private", "no-cache")):
        yield "Cache-Control"
    if "authorization" in answer.request.headers and "public" in kept:
        yield "Cache-Control is public behind a token"
    if not re.fullmatch(r"[0-9a-f]{32}", found.get("x-request-id", "")):
        yield "X-Request-Id"
    if "server" in found or "x-powered-by" in found:
        yield "tells what it runs on"


def lacking(answer):
    return sorted(flaws(answer))


@pytest.mark.parametrize(
    "line", assembly.POLICY.lines, ids=lambda line: f"{line.method} {line.path}" if line else None
)
async def test_every_route_for_anybody(client, line):
    answer = await client.request(line.method, address(line.path))
    assert lacking(answer) == []


async def test_every_route_for_an_administrator(people):
    admin = await people.admin()
    for line in assembly.POLICY.lines:
        if line.method != "GET" or not line.path.startswith(policy.API):
            continue
        answer = await admin.http.get(address(line.path))
        assert lacking(answer) == [], f"{line.path}: {answer.status_code}"


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/static/tms.css", 200),
        ("HEAD", "/health", 200),
        ("PUT", "/health", 405),
        ("DELETE", "/api/v1/courses", 405),
        ("OPTIONS", "/api/v1/courses", 405),
        ("TRACE", "/", 405),
        ("GET", "/api/v1/courses", 401),
        ("GET", "/my", None),
        ("GET", "/login", None),
        ("GET", "/realms/tms/account", None),
        ("GET", "/realms/other/account", 404),
        ("GET", "/ready", 200),
        ("GET", "/metrics", 200),
    ],
)
async def test_every_kind_of_answer(client, method, path, status, accept):
    answer = await client.request(method, path, headers={"Accept": accept})
    assert status in {None, answer.status_code}
    assert lacking(answer) == []


async def test_what_the_gate_refuses(client, people):
    student = await people.student()
    own = {"Authorization": f"Bearer {student.token}"}
    for status, answer in [
        (403, await client.get("/api/v1/users", headers=own)),
        (401, await client.get("/api/v1/users", headers={"Authorization": "Bearer nonsense"})),
        (413, await client.post("/realms/tms/protocol/openid-connect/token", content=b"x" * 20_000)),
        (421, await client.get("/api/v1/users", headers={"Host": "evil.example"})),
    ]:
        assert answer.status_code == status
        assert lacking(answer) == []


@pytest.fixture
async def planted(people, monkeypatch):
    """The application with a route that crashes, one that crashes half way, and one that takes a header away."""
    router = APIRouter()

    @router.get("/crash")
    async def crash() -> None:
        raise RuntimeError("a secret of the inside")

    @router.get("/half")
    async def half() -> StreamingResponse:
        async def parts():
            yield "one"
            raise RuntimeError("half way")

        return StreamingResponse(parts())

    @router.get("/bare")
    async def bare() -> StreamingResponse:
        loose = {"Content-Security-Policy": "default-src *", "Cache-Control": "public", "X-Frame-Options": ""}
        return StreamingResponse(iter(["bare"]), headers=loose)

    lines = [policy.line("GET", f"/{name}", policy.ADMIN, "planted") for name in ("crash", "half", "bare")]
    monkeypatch.setattr(assembly, "API_ROUTERS", [*assembly.API_ROUTERS, router])
    monkeypatch.setattr(assembly, "POLICY", policy.Table([*assembly.POLICY.lines, *lines]))
    admin = await people.admin()
    transport = httpx2.ASGITransport(app=assembly.create_app(), raise_app_exceptions=True)
    async with httpx2.AsyncClient(
        transport=transport,
        base_url="http://tms.test/api/v1",
        headers={"Authorization": f"Bearer {admin.token}"},
    ) as client:
        yield client


async def test_a_crash_is_an_answer_like_every_other(planted, caplog):
    answer = await planted.get("/crash")
    assert answer.status_code == 500
    assert lacking(answer) == []
    assert answer.json()["code"] == "internal_error"
    assert answer.headers["x-request-id"] in answer.json()["detail"]
    assert "secret" not in answer.text
    assert [record.message for record in caplog.records].count("request failed") == 1


async def test_an_answer_that_breaks_off_does_not_look_whole(planted):
    with pytest.raises(RuntimeError, match="half way"):
        await planted.get("/half")


async def test_the_detector_finds_what_lacks(planted):
    assert lacking(await planted.get("/bare")) == [
        "Cache-Control",
        "Cache-Control is public behind a token",
        "Content-Security-Policy",
        "X-Frame-Options",
    ]


async def test_only_https_is_made_to_stay_so(client, configure):
    assert "strict-transport-security" not in (await client.get("/health")).headers
    configure(TMS_PUBLIC_URL="https://tms.test")
    for path in ("/health", "/nothing", "/static/tms.css"):
        found = (await client.get(path)).headers
        assert found["strict-transport-security"] == "max-age=31536000"
