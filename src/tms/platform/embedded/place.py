"""The files of one embedded server: its folder, its locks, what the guardian says about it, its password."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

if sys.platform != "win32":
    import fcntl

Lock = Literal["shared", "exclusive"]
Phase = Literal["starting", "ready", "stopping", "failed"]

_PAUSE = 0.02


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot be used; the text is one line that says why and what to do."""


@dataclass(frozen=True)
class State:
    """What the guardian last said: how far it is, on which port, and why it gave up."""

    phase: Phase
    guardian: int
    server: int | None = None
    port: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class Place:
    """The folder `TMS_HOME/postgres` and the files in it. Lock files are never removed: a lock is of the file, not its name."""

    directory: Path

    @property
    def users(self) -> Path:
        """Locked (shared) by everyone who uses the server, for as long as they do."""
        return self.directory / "users.lock"

    @property
    def start(self) -> Path:
        """Locked by the one who looks whether a server runs and starts it."""
        return self.directory / "start.lock"

    @property
    def guardian(self) -> Path:
        """Locked by the guardian while it lives; the kernel drops the lock however it ends."""
        return self.directory / "guardian.lock"

    @property
    def log(self) -> Path:
        """Everything that the guardian, `initdb` and the server have to say."""
        return self.directory / "server.log"

    @property
    def password(self) -> Path:
        """The password of the role `tms`."""
        return self.directory / "password"

    @property
    def port(self) -> Path:
        """The port that was last used, so that addresses stay the same."""
        return self.directory / "port"

    @property
    def location(self) -> Path:
        """Names the folder of the data where they cannot lie here (see `account`)."""
        return self.directory / "location"

    @property
    def _state(self) -> Path:
        return self.directory / "state.json"

    @staticmethod
    def of(home: Path) -> Place:
        """Return the place that belongs to a `TMS_HOME`."""
        return Place(home.expanduser().absolute() / "postgres")

    def make(self) -> None:
        """Create the folder, readable by its owner only."""
        try:
            _make_private(self.directory)
        except OSError as error:
            msg = f"Cannot create the database folder {self.directory} ({error.strerror}): set TMS_HOME to a folder you may write to"
            raise EmbeddedError(msg) from error

    def open(self, path: Path, flags: int = os.O_RDWR) -> int:
        """Open (or make) a file of this place, private to the folder's owner; the descriptor is not inherited by programs."""
        try:
            descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            msg = f"Cannot open {path} ({error.strerror}): run TMS as the user who owns {self.directory}"
            raise EmbeddedError(msg) from error
        if os.geteuid() == 0:
            # What root makes in somebody's folder must stay usable for that somebody.
            owner = self.directory.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        return descriptor

    def write(self, path: Path, text: str) -> None:
        """Replace a file of this place in one step, so that nobody ever reads half of it."""
        fresh = path.with_name(f"{path.name}.new")
        with os.fdopen(self.open(fresh, os.O_WRONLY | os.O_TRUNC), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def read(self, path: Path) -> str | None:
        """Return the text of a file of this place without surrounding blanks, `None` when it is missing or empty."""
        try:
            return path.read_text().strip() or None
        except FileNotFoundError:
            return None
        except OSError as error:
            msg = f"Cannot read {path} ({error.strerror}): run TMS as the user who owns {self.directory}"
            raise EmbeddedError(msg) from error

    def say(self, state: State) -> None:
        """Tell those who wait how far the server is."""
        self.write(self._state, json.dumps(dataclasses.asdict(state)))

    def state(self) -> State | None:
        """Return what the guardian last said, `None` if nothing (intelligible)."""
        try:
            return State(**json.loads(self.read(self._state) or ""))
        except (ValueError, TypeError):
            return None

    def forget_state(self) -> None:
        """Remove what an earlier guardian said."""
        self._state.unlink(missing_ok=True)

    def is_guarded(self) -> bool:
        """Tell whether a guardian lives, without disturbing it."""
        if not self.guardian.exists():
            return False
        held = try_lock(self.open(self.guardian), "shared")
        if held is None:
            return True
        os.close(held)
        return False


def _make_private(folder: Path) -> None:
    """Make a folder and those above it; what root makes in somebody's folder is that somebody's."""
    if folder.is_dir():
        return
    _make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    above = folder.parent.stat()
    if os.geteuid() == 0 and above.st_uid != 0 and folder.stat().st_uid == 0:
        os.chown(folder, above.st_uid, above.st_gid)


def try_lock(descriptor: int, kind: Lock) -> int | None:
    """Lock an open file at once and return its descriptor; if others hold it, close the file and return `None`."""
    if _attempt(descriptor, kind):
        return descriptor
    os.close(descriptor)
    return None


def upgrade(descriptor: int) -> bool:
    """Try to lock an open file exclusively at once; the file stays open either way."""
    return _attempt(descriptor, "exclusive")


def wait_for_lock(descriptor: int, kind: Lock, deadline: float) -> bool:
    """Lock an open file, waiting until `deadline` (of `time.monotonic`) for others to release it."""
    while not _attempt(descriptor, kind):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE)
    return True


def insist_on_lock(descriptor: int, kind: Lock, deadline: float, complaint: str) -> None:
    """Lock an open file, waiting until `deadline`; raise `EmbeddedError` if it is not to be had."""
    if not wait_for_lock(descriptor, kind, deadline):
        raise EmbeddedError(complaint)


@contextlib.contextmanager
def locked(descriptor: int, deadline: float, complaint: str) -> Iterator[None]:
    """Hold an exclusive lock on an open file for the length of a block, and close the file afterwards."""
    try:
        insist_on_lock(descriptor, "exclusive", deadline, complaint)
        yield
    finally:
        os.close(descriptor)


def _attempt(descriptor: int, kind: Lock) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if kind == "shared" else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        msg = f"The file system of TMS_HOME keeps no locks ({error.strerror}): move TMS_HOME to a local disk"
        raise EmbeddedError(msg) from error
    return True
