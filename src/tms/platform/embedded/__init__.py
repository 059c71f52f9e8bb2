"""PostgreSQL without an installation, for everything that runs with nothing set.

Whoever needs the database calls `acquire` and holds what it returns for as long as it uses the database:

- a *user* holds a shared lock on `users.lock`; the kernel drops it even if the user is killed;
- the *guardian* (`guardian.py`), one process for each `TMS_HOME` and independent of all users, is the server's parent. It starts
  the server again after a crash, and stops it as soon as it can lock `users.lock` for itself: the last user has gone;
- the server ends with its guardian, however that ends (on Linux at once, elsewhere at the next `acquire`).

Only the binaries come from a package; `cluster.py` makes the database, `account.py` says as whom it runs.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tms.platform.embedded import place as places
from tms.platform.embedded.place import EmbeddedError, Place

__all__ = ["Embedded", "EmbeddedError", "acquire", "is_running", "log_path"]

_PAUSE = 0.02
_TRIES = 3

# Guardians started by this process that it has not reaped yet.
_guardians: set[int] = set()
# Locks held by this process. A forked child must not hold on to them: it would keep the server up after its parent's end.
_held: set[int] = set()


@dataclass
class Embedded:
    """One use of the server, until `release` or the end of the process. `url` is what libpq understands."""

    url: str
    _place: Place
    _lock: int | None = field(repr=False)

    def release(self, *, wait: float = 0) -> None:
        """End this use. With `wait`, stay up to that many seconds until the server has stopped, unless others still use it."""
        if self._lock is not None:
            _close(self._lock)
            self._lock = None
        until = time.monotonic() + wait
        # The guardian looks for users several times a second: if it has not begun to stop by then, there are others.
        patience = time.monotonic() + min(wait, 1.0)
        while time.monotonic() < until and self._place.is_guarded():
            state = self._place.state()
            if time.monotonic() > patience and (state is None or state.phase != "stopping"):
                break
            time.sleep(_PAUSE)
        _reap()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def acquire(home: Path, *, timeout: float = 60, settings: Mapping[str, str] | None = None) -> Embedded:
    """Start or adopt the server whose data lie in `home/postgres`, and use it.

    `settings` are PostgreSQL's own, for a server that is started now (an adopted one keeps what it has). Blocks for at most
    `timeout` seconds. Raises `EmbeddedError`.
    """
    if sys.platform == "win32":
        raise EmbeddedError(
            "The embedded PostgreSQL needs Linux or macOS: set DATABASE_URL to a PostgreSQL 16 or newer"
        )
    place = Place.of(home)
    place.make()
    deadline = time.monotonic() + timeout
    lock = place.open(place.users)
    _held.add(lock)
    try:
        # While a server is on its way down its guardian holds this lock until it has ended.
        complaint = f"The database is still stopping after {timeout:.0f} seconds: see {place.log}"
        places.insist_on_lock(lock, "shared", deadline, complaint)
        complaint = (
            f"Another process has been starting the database for {timeout:.0f} seconds: see {place.log}"
        )
        with places.locked(place.open(place.start), deadline, complaint):
            return Embedded(_served(place, deadline, settings or {}), place, lock)
    except BaseException:
        _close(lock)
        raise


def is_running(home: Path) -> bool:
    """Tell whether the server of a `TMS_HOME` is up."""
    place = Place.of(home)
    state = place.state()
    return place.is_guarded() and state is not None and state.phase == "ready"


def log_path(home: Path) -> Path:
    """Return the file in which the server of a `TMS_HOME` writes what happens."""
    return Place.of(home).log


def _served(place: Place, deadline: float, settings: Mapping[str, str]) -> str:
    """Return the address of the running server; if no guardian lives, start one."""
    tries = 0
    guardian: int | None = None
    refusal = "it may be recovering: try again in a minute"
    while time.monotonic() < deadline:
        guarded, state = place.is_guarded(), place.state()
        if guarded and state is not None and state.phase == "ready":
            url = f"postgresql://tms:{place.read(place.password)}@127.0.0.1:{state.port}/tms"
            refusal = _knock(place, url)
            if not refusal:
                return url
        if not guarded and (guardian is None or _has_ended(guardian)):
            if guardian is not None and state is not None and state.phase == "failed":
                raise EmbeddedError(state.error or f"The database does not start: see {place.log}")
            if tries == _TRIES:
                raise EmbeddedError(f"The guardian of the database ends at once: see {place.log}")
            tries += 1
            place.forget_state()
            guardian = _start_guardian(place, settings)
        time.sleep(_PAUSE)
    raise EmbeddedError(f"The database is not ready in time ({refusal}): see {place.log}")


def _knock(place: Place, url: str) -> str:
    """Return why the server does not let us in at this moment; nothing if it does."""
    import psycopg  # noqa: PLC0415 - the guardian imports this package too and should stay small

    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as error:
        if "password authentication failed" in str(error):
            msg = f"The database refuses the password in {place.password}: remove that file while TMS is stopped, and a new one is made"
            raise EmbeddedError(msg) from error
        return " ".join(str(error).split())
    return ""


def _start_guardian(place: Place, settings: Mapping[str, str]) -> int:
    """Start the guardian in a session of its own, so that neither Ctrl-C nor a closed terminal reaches it."""
    os.close(place.open(place.log))
    words = [sys.executable, "-P", "-m", __name__, str(place.directory.parent)]
    words += [f"{name}={value}" for name, value in settings.items()]
    log = str(place.log)
    guardian = os.posix_spawn(
        words[0],
        words,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_APPEND, 0),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        # A thread may have blocked signals, and that is inherited.
        setsigmask=(),
    )
    _guardians.add(guardian)
    return guardian


def _has_ended(guardian: int) -> bool:
    _reap()
    return guardian not in _guardians


def _reap() -> None:
    for guardian in list(_guardians):
        try:
            ended = os.waitpid(guardian, os.WNOHANG)[0] != 0
        except ChildProcessError:
            ended = True
        if ended:
            _guardians.discard(guardian)


def _close(lock: int) -> None:
    if lock in _held:
        _held.discard(lock)
        os.close(lock)


def _close_in_child() -> None:
    _guardians.clear()
    for lock in list(_held):
        with contextlib.suppress(OSError):
            _close(lock)


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_close_in_child)
