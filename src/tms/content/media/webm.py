"""WebM (RFC 9559, in the elements of RFC 8794): numbers of variable width for names and sizes, one element in another."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tms.content.errors import CorruptDocumentError
from tms.content.media.probe import Counter, Recording, duration, read_at, size_of

_EBML, _DOCTYPE = 0x1A45DFA3, 0x4282
_SEGMENT, _INFO, _TRACKS, _CLUSTER = 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_SCALE, _DURATION = 0x2AD7B1, 0x4489
_ENTRY, _KIND, _CODEC, _VIDEO, _WIDTH, _HEIGHT = 0xAE, 0x83, 0x86, 0xE0, 0xB0, 0xBA
_VIDEO_TRACK, _SOUND_TRACK = 1, 2
_VALUE_LIMIT = 64


class _Element(NamedTuple):
    name: int
    start: int
    end: int


class _Tracks:
    def __init__(self) -> None:
        self.kinds: set[int] = set()
        self.sizes = [(0, 0)]
        self.codecs: list[str] = []


def probe(path: Path) -> Recording:
    """What the file holds; raises `CorruptDocumentError` or `DocumentTooComplexError`."""
    counter = Counter()
    tracks = _Tracks()
    seconds = 0.0
    with path.open("rb") as file:
        parts = {part.name: part for part in _elements(file, 0, size_of(path), counter)}
        if _EBML not in parts or _SEGMENT not in parts:
            raise CorruptDocumentError
        for part in _elements(file, parts[_SEGMENT].start, parts[_SEGMENT].end, counter):
            if part.name == _INFO:
                seconds = _seconds(file, part, counter)
            elif part.name == _TRACKS:
                _add_tracks(file, part, tracks, counter)
    if not tracks.kinds & {_VIDEO_TRACK, _SOUND_TRACK}:
        raise CorruptDocumentError
    if _VIDEO_TRACK not in tracks.kinds:
        return Recording("audio/webm", seconds, codecs=tuple(tracks.codecs))
    return Recording("video/webm", seconds, *max(tracks.sizes), tuple(tracks.codecs))


def _add_tracks(file: BinaryIO, part: _Element, tracks: _Tracks, counter: Counter) -> None:
    for entry in _elements(file, part.start, part.end, counter):
        if entry.name != _ENTRY:
            continue
        fields = _fields(file, entry, counter)
        if _KIND in fields:
            tracks.kinds.add(_integer(file, fields[_KIND]))
        if _CODEC in fields:
            tracks.codecs.append(_value(file, fields[_CODEC]).decode("latin-1"))
        if _VIDEO in fields:
            tracks.sizes.append(_size(file, fields[_VIDEO], counter))


def _fields(file: BinaryIO, parent: _Element, counter: Counter) -> dict[int, _Element]:
    return {field.name: field for field in _elements(file, parent.start, parent.end, counter)}


def _elements(file: BinaryIO, start: int, end: int, counter: Counter) -> Iterator[_Element]:
    """The elements one after the other; from the first cluster on there are pictures and sounds only."""
    while start < end:
        counter.step()
        name, start = _number(file, start, keep_mark=True)
        size, start = _number(file, start, keep_mark=False)
        if size is None:
            # Of live recordings, whose size was not known when they began: up to the end (RFC 8794, 6.2).
            size = end - start
        if name is None or start + size > end:
            raise CorruptDocumentError
        yield _Element(name, start, start + size)
        if name == _CLUSTER:
            return
        start += size


def _number(file: BinaryIO, place: int, *, keep_mark: bool) -> tuple[int | None, int]:
    """The number and the place behind it; None where all of its bits are set (RFC 8794, 4)."""
    first = read_at(file, place, 1)[0]
    width = 9 - first.bit_length()
    if width > 8:
        raise CorruptDocumentError
    value = int.from_bytes(read_at(file, place, width), "big")
    if not keep_mark:
        value &= (1 << (7 * width)) - 1
        if value == (1 << (7 * width)) - 1:
            return None, place + width
    return value, place + width


def _value(file: BinaryIO, element: _Element) -> bytes:
    return read_at(file, element.start, min(element.end - element.start, _VALUE_LIMIT))


def _integer(file: BinaryIO, element: _Element) -> int:
    return int.from_bytes(_value(file, element)[:8], "big")


def _seconds(file: BinaryIO, info: _Element, counter: Counter) -> float:
    """The duration counts in units of the scale, which is in nanoseconds and by custom a million of them."""
    values = _fields(file, info, counter)
    if _DURATION not in values:
        return 0.0
    scale = _integer(file, values[_SCALE]) if _SCALE in values else 1_000_000
    content = _value(file, values[_DURATION])
    if len(content) not in {4, 8}:
        raise CorruptDocumentError
    length: float = struct.unpack(">f" if len(content) == 4 else ">d", content)[0]
    return duration(length * scale / 1e9)


def _size(file: BinaryIO, video: _Element, counter: Counter) -> tuple[int, int]:
    values = _fields(file, video, counter)
    if _WIDTH not in values or _HEIGHT not in values:
        return 0, 0
    return _integer(file, values[_WIDTH]), _integer(file, values[_HEIGHT])
