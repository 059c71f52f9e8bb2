"""Looks an archive over before any part of it is opened by a reader."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.parsers import expat

from tms.content.errors import (
    CorruptDocumentError,
    DocumentTooComplexError,
    DocumentTooLargeError,
    EncryptedDocumentError,
)

_MEGABYTE = 1024 * 1024
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_XML_SUFFIXES = (".xml", ".rels")
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_UNSAFE = (
    "The document contains {what}, which no ordinary program writes, so it is not opened; save it again in "
    "the program that made it and upload that file."
)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Bounds of an archive. `ratio` is unpacked by packed size and is asked of parts above `ratio_from` bytes."""

    entries: int = 10_000
    unpacked: int = 512 * _MEGABYTE
    ratio: int = 100
    ratio_from: int = 4 * _MEGABYTE


DEFAULT_LIMITS = ArchiveLimits()
READ_LIMIT = 4 * DEFAULT_LIMITS.unpacked
"""Bytes of all parts that are read, each as often as it is; documents need a quarter of it if each of their parts is read once."""


class Parts:
    """The parts of an archive that was looked over, each read as often as it is asked for, up to `READ_LIMIT` in all."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.names = frozenset(archive.namelist())
        self._archive = archive
        self._read = 0

    def read(self, name: str) -> bytes | None:
        """The unpacked bytes of a part, None where it is missing.

        Raises `CorruptDocumentError`, and `DocumentTooComplexError` beyond the limit, as thousands of references to one
        large picture are.
        """
        if name not in self.names:
            return None
        try:
            content = self._archive.read(name)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
            raise CorruptDocumentError from error
        self._read += len(content)
        if self._read > READ_LIMIT:
            raise DocumentTooComplexError
        return content


def inspect(path: Path, limits: ArchiveLimits = DEFAULT_LIMITS) -> None:
    """Refuse an archive that is damaged, oversized or built to mislead.

    Raises `CorruptDocumentError`, `EncryptedDocumentError`, `DocumentTooLargeError` or `DocumentTooComplexError`.
    """
    with _opened(path) as archive:
        _inspect(archive, path, limits)


def inspect_office(path: Path, limits: ArchiveLimits = DEFAULT_LIMITS) -> None:
    """As `inspect`, and refuse an Office document without its list of parts or with a document type in one of them."""
    with _opened(path) as archive:
        _inspect(archive, path, limits)
        _check_parts(archive)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (
        zipfile.BadZipFile,
        EOFError,
        OSError,
        ValueError,
        RuntimeError,
        struct.error,
        zlib.error,
    ) as error:
        raise CorruptDocumentError from error


def _inspect(archive: zipfile.ZipFile, path: Path, limits: ArchiveLimits) -> None:
    entries = archive.infolist()
    _check_sizes(entries, limits)
    _check_names(entries)
    for entry in entries:
        _check_entry(entry)
    _check_layout(entries, path)


def _check_sizes(entries: list[zipfile.ZipInfo], limits: ArchiveLimits) -> None:
    if len(entries) > limits.entries:
        raise DocumentTooComplexError(
            f"The document consists of {len(entries):,} parts, more than {limits.entries:,}; divide it into several documents."
        )
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, sum(entry.compress_size for entry in entries))
    if unpacked > limits.unpacked:
        raise DocumentTooLargeError(
            f"Unpacked, the document would take {unpacked // _MEGABYTE:,} MB, more than {limits.unpacked // _MEGABYTE} MB; "
            "make its pictures smaller or divide it into several documents."
        )
    swollen = [
        entry
        for entry in entries
        if entry.file_size > limits.ratio_from
        and entry.file_size > limits.ratio * max(1, entry.compress_size)
    ]
    if swollen or (unpacked > limits.ratio_from and unpacked > limits.ratio * packed):
        raise DocumentTooLargeError(
            f"Unpacked, the document would grow more than {limits.ratio} times, as no ordinary document does; "
            "save it again in the program that made it and upload that file."
        )


def _check_names(entries: list[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for entry in entries:
        # Parts are compared without regard to case by every reader on Windows (ECMA-376 part 2, 9.1.1).
        name = entry.filename.casefold()
        if name in seen:
            raise CorruptDocumentError(_UNSAFE.format(what="two parts of one name"))
        seen.add(name)
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\x00" in entry.orig_filename:
            raise CorruptDocumentError(_UNSAFE.format(what="a part that lies outside of it"))


def _check_entry(entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & 0x1:
        raise EncryptedDocumentError
    if entry.compress_type not in _METHODS:
        raise CorruptDocumentError(_UNSAFE.format(what="a part packed in an unusual way"))
    # The upper half holds Unix modes; most archives leave it zero.
    mode = entry.external_attr >> 16
    if mode and stat.S_ISLNK(mode):
        raise CorruptDocumentError(_UNSAFE.format(what="a link to another file"))


def _check_layout(entries: list[zipfile.ZipInfo], path: Path) -> None:
    """Two entries that share bytes make a bomb out of a small file (Fifield, "A better zip bomb", WOOT 2019)."""
    end_of_previous = 0
    with path.open("rb") as file:
        for entry in sorted(entries, key=lambda entry: entry.header_offset):
            if entry.header_offset < end_of_previous:
                raise CorruptDocumentError(_UNSAFE.format(what="parts that overlap"))
            file.seek(entry.header_offset)
            header = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
            if header[0] != b"PK\x03\x04":
                raise CorruptDocumentError
            name_length, extra_length = header[-2:]
            end_of_previous = (
                entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length + entry.compress_size
            )


def _check_parts(archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    if "[Content_Types].xml" not in names:
        raise CorruptDocumentError
    for name in names:
        if name.lower().endswith(_XML_SUFFIXES):
            _refuse_doctype(archive, name)


class _RootReachedError(Exception):
    """The root element has begun: a document type cannot follow."""


def _refuse_doctype(archive: zipfile.ZipFile, name: str) -> None:
    def doctype(*_: object) -> None:
        raise CorruptDocumentError(_UNSAFE.format(what="a document type declaration"))

    def root(*_: object) -> None:
        raise _RootReachedError

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = root
    try:
        with archive.open(name) as part:
            for chunk in _chunks(part):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except _RootReachedError:
        return
    except expat.ExpatError:
        # Word ignores most parts, so one that is no XML spoils nothing until it is needed; its reader then says so.
        return


def _chunks(part: IO[bytes]) -> Iterator[bytes]:
    while chunk := part.read(16 * 1024):
        yield chunk
