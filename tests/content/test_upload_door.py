"""Who may not upload, or too much, is stopped at the door: before the body is read, or as soon as it is too long."""

import json

import pytest

from tms.content import routes

MEBIBYTE = 1024 * 1024
BOUNDARY = b"xxxxxxxx"
HEAD = (
    b'--xxxxxxxx\r\nContent-Disposition: form-data; name="file"; filename="a.docx"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
)


class Sender:
    """A client that sends a body in pieces of 64 KiB and counts what was asked of it."""

    def __init__(self, app, path, *, token=None, declared=None, pieces=10_000):
        self.app = app
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
        body = HEAD if self.taken == 1 else b"x" * 65536
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
    sender = Sender(app, path_of(course), token=admin.token, declared=routes.UPLOAD_BYTES + 1)
    assert await sender.run() == (413, "body_too_large")
    assert sender.taken == 0


async def test_a_body_without_end_is_cut_off_at_the_limit(app, course, admin, temporary):
    sender = Sender(app, path_of(course), token=admin.token)
    assert await sender.run() == (413, "body_too_large")
    assert sender.taken * 65536 < routes.UPLOAD_BYTES + MEBIBYTE


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
