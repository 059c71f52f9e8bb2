"""What figures are drawn of, part by part, also within groups: which form each has."""

from collections.abc import Iterable
from enum import Enum, auto
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from tms.content.pdf import asking
from tms.content.pdf.places import Box, Turn

RULE = 3.0
"""Points: what is no thicker is a straight line."""
_DRAWN = frozenset({pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING})
_MOST = 3000
_MOST_POINTS = 64
_DEEPEST = 3
_CORNERS = 4
_LONGEST_LINE = 8


class Form(Enum):
    """What a part of a drawing looks like: `BOX` for what fills its place, such as rounded boxes and ellipses; `LINE` is open and not straight."""

    RULE = auto()
    LINE = auto()
    RECTANGLE = auto()
    BOX = auto()
    FREE = auto()


LINES = frozenset({Form.RULE, Form.LINE})


class Part(NamedTuple):
    """One of them, and its address."""

    box: Box
    form: Form
    one: int


def parts_of(drawn: Iterable[tuple[int, int]], turn: Turn) -> list[Part]:
    """What is drawn, also within groups, each part alone; none where there is too much of it."""
    parts: list[Part] = []
    waiting: list[tuple[int, int, tuple[pypdfium2.PdfMatrix, ...]]] = [(*one, ()) for one in drawn]
    while waiting:
        kind, one, groups = waiting.pop()
        if kind == pdfium.FPDF_PAGEOBJ_FORM:
            if len(groups) < _DEEPEST:
                inner = (pypdfium2.PdfMatrix(*asking.matrix_of(one)), *groups)
                waiting += [(*child, inner) for child in asking.within(one, _MOST)]
        elif kind in _DRAWN:
            (bounds,) = asking.bounds([one])
            for group in groups:
                bounds = group.on_rect(*bounds)
            box = turn.box(*bounds)
            parts.append(Part(box, _form_of(kind, one, box), one))
        if len(parts) + len(waiting) > _MOST:
            return []
    return parts


def _form_of(kind: int, one: int, box: Box) -> Form:
    if min(box.width, box.height) <= RULE:
        return Form.RULE
    if kind != pdfium.FPDF_PAGEOBJ_PATH:
        return Form.BOX
    points = asking.points_of(one, _MOST_POINTS)
    if not points:
        return Form.FREE
    left, bottom, right, top = Box.around(Box(x, y, x, y) for x, y in points)
    sides = [(_side(x, left, right), _side(y, bottom, top)) for x, y in points]
    if len({side for side in sides if 0 not in side}) == _CORNERS and all(0 not in side for side in sides):
        return Form.RECTANGLE
    if not all(any(side) for side in sides):
        return Form.FREE
    return Form.BOX if points[0] == points[-1] or len(points) > _LONGEST_LINE else Form.LINE


def _side(place: float, low: float, high: float) -> int:
    """-1 at the lower end, 1 at the upper one, 0 between."""
    near = 0.02 * (high - low)
    return -1 if place <= low + near else 1 if place >= high - near else 0
