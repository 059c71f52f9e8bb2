"""What a story leaves in the logs of API and worker: nothing of the people in it, and every line an object.

Nor do passwords and tokens lie in any table.
"""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys

import httpx2
import psycopg
import pytest
from psycopg import sql
from tests.content.documents import DATA
from tests.notifications.postboxes import Letterbox, Server, free_port

pytestmark = pytest.mark.processes

FIRST, LAST = "Zyxwanda", "Quibblethorpe"
EMAIL = "canary.zyx@example.org"
PHONE = "+49 30 998877665"
PASSWORD = "canary password of an administrator 7731"
PATIENCE = 60
TOKEN = "/realms/tms/protocol/openid-connect/token"


def leaks(log, canaries):
    """What should not be in a log; a planted case below must be caught."""
    found = {name for name, canary in canaries.items() if canary and canary.casefold() in log.casefold()}
    found |= {"a token"} if re.search(r"eyJ[\w-]{5,}", log) else set()
    found |= {"an address"} if re.search(r"[\w.+-]+(@|%40)[\w-]+\.[\w.-]+", log) else set()
    for line in log.splitlines():
        try:
            whole = isinstance(json.loads(line), dict)
        except ValueError:
            whole = False
        found |= set() if whole else {f"no object: {line[:80]}"}
    return found


class Part:
    """`tms serve` or `tms worker`, writing to a file."""

    def __init__(self, folder, words, **environment):
        self.path = folder / f"{words[0]}.log"
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SECRET_KEY") if name in os.environ
        }
        with self.path.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tms.cli", *words, "--supervised"],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                cwd=folder,
                env={**kept, **environment},
            )

    def end(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        return self.path.read_text()


@pytest.fixture
def smtp():
    """A mail server that refuses everybody, and tells whom."""
    box, port = Letterbox(), free_port()
    box.refuse_with = f"550 <{EMAIL}>: no mailbox of {FIRST} {LAST} here"
    server = Server(box, port)
    server.start()
    yield f"smtp://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
async def running(database, tmp_path, smtp):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "DATABASE_URL": database,
        "TMS_HOME": str(tmp_path / "home"),
        "TMS_PORT": str(port),
        "TMS_PUBLIC_URL": url,
        "SMTP_URL": smtp,
    }
    parts = [Part(tmp_path, ["serve"], **settings), Part(tmp_path, ["worker"], **settings)]
    async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
        await eventually(lambda: answers(client), parts[0].path.read_text)
        yield client, parts
    for part in parts:
        if part.process.poll() is None:
            part.process.kill()
            part.process.wait()
        part.process.stdin.close()


async def answers(client):
    with contextlib.suppress(httpx2.HTTPError):
        return (await client.get("/ready")).status_code == 200


async def eventually(what, story):
    for _ in range(PATIENCE * 5):
        if await what():
            return
        await asyncio.sleep(0.2)
    raise AssertionError(story())


async def signed_in(client, email, password):
    form = {"grant_type": "password", "client_id": "tms-cli", "username": email, "password": password}
    answer = await client.post(TOKEN, data=form)
    return answer.json() if answer.status_code == 200 else None


