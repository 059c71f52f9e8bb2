"""Who may not upload, or too much, is stopped at the door: before the body is read, or as soon as it is too long."""

import json
from functools import partial

import pytest

from tms import app as app_module
from tms.content import sizes
from tms.http import gate

MEBIBYTE = 1024 * 1024
BOUNDARY = b"xxxxxxxx"
HEAD = (
    b'--xxxxxxxx\r\nContent-Disposition: form-data; name="file"; filename="a.docx"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
)


really_counted = gate._counted


def counted(receive, _, *, most):
    return really_counted(receive, most)


class Sender:
    """A client that sends a body in pieces of 64 KiB and counts what was asked of it."""

    def __init__(self, app, path, *, token=None, declared=None, pieces=10_000, head=HEAD, beginning=b""):
        self.app = app
        self.head = head + beginning
        self.pieces = pieces
        self.taken = 0
        self.answers = []
        headers = [(b"content-type", b"multipart/form-data; boundary=" + BOUNDARY)]
        if token:
            headers.append((b"authorization", f"Bearer {token}".encode()))
        if declared is not None:
            headers.append((b"content-length", str(declared).encode()))
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("tms.test", 80),
            "state": {},
        }

    async def receive(self):
        self.taken += 1
        body = self.head if self.taken == 1 else b"x" * 65536
        return {"type": "http.request", "body": body, "more_body": self.taken < self.pieces}

    async def send(self, message):
        self.answers.append(message)

    async def run(self):
        await self.app(self.scope, self.receive, self.send)
        body = b"".join(answer.get("body", b"") for answer in self.answers)
        return self.answers[0]["status"], json.loads(body)["code"]


def path_of(course):
    return f"/api/v1/courses/{course}/upload-content"


async def test_without_a_token_not_a_byte_is_read(app, course, temporary):
    for declared in (None, 1000, 2**31):
        sender = Sender(app, path_of(course), declared=declared)
        assert await sender.run() == (401, "no_token")
        assert sender.taken == 0


async def test_with_the_wrong_role_not_a_byte_is_read(app, course, people, temporary):
    student = await people.student()
    sender = Sender(app, path_of(course), token=student.token)
    assert await sender.run() == (403, "forbidden")
    assert sender.taken == 0


async def test_to_a_course_that_is_not_there_not_a_byte_is_read(app, course, people, temporary):
    stranger = await people.trainer()
    sender = Sender(app, path_of(course), token=stranger.token)
    assert await sender.run() == (404, "course_not_found")
    assert sender.taken == 0


async def test_a_declared_size_too_large_is_refused_at_once(app, course, admin, temporary):
    sender = Sender(app, path_of(course), token=admin.token, declared=sizes.FORM_BYTES + 1)
    assert await sender.run() == (413, "body_too_large")
    assert sender.taken == 0


async def test_a_body_without_end_is_cut_off_at_the_limit_of_its_kind(
    app, course, admin, temporary, monkeypatch
):
    monkeypatch.setattr(sizes, "DOCUMENT_BYTES", 5 * MEBIBYTE)
    monkeypatch.setattr(sizes, "RECORDING_BYTES", 9 * MEBIBYTE)
    for beginning, limit in ((b"", 5), (b"\x00\x00\x00\x20ftypisom", 9), (b"ID3", 9), (b"PK\x03\x04", 5)):
        for path in (path_of(course), f"/api/v1/courses/{course}/media"):
            sender = Sender(app, path, token=admin.token, beginning=beginning)
            assert await sender.run() == (413, "document_too_large")
            assert (limit - 1) * MEBIBYTE < sender.taken * 65536 < (limit + 1) * MEBIBYTE


async def test_a_body_without_end_is_cut_off_by_the_gate(app, course, admin, temporary, monkeypatch):
    """Whatever the route makes of it: here of a form that never comes to its file."""
    line = app_module.POLICY.find("POST", path_of(course))
    assert line.max_bytes == sizes.FORM_BYTES
    monkeypatch.setattr(gate, "_counted", partial(counted, most=3 * MEBIBYTE))
    sender = Sender(
        app, path_of(course), token=admin.token, head=HEAD.replace(b'name="file"', b'name="other"')
    )
    assert await sender.run() == (413, "body_too_large")
    assert sender.taken * 65536 < 4 * MEBIBYTE


@pytest.mark.parametrize("pieces", [1, 2, 50])
async def test_a_form_without_end_is_malformed(app, course, admin, temporary, pieces):
    sender = Sender(app, path_of(course), token=admin.token, pieces=pieces)
    assert await sender.run() == (422, "malformed_form")


async def test_a_client_that_goes_away_leaves_nothing(app, course, admin, temporary):
    sender = Sender(app, path_of(course), token=admin.token)
    receive = sender.receive

    async def leave():
        return await receive() if sender.taken < 30 else {"type": "http.disconnect"}

    sender.receive = leave
    assert await sender.run() == (422, "malformed_form")
