"""The guardian: the parent of the server, which it starts, starts again after a crash, and stops when the last user has gone."""

from __future__ import annotations

import collections
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tms.platform.embedded import cluster as clusters
from tms.platform.embedded import place as places
from tms.platform.embedded.cluster import Cluster
from tms.platform.embedded.place import EmbeddedError, Phase, Place, State

_BEAT = 0.2
_LOG_LIMIT = 8_000_000
# After a request to end (a machine that shuts down sends one to everybody) users get this long to leave first.
_GRACE = 5.0
_DEATHS = 5
_DEATHS_WITHIN = 60.0


def main(arguments: list[str]) -> int:
    """Guard the server of the `TMS_HOME` in the first argument; further ones are settings of the server, `name=value`."""
    place = Place.of(Path(arguments[0]))
    settings = dict(word.split("=", 1) for word in arguments[1:])
    lock = place.open(place.guardian)
    if not places.wait_for_lock(lock, "exclusive", time.monotonic() + 5):
        return 0
    os.chdir("/")
    os.umask(0o077)
    guardian = Guardian(place, settings, place.open(place.users))
    signal.signal(signal.SIGTERM, guardian.ask_to_end)
    signal.signal(signal.SIGINT, guardian.ask_to_end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        guardian.run()
    except EmbeddedError as error:
        note(str(error))
        guardian.say("failed", error=str(error))
        return 1
    except OSError as error:
        note(f"{type(error).__name__}: {error}")
        guardian.say(
            "failed", error=f"The database in {place.directory} cannot be used ({error}): see {place.log}"
        )
        return 1
    return 0


def note(text: str) -> None:
    """Write a line to the log, dated like the server's own."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    os.write(2, f"{stamp} [{os.getpid()}] guardian: {text}\n".encode())


@dataclass
class Guardian:
    """One guardian at work. `users` is its own descriptor of the users' lock, which it obtains once nobody holds it."""

    place: Place
    settings: Mapping[str, str]
    users: int
    server: subprocess.Popen[str] | None = None
    port: int | None = None
    asked: float | None = None
    deaths: collections.deque[float] = field(default_factory=lambda: collections.deque(maxlen=_DEATHS))

    def ask_to_end(self, _signal: int, _frame: FrameType | None) -> None:
        """Remember that somebody asked the guardian to end."""
        self.asked = self.asked or time.monotonic()

    def say(self, phase: Phase, error: str | None = None) -> None:
        """Tell those who wait how far the server is."""
        server = self.server.pid if self.server else None
        self.place.say(State(phase, guardian=os.getpid(), server=server, port=self.port, error=error))

    def run(self) -> None:
        """Start the server and keep it until it is not wanted any more. The users' lock is then held until this process ends."""
        self.say("starting")
        cluster = clusters.open_cluster(self.place, self.settings)
        try:
            while self._start(cluster) and self._attend():
                self._recover(cluster)
        finally:
            self._stop()

    def _start(self, cluster: Cluster) -> bool:
        """Start the server and wait until it serves; answer whether it is still wanted."""
        other_than: int | None = None
        for _ in range(3):
            self.port = clusters.choose_port(self.place, other_than=other_than)
            said_before = self._log_size()
            self.server = cluster.serve(self.port, self.settings)
            while self.server.poll() is None:
                if cluster.is_ready(self.server.pid):
                    self.say("ready")
                    return True
                if not self._wanted():
                    return False
                time.sleep(0.01)
            complaint = self._complaint(said_before)
            # Somebody may have taken the port in the moment since it was found free.
            if "could not create any TCP/IP sockets" not in complaint:
                break
            other_than = self.port
        raise EmbeddedError(f"PostgreSQL does not start: {complaint}; see {self.place.log}")

    def _attend(self) -> bool:
        """Watch the running server. Answer `True` once it has died although it is wanted, `False` once it is not wanted."""
        assert self.server is not None  # noqa: S101 - `run` calls this after `_start` only
        beats = 0
        while self._wanted():
            if self.server.poll() is not None:
                return True
            time.sleep(_BEAT)
            beats += 1
            if beats % 50 == 0:
                self._shorten_log()
        return False

    def _recover(self, cluster: Cluster) -> None:
        """Clear up after a server that died, and wait a little longer each time it dies soon again."""
        assert self.server is not None  # noqa: S101 - `run` calls this after `_start` only
        now = time.monotonic()
        self.deaths.append(now)
        note(f"the server ended with status {self.server.returncode}")
        self.server = None
        self.say("starting")
        recent = [death for death in self.deaths if now - death < _DEATHS_WITHIN]
        if len(recent) >= _DEATHS:
            msg = f"PostgreSQL died {len(recent)} times within {_DEATHS_WITHIN:.0f} seconds and is not started again: see {self.place.log}"
            raise EmbeddedError(msg)
        time.sleep(0.1 * 2 ** (len(recent) - 1))
        clusters.evict(cluster.data)

    def _stop(self) -> None:
        """Stop the server as one does at the end of a day; insist if it does not end."""
        if self.server is None or self.server.poll() is not None:
            return
        # The folder may be full, or gone.
        with contextlib.suppress(OSError, EmbeddedError):
            self.say("stopping")
        for how, patience in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            self.server.send_signal(how)
            try:
                self.server.wait(patience)
            except subprocess.TimeoutExpired:
                note(f"the server did not end within {patience} seconds of signal {how.name}")
            else:
                return

    def _wanted(self) -> bool:
        if places.upgrade(self.users):
            return False
        return self.asked is None or time.monotonic() - self.asked < _GRACE

    def _log_size(self) -> int:
        try:
            return self.place.log.stat().st_size
        except OSError:
            return 0

    def _complaint(self, since: int) -> str:
        """Return what the server said last about why it did not start, without the line's date."""
        try:
            with self.place.log.open("rb") as log:
                log.seek(since)
                lines = log.read(65_536).decode(errors="replace").splitlines()
        except OSError:
            lines = []
        for line in reversed(lines):
            if "FATAL:" in line or "PANIC:" in line:
                return line.split(":  ", 1)[-1].strip()
        return lines[-1] if lines else "it said nothing"

    def _shorten_log(self) -> None:
        """Keep the log and one older part of it. Everybody writes to its end, so it can be emptied under their hands."""
        if self._log_size() > _LOG_LIMIT:
            older = self.place.log.with_suffix(".log.1")
            # A full disk, or an older part that belongs to somebody else, is no reason to stop.
            with contextlib.suppress(OSError):
                older.unlink(missing_ok=True)
                shutil.copyfile(self.place.log, older)
                os.truncate(self.place.log, 0)