async def without(database, table, action):
    """Do something while a table is missing: the errors that nobody has foreseen."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        try:
            return await action()
        finally:
            await connection.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


async def tell(client, admin, database):
    """Enrol, sign in, fail to, reset, upload, crash; returns what must stay secret."""
    tokens = await signed_in(client, admin.email, PASSWORD)
    canaries = {"access token": tokens["access_token"], "refresh token": tokens["refresh_token"]}
    client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    api = "/api/v1"
    person = {"firstName": FIRST, "lastName": LAST, "email": EMAIL, "phone": PHONE}
    once = {"Idempotency-Key": "enrol-once"}
    enrolled = (await client.post(f"{api}/students/enroll", json=person, headers=once)).json()["data"]
    canaries["temporary password"] = enrolled["temporaryPassword"]
    statuses = [(await client.post(f"{api}/students/enroll", json=person)).status_code]
    assert await signed_in(client, EMAIL, enrolled["temporaryPassword"]) is None
    assert await signed_in(client, EMAIL, "a canary guess 4242") is None
    canaries["guess"] = "a canary guess 4242"
    wrong = {"Authorization": f"Bearer {tokens['access_token'][:-4]}AAAA"}
    statuses.append((await client.get(f"{api}/me", headers=wrong)).status_code)
    statuses.append((await client.post(f"{api}/users", json={**person, "role": LAST})).status_code)
    once = {"Idempotency-Key": "reset-once"}
    reset = await client.post(f"{api}/users/{enrolled['userId']}/reset-password", headers=once)
    canaries["second password"] = reset.json()["data"]["temporaryPassword"]
    course = {
        "title": f"{FIRST} {LAST}",
        "category": "x",
        "templateType": "text-only",
        "difficulty": "beginner",
        "estimatedDuration": 1,
    }
    made = (await client.post(f"{api}/courses", json=course)).json()["data"]["id"]
    for content in ((DATA / "python-basics.docx").read_bytes(), b"PK\x03\x04 broken"):
        files = {"file": (f"{LAST}.docx", content)}
        statuses.append((await client.post(f"{api}/courses/{made}/upload-content", files=files)).status_code)
    statuses.append((await client.get(f"{api}/users", params={"search": EMAIL})).status_code)
    statuses.append((await client.get(f"/login/callback?code={LAST}&state={EMAIL}")).status_code)
    statuses.append((await client.get(f'/%0d%0a{{"level":"INFO","message":"{LAST}"}}')).status_code)

    async def crash():
        body = {"name": LAST, "startDate": "2026-03-02", "endDate": "2026-06-26"}
        one = await client.post(f"{api}/batches", json=body)
        two = await client.get(f"{api}/batches", params={"search": EMAIL})
        return [one.status_code, two.status_code]

    assert await without(database, "batches", crash) == [500, 500]
    assert statuses[:2] == [409, 401]
    return canaries


async def kept(database):
    """Every row of every table as text, queue and stored answers included; bytes also as what they may spell."""
    found = []
    async with await psycopg.AsyncConnection.connect(database) as connection:
        tables = await connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in await tables.fetchall():
            rows = await connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table)))
            found += [row[0] for row in await rows.fetchall()]
    text = "\n".join(found)
    spelled = [bytes.fromhex(part).decode("latin-1") for part in re.findall(r"\\x((?:[0-9a-f]{2})+)", text)]
    return "\n".join([text, *spelled])


async def refused_mails(database):
    async with await psycopg.AsyncConnection.connect(database) as connection:
        counted = await connection.execute("SELECT count(*) FROM emails WHERE status = 'failed'")
        return (await counted.fetchone())[0] >= 2


async def test_a_story_leaves_nothing_of_its_people(running, people, database):
    client, parts = running
    admin = await people.admin(first_name=FIRST, last_name=LAST, password=PASSWORD)
    canaries = await tell(client, admin, database)
    await eventually(lambda: refused_mails(database), parts[1].path.read_text)
    api, worker = (part.end() for part in parts)
    known = {"first name": FIRST, "last name": LAST, "address": EMAIL, "phone": "998877665"}
    secrets = {
        **canaries,
        "password": PASSWORD,
        "own address": admin.email,
        "client's address": "127.0.0.1, ",
    }
    everything = await kept(database)
    assert EMAIL in everything
    assert {
        name for name, secret in {**canaries, "password": PASSWORD}.items() if secret in everything
    } == set()
    assert leaks(api, {**known, **secrets}) == set()
    assert leaks(worker, {**known, **secrets}) == set()
    crashes = [json.loads(line) for line in api.splitlines() if '"request failed"' in line]
    assert len(crashes) == 2
    assert all("SQLSTATE 42P01" in line["exc_info"] and line["requestId"] for line in crashes)
    assert "e-mail refused" in worker or "e-mail given up" in worker


async def test_the_detector_reads_every_table(database):
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await connection.execute("INSERT INTO audit_log (action, object_type) VALUES ('a.b', 'canary one')")
        await connection.execute(
            "INSERT INTO idempotency_keys (caller_id, key, fingerprint, body) "
            "VALUES (gen_random_uuid(), 'k', '', 'canary two')"
        )
    everything = await kept(database)
    assert "canary one" in everything
    assert "canary two" in everything


def test_the_detector_finds_what_leaks():
    line = json.dumps({"message": f"mail to {EMAIL} of {LAST.lower()} with eyJhbGciOiJub25lIn0"})
    found = leaks(f"{line}\nplain text\n[1]\n", {"last name": LAST, "first name": FIRST, "phone": None})
    assert found == {"last name", "a token", "an address", "no object: plain text", "no object: [1]"}
