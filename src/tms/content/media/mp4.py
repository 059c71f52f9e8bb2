"""MP4 and M4A (ISO/IEC 14496-12): boxes with a size and four letters, one in another."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tms.content.errors import CorruptDocumentError
from tms.content.media.probe import Counter, Recording, duration, read_at, size_of

_DEEPEST = 8
_HOLDERS = frozenset({b"trak", b"mdia", b"minf", b"stbl"})


class _Box(NamedTuple):
    kind: bytes
    start: int
    end: int


class _Tracks:
    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []
        self.handlers: list[bytes] = []
        self.codecs: list[str] = []
        self.seconds = 0.0


def probe(path: Path) -> Recording:
    """What the file holds; raises `CorruptDocumentError` or `DocumentTooComplexError`."""
    found = _Tracks()
    counter = Counter()
    with path.open("rb") as file:
        # All are looked at, so that a file which was cut short is found out.
        boxes = list(_boxes(file, 0, size_of(path), counter))
        movie = next((box for box in boxes if box.kind == b"moov"), None)
        if movie is None:
            raise CorruptDocumentError
        _walk(file, movie, found, counter, 0)
    if not {b"vide", b"soun"} & set(found.handlers):
        raise CorruptDocumentError
    if b"vide" not in found.handlers:
        return Recording("audio/mp4", found.seconds, codecs=tuple(found.codecs))
    width, height = max(found.sizes, default=(0, 0))
    return Recording("video/mp4", found.seconds, width, height, tuple(found.codecs))


def _boxes(file: BinaryIO, start: int, end: int, counter: Counter) -> Iterator[_Box]:
    while start + 8 <= end:
        counter.step()
        size, kind = struct.unpack(">I4s", read_at(file, start, 8))
        head = 8
        if size == 1:
            size = struct.unpack(">Q", read_at(file, start + 8, 8))[0]
            head = 16
        elif size == 0:
            # Only the last box may leave its size open.
            size = end - start
        if size < head or start + size > end:
            raise CorruptDocumentError
        yield _Box(kind, start + head, start + size)
        start += size


def _walk(file: BinaryIO, parent: _Box, found: _Tracks, counter: Counter, depth: int) -> None:
    for box in _boxes(file, parent.start, parent.end, counter):
        if box.kind in _HOLDERS and depth < _DEEPEST:
            _walk(file, box, found, counter, depth + 1)
        elif box.kind == b"mvhd":
            found.seconds = _seconds(file, box)
        elif box.kind == b"tkhd":
            found.sizes.append(_size(file, box))
        elif box.kind == b"hdlr":
            found.handlers.append(read_at(file, box.start + 8, 4))
        elif box.kind == b"stsd" and box.end - box.start >= 16:
            found.codecs.append(read_at(file, box.start + 12, 4).decode("latin-1"))


def _seconds(file: BinaryIO, box: _Box) -> float:
    """Times are 32 or, in version 1, 64 bits wide (8.2.2)."""
    if read_at(file, box.start, 1) == b"\x01":
        scale, length = struct.unpack(">IQ", read_at(file, box.start + 20, 12))
    else:
        scale, length = struct.unpack(">II", read_at(file, box.start + 12, 8))
    return duration(length / scale) if scale else 0.0


def _size(file: BinaryIO, box: _Box) -> tuple[int, int]:
    """Width and height end the box, in sixteenths of a bit pair: 16.16 fixed point (8.3.2)."""
    width, height = struct.unpack(">II", read_at(file, box.end - 8, 8))
    return width >> 16, height >> 16
