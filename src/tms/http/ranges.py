"""Parts of a file (RFC 9110, section 14), as players of video ask for them: one range at a time.

Several ranges in one request are answered with the whole, which the RFC allows (14.2): no player asks for them, and
thousands that overlap would cost the sender nothing and us a lot.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tms.platform.errors import DomainError

# More digits than any size has would only cost time.
_ONE = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE | re.ASCII)
_TAG = re.compile(r'(?:W/)?("[^"]*")')


class RangeNotSatisfiableError(DomainError):
    """The range begins beyond the end of the file."""

    status = 416
    code = "range_not_satisfiable"
    title = "The file has no such part"


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes from `start` up to before `stop`."""

    start: int
    stop: int


def part(headers: Mapping[str, str], *, size: int, etag: str) -> Part | None:
    """What a GET asks for; None for the whole file: no range, one that cannot be read, several, or another version's.

    Raises `RangeNotSatisfiableError`.
    """
    found = _ONE.fullmatch(headers.get("range", ""))
    if found is None or headers.get("if-range", etag) != etag:
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise RangeNotSatisfiableError(f"The file has {size} bytes.")
    return Part(start, stop)


def is_known(headers: Mapping[str, str], etag: str) -> bool:
    """Whether `If-None-Match` names this version, so that nothing need be sent (RFC 9110, 13.1.2)."""
    asked = headers.get("if-none-match", "")
    return asked.strip() == "*" or etag in _TAG.findall(asked)
