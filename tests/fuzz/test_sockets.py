"""Clients that speak HTTP badly, slowly, or with lies: each is refused or cut off, and the others go on undisturbed."""

import asyncio
import contextlib
import json
import re
import time

import pytest
from tests.people import API

from tms.http.gate import BODY_SECONDS

HALF_OPEN = 200
CUT_OFF_AFTER = 20
OTHERS_SECONDS = 3


@pytest.fixture
async def admin(people):
    return await people.admin()


class Hearing(asyncio.StreamReader):
    """Remembers all that has come, also where the connection breaks off before it was read."""

    def __init__(self):
        super().__init__()
        self.heard = b""

    def feed_data(self, data):
        self.heard += data
        super().feed_data(data)


class Talk:
    """One connection, byte by byte."""

    def __init__(self, served):
        self.served = served

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self.reader = Hearing()
        protocol = asyncio.StreamReaderProtocol(self.reader)
        transport, _ = await loop.create_connection(lambda: protocol, "127.0.0.1", self.served.port)
        self.writer = asyncio.StreamWriter(transport, protocol, self.reader, loop)
        return self

    async def __aexit__(self, *_):
        self.writer.close()

    async def say(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self):
        """Everything until the server closes, which breaks the connection off where there is more to say."""
        async with asyncio.timeout(CUT_OFF_AFTER):
            with contextlib.suppress(ConnectionError):
                await self.reader.read()
        return self.reader.heard


def head(path, *lines, method="POST", token=None):
    bearer = [f"Authorization: Bearer {token}"] if token else []
    wanted = [f"{method} {API}{path} HTTP/1.1", "Host: 127.0.0.1", *bearer, *lines]
    return "\r\n".join([*wanted, "", ""]).encode("latin-1")


def statuses(answer):
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


async def ask(served, data):
    """Say it all, with a last request after which the server closes, and hear the statuses of the answers."""
    async with Talk(served) as talk:
        await talk.say(data)
        return statuses(await talk.hear())


async def first_status(served, data):
    """Say it all and hear only the first answer, as clients do that keep the connection."""
    async with Talk(served) as talk:
        await talk.say(data)
        async with asyncio.timeout(CUT_OFF_AFTER):
            (status,) = statuses(await talk.reader.readuntil(b"\r\n\r\n"))
        return status


async def goes_on(served):
    """How long the slowest of ten ordinary requests took."""
    slowest = 0.0
    for _ in range(10):
        started = time.monotonic()
        assert await ask(served, b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n") == [
            200
        ]
        slowest = max(slowest, time.monotonic() - started)
    return slowest


BODY = json.dumps(
    {
        "title": "Safety",
        "category": "Safety",
        "templateType": "text-only",
        "difficulty": "beginner",
        "estimatedDuration": 1,
    }
).encode()


