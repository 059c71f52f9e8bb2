"""Scripts of one other site may read answers: the front end's, by its exact origin; and which hosts we answer to."""

import pytest

FRONTEND = "https://learn.example.org"
WRONG = [
    "https://evil.example",
    "null",
    "",
    "*",
    "http://learn.example.org",
    "https://learn.example.org.evil.example",
    "https://evil-learn.example.org",
    "https://sub.learn.example.org",
    "https://example.org",
    "https://learn.example.org:444",
    "https://learn.example.org/",
    "https://LEARN.example.org",
    "https://learn.example.org, https://evil.example",
    "https://user@learn.example.org",
]
ASKING = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
def frontend(configure):
    configure(FRONTEND_URL=f"{FRONTEND}/app/")
    return FRONTEND


def granted(answer):
    return {name for name in answer.headers if name.startswith("access-control-")}


@pytest.mark.parametrize("path", ["/api/v1/courses", "/realms/tms/protocol/openid-connect/certs"])
async def test_the_front_end_may_read(client, frontend, path):
    answer = await client.get(path, headers={"Origin": frontend})
    assert answer.headers["access-control-allow-origin"] == frontend
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    assert "Origin" in answer.headers["vary"]


async def test_the_front_end_may_read_errors_too(client, frontend, people):
    student = await people.student()
    for status, headers in [(401, {}), (403, {"Authorization": f"Bearer {student.token}"})]:
        answer = await client.get("/api/v1/users", headers={"Origin": frontend, **headers})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == frontend


@pytest.mark.parametrize("origin", WRONG)
async def test_nobody_else_may(client, frontend, origin):
    for answer in [
        await client.get("/api/v1/courses", headers={"Origin": origin}),
        await client.options("/api/v1/courses", headers={"Origin": origin, **ASKING}),
    ]:
        assert granted(answer) == set()
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "path", ["/", "/my", "/login", "/metrics", "/docs", "/realms/tms/login-actions/authenticate"]
)
async def test_pages_are_for_no_script_of_another_site(client, frontend, path):
    assert granted(await client.get(path, headers={"Origin": frontend})) == set()


async def test_leave_is_given_without_a_token(client, frontend):
    path = "/api/v1/batches/0192f0c1-2345-7abc-8def-0123456789ab"
    answer = await client.options(
        path, headers={"Origin": frontend, **ASKING, "Access-Control-Request-Method": "PATCH"}
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == frontend
    assert answer.headers["access-control-allow-methods"] == "GET, PATCH, DELETE"
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert "Idempotency-Key" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/api/v1/courses", "PUT", 405), ("/api/v1/nothing", "GET", 404), ("/api/v1/courses", "TRACE", 405)],
)
async def test_no_leave_for_what_is_not_there(client, frontend, path, method, status):
    answer = await client.options(path, headers={"Origin": frontend, "Access-Control-Request-Method": method})
    assert answer.status_code == status
    assert "access-control-allow-methods" not in answer.headers


@pytest.mark.parametrize("setting", [None, "http://tms.test/pages", "http://tms.test:80"])
async def test_without_a_front_end_elsewhere_nobody_may(client, configure, setting):
    configure(FRONTEND_URL=setting)
    for origin in ["http://tms.test", "https://evil.example", FRONTEND, "null"]:
        assert granted(await client.get("/api/v1/courses", headers={"Origin": origin})) == set()


async def test_a_scheme_s_own_port_is_left_out_as_browsers_do(client, configure):
    configure(FRONTEND_URL="https://Learn.Example.org:443")
    answer = await client.get("/api/v1/courses", headers={"Origin": FRONTEND})
    assert answer.headers["access-control-allow-origin"] == FRONTEND


class TestHost:
    @pytest.mark.parametrize(
        "host", ["tms.test", "TMS.test:8000", "tms.test.", "localhost", "127.0.0.1:8000", "[::1]:8000"]
    )
    async def test_our_names(self, client, host):
        assert (await client.get("/openapi.json", headers={"Host": host})).status_code == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "tms.test.evil.example",
            "eviltms.test",
            "tms.test@evil.example",
            "tms.test, evil.example",
            "",
            "[::2]",
            "10.0.0.1",
        ],
    )
    async def test_others(self, client, host):
        answer = await client.get("/openapi.json", headers={"Host": host})
        assert answer.status_code == 421
        assert answer.json()["code"] == "unknown_host"

    async def test_probes_ask_by_address(self, client):
        for path in ("/health", "/ready", "/metrics"):
            assert (await client.get(path, headers={"Host": "10.0.0.1:8000"})).status_code == 200

    async def test_in_production_this_machine_s_names_are_none(self, client, configure):
        configure(
            TMS_ENV="production",
            TMS_PUBLIC_URL="https://tms.example.org",
            SECRET_KEY="a secret of the tests that guards nothing at all",
            TMS_HOST="0.0.0.0",  # noqa: S104 - a setting that is read, nothing listens
        )
        for host, status in [("tms.example.org", 200), ("localhost", 421), ("0.0.0.0", 421)]:  # noqa: S104 - a name that is refused
            assert (await client.get("/openapi.json", headers={"Host": host})).status_code == status
