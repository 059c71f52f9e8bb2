"""Where things stand on a page as it is seen, in points from its lower left corner."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple


class Box(NamedTuple):
    """A part of a page."""

    left: float
    bottom: float
    right: float
    top: float

    @classmethod
    def around(cls, boxes: Iterable["Box"]) -> "Box":
        """The part that holds them all."""
        lefts, bottoms, rights, tops = zip(*boxes, strict=True)
        return cls(min(lefts), min(bottoms), max(rights), max(tops))

    @property
    def width(self) -> float:
        """From side to side."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From its lower edge to its upper one."""
        return self.top - self.bottom

    def with_(self, other: "Box") -> "Box":
        """The part that holds both."""
        return Box(
            min(self.left, other.left),
            min(self.bottom, other.bottom),
            max(self.right, other.right),
            max(self.top, other.top),
        )

    def touches(self, other: "Box", near: float = 0.0) -> bool:
        """Whether both share a place, or nearly do."""
        return (
            self.left - near <= other.right
            and other.left - near <= self.right
            and self.bottom - near <= other.top
            and other.bottom - near <= self.top
        )

    def share_of(self, other: "Box") -> float:
        """Its area by that of the other."""
        return self.width * self.height / max(1.0, other.width * other.height)

    def holds(self, other: "Box") -> bool:
        """Whether the middle of the other lies within."""
        return (
            self.left <= (other.left + other.right) / 2 <= self.right
            and self.bottom <= (other.bottom + other.top) / 2 <= self.top
        )


def together(boxes: list[Box], near: float, most: int) -> list[list[int]]:
    """The places of those that touch, or nearly do, in groups; none where there are more than `most` groups."""
    groups: list[tuple[Box, list[int]]] = []
    waiting = [(box, [place]) for place, box in enumerate(boxes)][::-1]
    while waiting:
        box, members = waiting.pop()
        at = next((at for at, group in enumerate(groups) if group[0].touches(box, near)), None)
        if at is None:
            groups.append((box, members))
            if len(groups) > most:
                return []
            continue
        own, others = groups[at]
        both = own.with_(box)
        larger, smaller = (others, members) if len(others) >= len(members) else (members, others)
        larger += smaller
        groups[at] = (both, larger)
        if both != own:
            # It has grown, and may touch others now.
            waiting.append(groups.pop(at))
    return [sorted(members) for _, members in groups]


@dataclass(frozen=True, slots=True)
class Turn:
    """How a page is seen: turned by quarters (0 to 3, clockwise), and the part of it that is shown.

    The part begins `left` and `bottom` of the file's own coordinates, and has its width and height before it is turned.
    """

    quarters: int
    width: float
    height: float
    left: float = 0.0
    bottom: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether places are seen where the file has them."""
        return self.quarters == 0 and self.left == 0 == self.bottom

    @property
    def size(self) -> tuple[float, float]:
        """Width and height as seen."""
        return (self.height, self.width) if self.quarters % 2 else (self.width, self.height)

    def by(self, quarters: int) -> "Turn":
        """The same page turned so much further."""
        return replace(self, quarters=(self.quarters + quarters) % 4)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """The place as it is seen."""
        x, y = x - self.left, y - self.bottom
        if self.quarters == 1:
            return y, self.width - x
        if self.quarters == 2:
            return self.width - x, self.height - y
        if self.quarters == 3:
            return self.height - y, x
        return x, y

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """The part of the page as it is seen."""
        (one_x, one_y), (other_x, other_y) = self.point(left, bottom), self.point(right, top)
        return Box(min(one_x, other_x), min(one_y, other_y), max(one_x, other_x), max(one_y, other_y))

    def vector(self, x: float, y: float) -> tuple[float, float]:
        """The direction as it is seen."""
        return ((x, y), (y, -x), (-x, -y), (-y, x))[self.quarters]