def malformed(token):
    kind, close = "Content-Type: application/json", "Connection: close"
    long = f"Content-Length: {len(BODY)}"

    def post(*lines, body=BODY):
        return head("/courses", kind, close, *lines, token=token) + body

    return {
        "two lengths": post(long, "Content-Length: 1"),
        "length and chunks": post(long, "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + BODY),
        "chunks and length": post("Transfer-Encoding: chunked", long, body=b"0\r\n\r\n" + BODY),
        "chunks that are none": post("Transfer-Encoding: chunked", body=b"zz\r\n" + BODY),
        "a chunk of 2 to the 64": post("Transfer-Encoding: chunked", body=b"10000000000000000\r\n" + BODY),
        "an unknown coding": post("Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
        "less than nothing": post("Content-Length: -1"),
        "a length with a sign": post(f"Content-Length: +{len(BODY)}"),
        "a length in hexadecimal": post("Content-Length: 0x10"),
        "a length of 400 digits": post(f"Content-Length: {'9' * 400}"),
        "two gigabytes": post("Content-Length: 2000000000", body=b"0123456789"),
        "a mebibyte and a byte in chunks": post(
            "Transfer-Encoding: chunked", body=b"100001\r\n" + b" " * 0x100001 + b"\r\n0\r\n\r\n"
        ),
        "a head of 100 KB in one line": post(long, f"X-Long: {'a' * 100_000}"),
        "a head of 100 KB in many": post(long, *(f"X-{number}: {'a' * 90}" for number in range(1000))),
        "an address of 100 KB": head(f"/courses?search={'a' * 100_000}", close, method="GET", token=token),
        "a head that does not end": b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000,
        "NUL in a header": post(long, "X-Nul: a\0b"),
        "a name with a space": post(long, "X Name: a"),
        "a space before the colon": post(f"Content-Length : {len(BODY)}"),
        "a folded header": post(long, "X-Folded: a\r\n b"),
        "no protocol": b"hello\r\n\r\n",
        "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 50,
        "HTTP 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "an unknown method": head("/courses", close, method="FETCH", token=token),
    }


async def test_requests_that_are_none(served, admin):
    """Each is refused once; what follows in the same bytes is never taken for a request of its own."""
    good = head(
        "/courses",
        "Content-Type: application/json",
        "Connection: close",
        f"Content-Length: {len(BODY)}",
        token=admin.token,
    )
    assert await ask(served, good + BODY) == [201]
    for what, data in malformed(admin.token).items():
        started = time.monotonic()
        answers = await ask(served, data)
        assert time.monotonic() - started < OTHERS_SECONDS, what
        assert all(400 <= status < 500 for status in answers), (what, answers)
        assert len(answers) <= 1, (what, answers)
    assert len((await admin.get("/courses"))["data"]) == 1
    assert await goes_on(served) < OTHERS_SECONDS


async def test_many_requests_at_once_on_one_connection(served, admin):
    one = head("/me", method="GET", token=admin.token)
    last = head("/me", "Connection: close", method="GET", token=admin.token)
    assert await ask(served, one * 50 + last) == [200] * 51


def parts(number, *, name="a", more=""):
    one = f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n1\r\n'
    return (one * number + "--x--\r\n").encode()


async def test_hostile_forms(served, admin):
    course = (await admin.post("/courses", json.loads(BODY), status=201))["data"]["id"]
    forms = {
        "5,000 parts": (parts(5000), "x"),
        "5,000 files": (parts(5000, name="file", more='; filename="a.docx"'), "x"),
        "no name": (b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n", "x"),
        "no disposition": (b"--x\r\n\r\n1\r\n--x--\r\n", "x"),
        "no file name": (parts(1, name="file"), "x"),
        "two file names": (
            parts(1, name="file", more="; filename*=utf-8''a.docx; filename*=utf-8''b.docx"),
            "x",
        ),
        "a boundary of 10,000": (parts(1), "x" * 10_000),
        "no boundary": (parts(1), ""),
        "another boundary": (parts(1), "y"),
        "a part's head of 100 KB": (parts(1, more=f'; a="{"b" * 100_000}"'), "x"),
        "no end": (parts(1)[:-6], "x"),
        "nothing": (b"", "x"),
    }
    for what, (body, boundary) in forms.items():
        lines = (
            f"Content-Type: multipart/form-data; boundary={boundary}",
            f"Content-Length: {len(body)}",
        )
        started = time.monotonic()
        upload = head(f"/courses/{course}/upload-content", *lines, token=admin.token)
        status = await first_status(served, upload + body)
        assert time.monotonic() - started < OTHERS_SECONDS, what
        assert 400 <= status < 500, (what, status)
    found = (await admin.get(f"/courses/{course}?include_sections=true"))["data"]
    assert found["sections"] == []
    assert await goes_on(served) < OTHERS_SECONDS


async def drip(talk, data, pause=0.5):
    """A byte now and then, for as long as somebody listens."""
    try:
        for byte in data:
            await talk.say(bytes([byte]))
            await asyncio.sleep(pause)
    except ConnectionError:
        pass


async def cut_off(served, first, then):
    """What a client hears who says `first` at once and the rest slowly; and after how long."""
    async with Talk(served) as talk:
        await talk.say(first)
        dripping = asyncio.create_task(drip(talk, then))
        started = time.monotonic()
        try:
            return statuses(await talk.hear()), time.monotonic() - started
        finally:
            dripping.cancel()


async def steadily(served, token):
    """A body that takes longer than one that hardly comes is given, but comes: spaces first, then what is meant."""
    spaces = 110_000
    lines = (
        "Content-Type: application/json",
        f"Content-Length: {spaces + len(BODY)}",
        "Connection: close",
    )
    async with Talk(served) as talk:
        started = time.monotonic()
        await talk.say(head("/courses", *lines, token=token))
        for _ in range(22):
            await talk.say(b" " * (spaces // 22))
            await asyncio.sleep(0.6)
        await talk.say(BODY)
        return statuses(await talk.hear()), time.monotonic() - started


async def test_slow_clients_are_cut_off_and_others_are_served(served, admin):
    """All at once, since each of them takes its time: slow heads, slow bodies, and connections that say nothing."""
    declared = ("Content-Type: application/json", "Content-Length: 1000")
    lying = ("Content-Type: application/json", f"Content-Length: {len(BODY) + 10}")
    form = ("Content-Type: multipart/form-data; boundary=x", "Content-Length: 1000")
    course = (await admin.post("/courses", json.loads(BODY), status=201))["data"]["id"]
    upload = head(f"/courses/{course}/upload-content", *form, token=admin.token)
    cases = {
        "says nothing": (b"", b"", [408]),
        "a slow head": (b"GET / HTTP/1.1\r\nX: ", b"a" * 100, [408]),
        "empty lines": (b"\r\n", b"\r\n" * 100, [408]),
        "a slow body": (head("/courses", *declared, token=admin.token), b" " * 100, [408]),
        "a body that is shorter than it says": (
            head("/courses", *lying, token=admin.token) + BODY,
            b"",
            [408],
        ),
        "a slow form": (upload + b"--x\r\n", b"Content-Disposition" * 10, [408]),
        "a slow body nobody wants": (head("/courses", *declared), b" " * 100, [401]),
    }
    silent = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(HALF_OPEN)]
    running = {
        what: asyncio.create_task(cut_off(served, first, then)) for what, (first, then, _) in cases.items()
    }
    steady = asyncio.create_task(steadily(served, admin.token))
    assert await goes_on(served) < OTHERS_SECONDS
    heard = {what: await task for what, task in running.items()}
    assert {what: answers for what, (answers, _) in heard.items()} == {
        what: wanted for what, (_, _, wanted) in cases.items()
    }
    assert max(seconds for _, seconds in heard.values()) < CUT_OFF_AFTER
    for reader, writer in silent:
        async with asyncio.timeout(CUT_OFF_AFTER):
            assert statuses(await reader.read()) == [408]
        writer.close()
    answers, seconds = await steady
    assert (answers, seconds > BODY_SECONDS) == ([201], True)
    assert len((await admin.get("/courses"))["data"]) == 2
