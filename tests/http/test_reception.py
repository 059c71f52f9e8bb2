"""Answers leave in one piece, whole and in order, through the real server and a real socket."""

import asyncio
import contextlib

import pytest
import uvicorn

from tms.cli import reception

PIECE = b"x" * 10_000
PIECES = 40


async def application(scope, receive, send):
    """Answers with its path; `/stream` in pieces that never let anybody else have a turn."""
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(PIECES):
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    body = scope["path"].encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port():
    settings = uvicorn.Config(
        application, host="127.0.0.1", port=0, http=reception.protocol(), lifespan="off", log_level="error"
    )
    server = uvicorn.Server(settings)
    running = asyncio.create_task(server.serve())
    for _ in range(1000):
        if server.started:
            break
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


@contextlib.asynccontextmanager
async def connected(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(10):
        yield reader, writer
    writer.close()


def asking(path, *lines):
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


class Recorder:
    """A transport that tells what it was given."""

    def __init__(self):
        self.sent = []

    def write(self, data):
        self.sent.append(data)

    def is_closing(self):
        return "closed" in self.sent

    def close(self):
        self.sent.append("closed")


async def test_head_and_body_are_sent_by_one_call():
    recorder = Recorder()
    transport = reception.GatheringTransport(recorder, asyncio.get_running_loop())
    transport.write(b"head")
    transport.write(b"body")
    assert recorder.sent == []
    await asyncio.sleep(0)
    assert recorder.sent == [b"headbody"]


async def test_much_is_not_gathered_and_nothing_is_left_at_the_end():
    recorder = Recorder()
    transport = reception.GatheringTransport(recorder, asyncio.get_running_loop())
    much = b"x" * reception.GATHERED_BYTES
    transport.write(much)
    transport.write(b"y")
    assert recorder.sent == [much + b"y"]
    transport.write(b"last")
    transport.close()
    transport.write(b"too late")
    await asyncio.sleep(0)
    assert recorder.sent == [much + b"y", b"last", "closed"]


async def test_a_stream_arrives_whole(port):
    async with connected(port) as (reader, writer):
        writer.write(asking("/stream", "Connection: close"))
        answer = await reader.read()
    assert answer.count(PIECE) == PIECES
    assert answer.endswith(b"0\r\n\r\n")


async def test_answers_to_requests_sent_together_keep_their_order(port):
    async with connected(port) as (reader, writer):
        writer.write(b"".join([asking("/first"), asking("/second"), asking("/third", "Connection: close")]))
        answer = await reader.read()
    places = [answer.index(body) for body in (b"/first", b"/second", b"/third")]
    assert places == sorted(places)
    assert answer.count(b"HTTP/1.1 200 OK") == 3


async def test_a_client_that_goes_away_leaves_the_server_well(port):
    async with connected(port) as (_, writer):
        writer.write(asking("/stream"))
        writer.transport.abort()
    async with connected(port) as (reader, writer):
        writer.write(asking("/still-there", "Connection: close"))
        assert (await reader.read()).endswith(b"/still-there")
