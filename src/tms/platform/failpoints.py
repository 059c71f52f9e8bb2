"""Named points at which a process can be made to die, so that tests can prove what survives.

Whatever has an effect outside of its transaction declares a point before and after it and passes them with `here`.
`TMS_FAIL_AT=name` makes the process that passes the point kill itself there, as if the power had gone;
`TMS_FAIL_AT=name:3` on the third passage, and `TMS_FAIL_AT=name:1:stop` makes it stand still instead (SIGSTOP), until
somebody lets it go on (SIGCONT). The setting is for development alone: production refuses to start with it. Without
it a point costs one comparison.
"""

import os
import re
import signal
from dataclasses import dataclass
from typing import Literal

_NAME = re.compile(r"[a-z_]+(\.[a-z_]+){2,}")
_ORDER = re.compile(rf"(?P<point>{_NAME.pattern})(:(?P<passage>[1-9][0-9]{{0,5}})(:(?P<end>stop))?)?")


@dataclass
class _Armed:
    point: str
    passages_left: int
    end: Literal["kill", "stop"]


_declared: set[str] = set()
_armed: _Armed | None = None


def declare(*names: str) -> None:
    """Make points known, beside the code that passes them; `room.step.place`. A name belongs to one place."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name}: a fail point is named room.step.place")
        if name in _declared:
            raise ValueError(f"{name}: there is such a fail point already")
        _declared.add(name)


def declared() -> frozenset[str]:
    """Every point of the modules that have been imported."""
    return frozenset(_declared)


def check(order: str) -> str:
    """Return the value of `TMS_FAIL_AT` as it is; raises `ValueError` that says how it is written."""
    if not _ORDER.fullmatch(order):
        raise ValueError(
            "name a fail point: room.step.place, room.step.place:count or room.step.place:count:stop"
        )
    return order


def arm(order: str | None) -> None:
    """Take what `TMS_FAIL_AT` says for this process; none disarms it. Only `startup` calls this."""
    global _armed  # noqa: PLW0603 - what a process is told at its start holds for all of it
    found = _ORDER.fullmatch(order) if order else None
    _armed = None
    if found is not None:
        end: Literal["kill", "stop"] = "stop" if found["end"] else "kill"
        _armed = _Armed(found["point"], int(found["passage"] or 1), end)


def here(name: str) -> None:
    """Pass a point: nothing happens, unless `TMS_FAIL_AT` names it."""
    if _armed is not None:
        _reach(_armed, name)


def _reach(armed: _Armed, name: str) -> None:
    if name != armed.point:
        return
    armed.passages_left -= 1
    if armed.passages_left == 0:
        # Signals that cannot be caught: no `finally`, no buffer and no farewell to the database runs.
        os.kill(os.getpid(), signal.SIGSTOP if armed.end == "stop" else signal.SIGKILL)
