"""Takes the one file out of a form (multipart/form-data, RFC 7578) as it comes in: to disk and through a hash, never whole in memory."""

import asyncio
import hashlib
import tempfile
import unicodedata
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from tms.content import sizes
from tms.content.errors import (
    DocumentTooLargeError,
    EmptyFileError,
    MalformedFormError,
    MissingFileError,
)

FIELD = b"file"
NAME_BYTES = 150
_UNNAMED = "document"
_HEADER_BYTES = 16 * 1024
_PARTS = 10
_FIELD_BYTES = 1024


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file as it came in; `name` is for display only, never a path; `fields` are the form's other, small ones."""

    path: Path
    name: str
    size: int
    sha256: str
    fields: Mapping[str, str] = field(default_factory=dict)


class FileTaker:
    """Fed with a form's bytes, writes its file to `target`; `name` is what the client called it."""

    def __init__(self, boundary: bytes, target: IO[bytes]) -> None:
        self.name: str | None = None
        self.size = 0
        self.digest = hashlib.sha256()
        self._target = target
        self._found = False
        self._ended = False
        self._is_file = False
        self._fields: dict[bytes, bytes] = {}
        self._parts = 0
        self._head = b""
        self._most = sizes.DOCUMENT_BYTES
        self._header = [b"", b""]
        self._header_bytes = 0
        self._options: dict[bytes, bytes] = {}
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._on_header_name,
                "on_header_value": self._on_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._on_data,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; raises `MalformedFormError`."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedFormError from error

    def finish(self) -> None:
        """The body has ended: raises unless a whole form with a file that is not empty was seen."""
        if not self._ended:
            raise MalformedFormError
        if not self._found:
            raise MissingFileError
        if self.size == 0:
            # A browser sends an empty name where no file was chosen.
            raise EmptyFileError if self.name else MissingFileError
        self._target.flush()

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > _PARTS:
            raise MalformedFormError(f"The form has more than {_PARTS} fields; send the document alone.")
        self._options = {}
        self._header_bytes = 0
        self._is_file = False

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._take_header(0, data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._take_header(1, data[start:end])

    def _take_header(self, which: int, piece: bytes) -> None:
        self._header_bytes += len(piece)
        if self._header_bytes > _HEADER_BYTES:
            raise MalformedFormError
        self._header[which] += piece

    def _end_header(self) -> None:
        name, value = self._header
        self._header = [b"", b""]
        if name.lower() == b"content-disposition":
            _, self._options = parse_options_header(value)

    def _end_headers(self) -> None:
        self._is_file = self._options.get(b"name") == FIELD and b"filename" in self._options
        if self._is_file and self._found:
            raise MalformedFormError("Send one document at a time.")
        if self._is_file:
            self._found = True
            self.name = self._options[b"filename"].decode("utf-8", "replace")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._is_file:
            if len(self._head) < sizes.HEAD_BYTES:
                self._head = (self._head + piece)[: sizes.HEAD_BYTES]
                self._most = sizes.most(self._head)
            if self.size + len(piece) > self._most:
                raise DocumentTooLargeError(
                    f"A file of this kind may have at most {self._most // (1024 * 1024)} MiB; make its pictures smaller, "
                    "or divide it into several."
                )
            self._target.write(piece)
            self.digest.update(piece)
            self.size += len(piece)
        else:
            self._take_field(self._options.get(b"name", b""), piece)

    def _take_field(self, name: bytes, piece: bytes) -> None:
        """What else the form has is small; what is too long for any field of ours is cut off."""
        self._fields[name] = (self._fields.get(name, b"") + piece)[:_FIELD_BYTES]

    def fields(self) -> dict[str, str]:
        """The form's other fields."""
        return {
            name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
            for name, value in self._fields.items()
        }

    def _end(self) -> None:
        self._ended = True


@asynccontextmanager
async def received(content_type: str, body: AsyncIterator[bytes]) -> AsyncIterator[ReceivedFile]:
    """The form's file on disk, for as long as the context lives.

    Raises `MissingFileError`, `EmptyFileError`, `MalformedFormError` or `DocumentTooLargeError`.
    """
    with tempfile.NamedTemporaryFile(prefix="tms-received-") as target:
        taken = await _take_file(content_type, body, target.file)
        yield ReceivedFile(
            Path(target.name),
            display_name(taken.name),
            taken.size,
            taken.digest.hexdigest(),
            taken.fields(),
        )


async def _take_file(content_type: str, body: AsyncIterator[bytes], target: IO[bytes]) -> FileTaker:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data":
        raise MissingFileError
    if not 0 < len(boundary) <= 200:
        raise MalformedFormError
    taker = FileTaker(boundary, target)
    async for chunk in body:
        await asyncio.to_thread(taker.feed, chunk)
    await asyncio.to_thread(taker.finish)
    return taker


def display_name(name: str | None) -> str:
    """A file's name as people may see it: composed (NFC), without folders, control and direction marks, at most 150 bytes."""
    last = unicodedata.normalize("NFC", name or "").replace("\\", "/").rpartition("/")[2]
    visible = "".join(
        character
        for character in last
        if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    )
    line = " ".join(visible.split())
    stem, dot, extension = line.rpartition(".")
    if not dot:
        return _cut(line, NAME_BYTES) or _UNNAMED
    tail = dot + _cut(extension, 20)
    return (_cut(stem, NAME_BYTES - len(tail.encode())) or _UNNAMED) + tail


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore").strip()
