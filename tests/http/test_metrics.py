"""What the process tells of itself: well-formed, complete, and nothing of people."""

import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from tms import __version__
from tms.http import gate
from tms.platform import db, queue


async def read(client):
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {family.name: family for family in parse(answer.text)}, answer.text


def value(families, family, name=None, **labels):
    found = [
        sample.value
        for sample in families[family].samples
        if sample.name == (name or family) and labels.items() <= sample.labels.items()
    ]
    return sum(found)


async def test_requests_are_counted_by_route_and_status(client, people):
    admin = await people.admin()
    before, _ = await read(client)
    route = "/api/v1/users/{user_id}"
    await admin.get(f"/users/{admin.id}")
    await admin.get("/users/nonsense", status=400)
    await client.get(f"/api/v1/users/{admin.id}")
    after, text = await read(client)

    def grown(status):
        labels = {"method": "GET", "route": route, "status": status}
        return value(after, "tms_http_requests", "tms_http_requests_total", **labels) - value(
            before, "tms_http_requests", "tms_http_requests_total", **labels
        )

    assert [grown("200"), grown("400"), grown("401")] == [1, 1, 1]
    timed = [
        value(seen, "tms_http_request_seconds", "tms_http_request_seconds_count", route=route)
        for seen in (before, after)
    ]
    assert timed[1] - timed[0] == 3
    assert str(admin.id) not in text
    assert admin.email not in text


async def test_connections_jobs_and_version(client):
    async with db.transaction() as session:
        for _ in range(3):
            await queue.enqueue(session, "notifications.deliver", email_id="x")
        await session.connection()
        found, _ = await read(client)
    assert value(found, "tms_build_info", version=__version__) == 1
    assert value(found, "tms_db_up") == 1
    assert value(found, "tms_db_connections", pool="writer", state="used") >= 1
    assert value(found, "tms_db_connections", pool="writer", state="most") == db.POOL_SIZE
    found, _ = await read(client)
    assert value(found, "tms_jobs", state="todo") == 3
    assert value(found, "tms_jobs", state="failed") == 0
    await asyncio.sleep(0.05)
    found, _ = await read(client)
    assert 0 < value(found, "tms_jobs_oldest_due_seconds") < 600


async def test_without_the_database_the_rest_still_comes(client, database):
    await db.disconnect()
    try:
        db.connect("postgresql://nobody@127.0.0.1:9/nothing")
        found, _ = await read(client)
    finally:
        await db.disconnect()
        db.connect(database)
    assert value(found, "tms_db_up") == 0
    assert "tms_jobs" not in found
    assert "tms_http_requests" in found


@pytest.mark.parametrize("method", ["BREW", "<script>", "PROPFIND"])
async def test_nobody_makes_up_time_series(client, method):
    for number in range(3):
        await client.request(f"{method}{number}", f"/made-up/{number}")
    found, text = await read(client)
    assert method not in text
    assert "made-up" not in text
    assert value(found, "tms_http_requests", "tms_http_requests_total", method="other") >= 3
    assert {sample.labels.get("method") for sample in found["tms_http_requests"].samples} <= {
        None,
        "other",
        *gate.METHODS,
    }
