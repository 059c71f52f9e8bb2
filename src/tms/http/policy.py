"""The policy: every route has a line that says whom it admits and what they see behind it; a route without is denied.

Rooms declare their lines beside their routes and `app` joins them into one table, which the gate obeys before it reads
a body. What is behind a door, for each role, is decided by the rooms' `visible_to` predicates; `sees` states it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tms.platform.caller import Role

API = "/api/v1"
JSON_BYTES = 1024 * 1024
"""The largest JSON body, 1 MiB: far above any real form, far below what hurts."""

ADMIN = frozenset({Role.ADMIN})
STAFF = frozenset({Role.ADMIN, Role.TRAINER})
EVERYONE = frozenset(Role)
PUBLIC: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True)
class Line:
    """`path` is spelled as in the OpenAPI document. No roles means that no token is asked for."""

    method: str
    path: str
    roles: frozenset[Role]
    sees: str
    max_bytes: int = JSON_BYTES


def line(method: str, path: str, roles: frozenset[Role], sees: str, *, max_bytes: int = JSON_BYTES) -> Line:
    """A line for a route under the API's prefix."""
    return Line(method, f"{API}{path}", roles, sees, max_bytes)


class Table:
    """All lines, found by method and path."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = tuple(lines)
        self._fixed: dict[tuple[str, str], Line] = {}
        self._patterns: dict[tuple[str, str], list[tuple[re.Pattern[str], Line]]] = {}
        for entry in self.lines:
            if "{" not in entry.path:
                self._add_fixed(entry)
            else:
                parts = re.split(r"\{[^}]+\}", entry.path)
                pattern = re.compile("[^/]+".join(re.escape(part) for part in parts))
                self._patterns.setdefault((entry.method, _area(entry.path)), []).append((pattern, entry))

    def _add_fixed(self, entry: Line) -> None:
        if self._fixed.setdefault((entry.method, entry.path), entry) is not entry:
            raise ValueError(f"two policy lines for {entry.method} {entry.path}")

    def find(self, method: str, path: str) -> Line | None:
        """The line of a request, or none; HEAD asks what GET asks."""
        method = "GET" if method == "HEAD" else method
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed
        for pattern, entry in self._patterns.get((method, _area(path)), ()):
            if pattern.fullmatch(path):
                return entry
        return None


def _area(path: str) -> str:
    """The first part of a path that is never a parameter, such as `students`: few lines share one."""
    parts = path.removeprefix(API).split("/", 2)
    return parts[1] if len(parts) > 1 else ""
