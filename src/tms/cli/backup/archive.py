"""The file of a backup: a ZIP archive of parts, with a manifest that says of each how long it is and what its SHA-256 is.

The manifest is authenticated with a key derived from the server secret, which is not in the backup.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from tms.cli.failures import CannotStartError
from tms.platform import secrets
from tms.platform.settings import Settings

CHUNK_BYTES = 256 * 1024
MANIFEST, SEAL = "manifest.json", "manifest.mac"
MOST_MANIFEST_BYTES = 256 * 1024 * 1024
_KEY = r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*"
# Every part of a path begins with a letter or digit: neither `..` nor an absolute path can be written.
_NAME = re.compile(rf"{re.escape(MANIFEST)}|{re.escape(SEAL)}|database/[a-z][a-z0-9_]*\.copy|files/{_KEY}")
_LONGEST_NAME = 250


class BrokenBackupError(CannotStartError):
    """The file is no backup of ours, or not the one that was made."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Strict):
    """How long a part is, and its SHA-256."""

    size: int
    sha256: str


class TablePart(Part):
    """The part of a table."""

    columns: list[str]
    rows: int


class Manifest(_Strict):
    """What a backup holds. `files` are named by their storage keys; `missing` are keys whose files were not there."""

    format: Literal[1] = 1
    version: str
    migration: str
    taken_at: datetime
    postgresql: int
    key_id: str
    tables: dict[str, TablePart]
    sequences: dict[str, int]
    files: dict[str, Part]
    missing: list[str]

    def parts(self) -> dict[str, Part]:
        """Every part by its name in the archive."""
        tables: dict[str, Part] = {table_name(name): part for name, part in self.tables.items()}
        return tables | {file_name(key): part for key, part in self.files.items()}


def table_name(table: str) -> str:
    """The part's name of a table."""
    return f"database/{table}.copy"


def file_name(key: str) -> str:
    """The part's name of a file."""
    return f"files/{key}"


def _seal(settings: Settings, manifest: bytes) -> str:
    return hmac.new(settings.key("backup"), manifest, hashlib.sha256).hexdigest()


@dataclass
class Sink:
    """Takes the bytes of one part, counting and hashing them."""

    target: IO[bytes]
    size: int = 0

    def __post_init__(self) -> None:
        """Begin the hash."""
        self._digest = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        """Append."""
        self.target.write(data)
        self._digest.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        """Of everything so far."""
        return self._digest.hexdigest()


class Writer:
    """A backup that is being made as `FILE.part`, which only its owner may read; it gets its name when it is whole."""

    def __init__(self, path: Path) -> None:
        """Raise `CannotStartError` where the file is there already, or cannot be made."""
        self.path = path
        self.draft = path.with_name(path.name + ".part")
        if path.exists():
            raise CannotStartError(f"{path} is there already: choose another name")
        try:
            handle = os.open(self.draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError as error:
            msg = f"{self.draft} is there already: another backup is being made, or one was broken off; remove it in that case"
            raise CannotStartError(msg) from error
        except OSError as error:
            raise CannotStartError(
                f"{path} cannot be written ({error.strerror}): choose another place"
            ) from error
        self._file = os.fdopen(handle, "wb")
        self._archive = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=1)

    def __enter__(self) -> Self:
        """Nothing more than the object itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Whatever was not finished leaves nothing behind."""
        if not self._file.closed:
            self._archive.close()
            self._file.close()
        self.draft.unlink(missing_ok=True)

    @contextmanager
    def part(self, name: str) -> Iterator[Sink]:
        """One part after the other; its length need not be known."""
        with self._archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as entry:
            yield Sink(entry)

    def finish(self, manifest: Manifest, settings: Settings) -> int:
        """Write the manifest, and give the file its name; returns its size. It never replaces another file."""
        told = manifest.model_dump_json(indent=1).encode()
        self._archive.writestr(MANIFEST, told)
        self._archive.writestr(SEAL, _seal(settings, told))
        self._archive.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        size = os.fstat(self._file.fileno()).st_size
        self._file.close()
        try:
            os.link(self.draft, self.path)
        except FileExistsError as error:
            raise CannotStartError(
                f"{self.path} has been made by somebody else meanwhile: choose another name"
            ) from error
        return size


