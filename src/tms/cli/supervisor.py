"""The processes that `tms up` runs: started, started again when they die, stopped together."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SHORTEST_WAIT = 0.5
LONGEST_WAIT = 30.0
# Whoever ran this long has started well: the next death is not counted with those before.
RAN_WELL = 60.0


@dataclass
class Part:
    """One process: `command` are the words after `tms`, `handed` the descriptors that it inherits."""

    name: str
    command: Sequence[str]
    handed: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    started_at: float = field(default=0.0, repr=False)
    due_at: float = field(default=0.0, repr=False)

    def start(self) -> None:
        """Start it, in a session of its own: Ctrl-C reaches `tms up` alone, which then stops the parts in order."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - this very program, without a shell
            [sys.executable, "-P", "-m", "tms.cli", *self.command],
            # The open end of this pipe is how the part knows that `tms up` lives (`serving.end_with_parent`).
            stdin=subprocess.PIPE,
            pass_fds=list(self.handed),
            start_new_session=True,
        )

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def look_after(self, say: Callable[[str], None]) -> None:
        """Notice a death, and start the part again once its wait is over."""
        now = time.monotonic()
        if self.process is not None and not self.runs:
            self.deaths = 1 if now - self.started_at > RAN_WELL else self.deaths + 1
            wait = min(SHORTEST_WAIT * 2 ** (self.deaths - 1), LONGEST_WAIT)
            say(f"{self.name} ended with status {self.process.returncode}; starting it again in {wait:g} s")
            self._forget()
            self.due_at = now + wait
        elif self.process is None and now >= self.due_at:
            self.start()

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        if self.process is not None and self.runs:
            self.process.terminate()

    def kill(self) -> None:
        """Send SIGKILL and reap."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._forget()

    def _forget(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None


def stop(parts: Sequence[Part], patience: float) -> None:
    """End every part, all at the same time; those still there after `patience` seconds, or at a second Ctrl-C, are killed."""
    for part in parts:
        part.ask_to_end()
    deadline = time.monotonic() + patience
    try:
        while any(part.runs for part in parts) and time.monotonic() < deadline:
            time.sleep(0.05)
    except KeyboardInterrupt:
        pass
    finally:
        for part in parts:
            part.kill()
