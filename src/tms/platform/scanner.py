"""ClamAV's daemon looks at files, where `CLAMD_URL` names one (clamd(8), command INSTREAM)."""

import asyncio
import logging
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from tms.platform.errors import UnavailableError
from tms.platform.settings import get_settings

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
VERDICT_SECONDS = 180.0
"""Longer than clamd's own limit for one file (MaxScanTime, two minutes unless it is told otherwise)."""
_PIECE_BYTES = 256 * 1024
_ANSWER_BYTES = 4096


class ScannerUnavailableError(UnavailableError):
    """The virus scanner does not answer, or refuses to work; nothing is taken in unseen."""

    code = "scanner_unavailable"
    title = "The virus scanner does not answer, and nothing is taken in unseen; try again in some minutes"


class TooLargeForScannerError(Exception):
    """The file is larger than the scanner looks at (its StreamMaxLength)."""


async def scan(path: Path) -> str | None:
    """What the scanner found in a file; None: nothing, or there is no scanner.

    Raises `TooLargeForScannerError`, and `ScannerUnavailableError` where there is no verdict.
    """
    if get_settings().clamd_url is None:
        return None
    try:
        async with asyncio.timeout(VERDICT_SECONDS), _connected() as (reader, writer):
            answer = await _ask(path, reader, writer)
    except (OSError, TimeoutError) as error:
        log.exception("the virus scanner did not look at a file")
        raise ScannerUnavailableError from error
    return _verdict(answer)


async def answers() -> bool:
    """Whether the scanner is there and at work."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS), _connected() as (reader, writer):
            writer.write(b"zPING\0")
            return await _answer(reader) == "PONG"
    except (OSError, TimeoutError):
        return False


@asynccontextmanager
async def _connected() -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    address = urlsplit(get_settings().clamd_url or "")
    async with asyncio.timeout(CONNECT_SECONDS):
        if address.scheme == "unix":
            reader, writer = await asyncio.open_unix_connection(address.path)
        else:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _ask(path: Path, reader: StreamReader, writer: StreamWriter) -> str:
    """What it says of the file; it may say so, and hang up, before it has seen all of it."""
    answering = asyncio.create_task(_answer(reader))
    try:
        with suppress(ConnectionError):
            await _send(path, writer)
        return await answering
    finally:
        answering.cancel()


async def _send(path: Path, writer: StreamWriter) -> None:
    writer.write(b"zINSTREAM\0")
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
            writer.write(struct.pack(">I", len(piece)) + piece)
            await writer.drain()
    writer.write(struct.pack(">I", 0))
    await writer.drain()


async def _answer(reader: StreamReader) -> str:
    said = b""
    with suppress(ConnectionError):
        while len(said) < _ANSWER_BYTES and (piece := await reader.read(_ANSWER_BYTES)):
            said += piece
    return said.rstrip(b"\0\n").decode("utf-8", "replace")


def _verdict(answer: str) -> str | None:
    if answer == "stream: OK":
        return None
    if answer.startswith("stream: ") and answer.endswith(" FOUND"):
        return answer.removeprefix("stream: ").removesuffix(" FOUND")
    if "size limit exceeded" in answer:
        raise TooLargeForScannerError
    log.error("the virus scanner gave no verdict", extra={"answer": answer[:200]})
    raise ScannerUnavailableError