class Reader:
    """A backup that is read. Nothing of it is used before `verify` has looked at all of it."""

    def __init__(self, path: Path, settings: Settings, *, trust: bool) -> None:
        """Open it and check the manifest; `trust` takes one that was sealed with another server secret.

        Raises `BrokenBackupError`.
        """
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            reason = (
                error.strerror
                if isinstance(error, OSError) and error.strerror
                else "it is no whole ZIP archive"
            )
            raise BrokenBackupError(
                f"{path} cannot be read as a backup ({reason}): use another one"
            ) from error
        self._entries = self._named()
        self.manifest = self._manifest(settings, trust=trust)
        if set(self.manifest.parts()) != set(self._entries) - {MANIFEST, SEAL}:
            self._refuse("it holds other parts than its manifest names")

    def __enter__(self) -> Self:
        """Nothing more than the object itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._archive.close()

    def _refuse(self, reason: str) -> None:
        raise BrokenBackupError(f"{self.path} is not restored, {reason}: use another backup")

    def _named(self) -> dict[str, zipfile.ZipInfo]:
        entries: dict[str, zipfile.ZipInfo] = {}
        for entry in self._archive.infolist():
            name = entry.filename
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
                self._refuse("it has a part with a name that no backup of ours has")
            if name in entries:
                self._refuse("it has two parts of one name")
            if kind not in {0, stat.S_IFREG} or entry.flag_bits & 0x1:
                self._refuse("it has a part that is no plain file")
            if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                self._refuse("a part is packed in another way than ours")
            entries[name] = entry
        return entries

    def _manifest(self, settings: Settings, *, trust: bool) -> Manifest:
        if not {MANIFEST, SEAL} <= set(self._entries):
            self._refuse("it has no manifest")
        told = b"".join(self._limited(MANIFEST, MOST_MANIFEST_BYTES))
        seal = b"".join(self._limited(SEAL, 64))
        try:
            manifest = Manifest.model_validate_json(told)
        except ValidationError as error:
            raise BrokenBackupError(
                f"{self.path} is not restored, its manifest is of another version of TMS or broken: use that version, or another backup"
            ) from error
        sealed = hmac.compare_digest(seal, _seal(settings, told).encode())
        if not sealed and manifest.key_id == secrets.key_id(settings.secret):
            self._refuse("it has been changed since it was made")
        if not sealed and not trust:
            raise BrokenBackupError(
                f"{self.path} was made under another SECRET_KEY, so that nobody can tell whether it was changed: set the "
                "SECRET_KEY that it was made under, or, if you are sure of where it has been, say --trust"
            )
        return manifest

    def _limited(self, name: str, most: int) -> Iterator[bytes]:
        """The bytes of a part, never more than `most`."""
        size = 0
        try:
            with self._archive.open(self._entries[name]) as entry:
                while chunk := entry.read(CHUNK_BYTES):
                    size += len(chunk)
                    if size > most:
                        self._refuse("a part is longer than it says")
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
            raise BrokenBackupError(
                f"{self.path} is not restored, a part of it cannot be read: use another backup"
            ) from error

    def read(self, name: str) -> Iterator[bytes]:
        """The bytes of a part in chunks; the last one is followed by `BrokenBackupError` if they are not those that were written."""
        part = self.manifest.parts()[name]
        digest, size = hashlib.sha256(), 0
        for chunk in self._limited(name, part.size):
            digest.update(chunk)
            size += len(chunk)
            yield chunk
        if size != part.size or digest.hexdigest() != part.sha256:
            self._refuse("a part of it was changed or cut short")

    def verify(self) -> Iterator[int]:
        """Read all of it, giving the number of bytes after each part; raises `BrokenBackupError`."""
        for name, part in self.manifest.parts().items():
            for _ in self.read(name):
                pass
            yield part.size
