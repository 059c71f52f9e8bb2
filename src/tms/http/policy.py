"""The policy: every route has a line that says whom it admits and what they see behind it; a route without is denied.

Rooms declare their lines beside their routes and `app` joins them into one table, which the gate obeys before it reads
a body. What is behind a door, for each role, is decided by the rooms' `visible_to` predicates; a line's `Sight` states
it, for people and for the matrix of tests that holds the predicates to it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tms.platform import limits
from tms.platform.caller import Role
from tms.platform.limits import Limit

API = "/api/v1"
JSON_BYTES = 1024 * 1024
"""The largest JSON body, 1 MiB: far above any real form, far below what hurts."""

ADMIN = frozenset({Role.ADMIN})
STAFF = frozenset({Role.ADMIN, Role.TRAINER})
EVERYONE = frozenset(Role)
PUBLIC: frozenset[Role] = frozenset()


class Reach(StrEnum):
    """Which things behind a door exist for a role; each step holds the one before it. What is out of reach is not found."""

    NONE = "none"
    OWN = "own"
    """Themselves; what they run, are in, are named on, have been given, or started."""
    RELATED = "related"
    """Also what their own leads to: students of their batches, what those have been given, published courses."""
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Sight:
    """The rule on ownership behind a door: a phrase for people, and for each role how far it reaches.

    `reads` is how far staff reach with the route that reads these things, where that is further: what they may read and
    not change is refused (403), since to them it exists.
    """

    phrase: str
    trainer: Reach = Reach.NONE
    student: Reach = Reach.NONE
    admin: Reach = Reach.ANY
    reads: Reach = Reach.NONE


@dataclass(frozen=True, slots=True)
class Line:
    """`path` is spelled as in the OpenAPI document. No roles means that no token is asked for."""

    method: str
    path: str
    roles: frozenset[Role]
    sees: str
    max_bytes: int = JSON_BYTES
    sight: Sight | None = None
    limit: Limit | None = None
    """How often one caller may come through this door; only where a token is asked for."""

    def reach(self, role: Role) -> Reach:
        """How far a role reaches behind this door; a phrase alone says it of administrators, who reach everything."""
        if role not in self.roles:
            return Reach.NONE
        return Reach(getattr(self.sight or Sight(self.sees), role.value))


def line(
    method: str,
    path: str,
    roles: frozenset[Role],
    sees: str | Sight,
    *,
    max_bytes: int = JSON_BYTES,
    limit: Limit | None = None,
) -> Line:
    """A line for a route under the API's prefix; one that admits others than administrators says how far they reach.

    Without a `limit` of its own, what changes something counts as one of the caller's writes, and reads are not counted.
    """
    sight = sees if isinstance(sees, Sight) else Sight(sees)
    if limit is None and roles and method != "GET":
        limit = limits.WRITES
    return Line(method, f"{API}{path}", roles, sight.phrase, max_bytes, sight, limit)


Found = tuple[Line, dict[str, str]]


class Table:
    """All lines, found by method and path."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = tuple(lines)
        self._fixed: dict[tuple[str, str], Line | None] = {}
        self._patterns: dict[tuple[str, str], list[tuple[re.Pattern[str], Line | None]]] = {}
        for entry in self.lines:
            if "{" not in entry.path:
                self._add_fixed(entry)
            else:
                self._patterns.setdefault((entry.method, _area(entry.path)), []).append(
                    (_pattern(entry.path), entry)
                )
        self._keep_apart()

    def _keep_apart(self) -> None:
        """A path of its own, such as `/students/enroll`, is no student's for the methods that it has not got."""
        known = {(entry.method, entry.path) for entry in self.lines}
        for wide in self.lines:
            for narrow in self.lines:
                if (wide.method, narrow.path) in known or not _is_within(narrow.path, wide.path):
                    continue
                if "{" not in narrow.path:
                    self._fixed[wide.method, narrow.path] = None
                else:
                    found = self._patterns[wide.method, _area(wide.path)]
                    found.insert(0, (_pattern(narrow.path), None))

    def _add_fixed(self, entry: Line) -> None:
        if self._fixed.setdefault((entry.method, entry.path), entry) is not entry:
            raise ValueError(f"two policy lines for {entry.method} {entry.path}")

    def find(self, method: str, path: str) -> Line | None:
        """The line of a request, or none; HEAD asks what GET asks."""
        found = self.locate(method, path)
        return None if found is None else found[0]

    def locate(self, method: str, path: str) -> Found | None:
        """The line of a request and what stands in the place of its parameters, or none."""
        method = "GET" if method == "HEAD" else method
        if (method, path) in self._fixed:
            fixed = self._fixed[method, path]
            return None if fixed is None else (fixed, {})
        for pattern, entry in self._patterns.get((method, _area(path)), ()):
            match = pattern.fullmatch(path)
            if match is not None:
                return None if entry is None else (entry, match.groupdict())
        return None


def _pattern(path: str) -> re.Pattern[str]:
    parts = (
        f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)
        for part in re.split(r"(\{[^}]+\})", path)
    )
    return re.compile("".join(parts))


def _is_within(narrow: str, wide: str) -> bool:
    """Whether each request for the first template would fit the second, which names less."""
    return narrow.count("{") < wide.count("{") and _pattern(wide).fullmatch(narrow) is not None


def _area(path: str) -> str:
    """The first part of a path that is never a parameter, such as `students`: few lines share one."""
    parts = path.removeprefix(API).split("/", 2)
    return parts[1] if len(parts) > 1 else ""
