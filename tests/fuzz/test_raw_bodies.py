"""Bodies that no form sends: each is refused, quickly, and the process goes on."""

import gzip
import json
import time

import pytest
from tests.people import API

COURSE = b'{"title": %b, "category": "Safety", "templateType": "text-only", "difficulty": "beginner", "estimatedDuration": %b}'
JSON = "application/json"
GOOD = COURSE % (b'"Safety"', b"2")
SECONDS = 2

REFUSED = {
    "nothing": b"",
    "half of it": GOOD[:40],
    "two values": GOOD + GOOD,
    "nested 10,000 deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "lists 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "a field named twice": GOOD[:-1] + b', "title": "Another"}',
    "a field named twice, in another spelling": GOOD[:-1] + rb', "t\u0069tle": "Another"}',
    "not a number": COURSE % (b'"Safety"', b"NaN"),
    "infinity": COURSE % (b'"Safety"', b"Infinity"),
    "less than infinity": COURSE % (b'"Safety"', b"-Infinity"),
    "1e400": COURSE % (b'"Safety"', b"1e400"),
    "2 as a float": COURSE % (b'"Safety"', b"2.0"),
    "2 to the 31": COURSE % (b'"Safety"', str(2**31).encode()),
    "2 to the 63": COURSE % (b'"Safety"', str(2**63).encode()),
    "2 to the 64": COURSE % (b'"Safety"', str(2**64).encode()),
    "2 to the 1000": COURSE % (b'"Safety"', str(2**1000).encode()),
    "a number of 100,000 digits": COURSE % (b'"Safety"', b"9" * 100_000),
    "minus one": COURSE % (b'"Safety"', b"-1"),
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "UTF-16 without a mark": GOOD.decode().encode("utf-16-le"),
    "UTF-32": GOOD.decode().encode("utf-32"),
    "Latin-1": COURSE % ('"Sécurité"'.encode("latin-1"), b"2"),
    "overlong UTF-8": COURSE % (b'"a\xc0\x80b"', b"2"),
    "surrogates in UTF-8": COURSE % (b'"a\xed\xa0\x80b"', b"2"),
    "half a character": COURSE % (rb'"a\ud800b"', b"2"),
    "half a character as a name": GOOD[:-1] + rb', "\ud800": 1}',
    "NUL": COURSE % (rb'"a\u0000b"', b"2"),
    "NUL as it is": COURSE % (b'"a\x00b"', b"2"),
    "NUL as a name": GOOD[:-1] + rb', "\u0000": 1}',
    "a comment": b"/* hello */" + GOOD,
    "single quotes": GOOD.replace(b'"', b"'"),
    "a trailing comma": GOOD[:-1] + b",}",
    "null": b"null",
    "a list": b"[" + GOOD + b"]",
    "text": b'"' + b"a" * 100 + b'"',
    "more than a mebibyte": COURSE % (b'"' + b"a" * 1024 * 1024 + b'"', b"2"),
    "100,000 fields": json.dumps({f"field{number}": number for number in range(60_000)}).encode(),
}

WRONG_KINDS = [
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/json",
    "application/",
    "\xff",
    "application/json/json",
    None,
]


@pytest.fixture
async def admin(people):
    return await people.admin()


@pytest.fixture
def send(admin):
    """`await send(body)` posts bytes as they are, and sees that a refusal is one: quick, and with nothing done."""

    async def post(body, kind=JSON, path="/courses", method="POST", **headers):
        named = {"Content-Type": kind} if kind else {}
        started = time.monotonic()
        response = await admin.http.request(
            method,
            f"{API}{path}",
            content=body,
            headers=named | {name.replace("_", "-"): v for name, v in headers.items()},
        )
        assert time.monotonic() - started < SECONDS
        return response

    return post


def refused(what, response):
    assert response.status_code in {400, 413, 415, 422}, (what, response.text[:500])
    assert response.headers["content-type"] == "application/problem+json", what
    problem = response.json()
    assert problem["success"] is False
    assert problem["status"] == response.status_code
    assert len(response.content) < 20_000, what


async def test_the_good_body_is_taken(send):
    """Otherwise nothing that is refused here would prove anything."""
    for kind in (JSON, "application/json; charset=utf-8", "Application/JSON"):
        assert (await send(GOOD, kind)).status_code == 201
    whole = COURSE % (rb'"\ud83d\ude00 a pair is a character"', b"2")
    answer = await send(whole)
    assert answer.json()["data"]["title"] == "\U0001f600 a pair is a character"


async def test_hostile_json(send, admin):
    for what, body in REFUSED.items():
        refused(what, await send(body))
    assert (await admin.get("/courses"))["data"] == []


async def test_each_kind_of_write_reads_strictly(send, people, admin):
    """Routers without repeatable POSTs have the same reader."""
    student = await people.student()
    twice = b'{"firstName": "Ada", "firstName": "Bob"}'
    for path in (f"/students/{student.id}", f"/users/{student.id}", "/me"):
        response = await send(twice, path=path, method="PATCH")
        assert (response.status_code, response.json()["code"]) == (422, "malformed_body")
    mark = b'{"timeSpentSeconds": 1, "timeSpentSeconds": 2}'
    response = await send(mark, path=f"/progress/sections/{student.id}", method="PUT")
    assert (response.status_code, response.json()["code"]) == (422, "malformed_body")
    response = await send(twice, Idempotency_Key="once")
    assert (response.status_code, response.json()["code"]) == (422, "malformed_body")


async def test_json_under_another_name(send, admin):
    for kind in WRONG_KINDS:
        refused(kind, await send(GOOD, kind and kind.encode("latin-1")))
    assert (await admin.get("/courses"))["data"] == []


async def test_a_compressed_body_is_not_unpacked(send, admin):
    bomb = gzip.compress(b'{"title": "' + b"a" * 20_000_000 + b'"}')
    for encoding in ("gzip", "deflate", "br", "identity"):
        refused(encoding, await send(bomb, Content_Encoding=encoding))
    refused("a good one", await send(gzip.compress(GOOD), Content_Encoding="gzip"))
    assert (await admin.get("/courses"))["data"] == []
