"""Drawings: figures that a page makes of lines and areas, without a word in them, become pictures of their part of the page.

Most of what is drawn on a page is no figure: rules, frames, grounds of code, cells of tables. A figure stands apart from all
text, is no mere rule, and has more in it than a few rectangles.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from tms.content.pdf import asking
from tms.content.pdf.pictures import EVERYWHERE, PictureTaker, Placed, alternatives_of
from tms.content.pdf.places import Box, Turn
from tms.content.pdf.text import Run

_DRAWN = frozenset({pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING, pdfium.FPDF_PAGEOBJ_FORM})
_RULE = 3.0
"""Points: what is no thicker is a rule, which belongs to a figure only if it touches one."""
_NEAR = 6.0
"""Points between parts of one figure."""
_SMALLEST = 24.0
_WHOLE_PAGE = 0.8
_MOST_GROUPS = 150
"""What a page has of more than so many separate pieces is an ornament, such as dots that lead to page numbers."""
_FEWEST_RECTANGLES = 4
_SCALE = 2.0
"""Pixels for each point."""
_MOST_PIXELS = 4_000_000
_MOST = 300
_SECONDS = 15.0
"""Of processor time for all drawings of a document, of the sixty that its reading may take."""


class Drawing(NamedTuple):
    """A figure on a page, which counts from 1, and how that is seen; `mark` is the number of its tagged content, -1 for none."""

    page: int
    turn: Turn
    box: Box
    mark: int


class _Group(NamedTuple):
    """Shapes that belong together: how many are mere rectangles and how many are not, and one of them."""

    box: Box
    rectangles: int
    richer: int
    one: int

    @property
    def is_figure(self) -> bool:
        """Whether there is more than a few rectangles."""
        return self.richer > 0 or self.rectangles >= _FEWEST_RECTANGLES

    def with_(self, other: "_Group") -> "_Group":
        """Both as one."""
        return _Group(
            self.box.with_(other.box),
            self.rectangles + other.rectangles,
            self.richer + other.richer,
            self.one,
        )


def find(number: int, objects: Iterable[tuple[int, int]], runs: list[Run], turn: Turn) -> list[Drawing]:
    """The figures of a page; `objects` are what stands on it beside text, by kind and address."""
    drawn = [(kind, one) for kind, one in objects if kind in _DRAWN]
    if not drawn or any(run.vertical for run in runs):
        return []
    page = Box(0.0, 0.0, *turn.size)
    shapes, rules = _parts(drawn, page, turn)
    words = [
        Box(run.left, run.baseline - 0.2 * run.size, run.right, run.baseline + 0.7 * run.size) for run in runs
    ]
    found = []
    for group in _groups(shapes):
        box = group.box
        for rule in rules:
            if box.touches(rule) and _is_within(rule, box):
                box = box.with_(rule)
        if group.is_figure and _has_size(box, page) and not any(box.touches(word) for word in words):
            found.append(Drawing(number, turn, box, asking.mark_of(group.one)))
    return found


def _parts(drawn: list[tuple[int, int]], page: Box, turn: Turn) -> tuple[list[_Group], list[Box]]:
    """What figures may be made of, each alone, and the rules."""
    shapes: list[_Group] = []
    rules: list[Box] = []
    bounds = asking.bounds([one for _, one in drawn])
    boxes = map(Box._make, bounds) if turn.is_plain else [turn.box(*one) for one in bounds]
    for (kind, one), box in zip(drawn, boxes, strict=True):
        if not page.touches(box) or box.share_of(page) > _WHOLE_PAGE:
            continue
        if min(box.width, box.height) <= _RULE:
            rules.append(box)
        elif kind == pdfium.FPDF_PAGEOBJ_PATH and asking.is_rectangle(one):
            shapes.append(_Group(box, 1, 0, one))
        elif kind != pdfium.FPDF_PAGEOBJ_FORM or asking.holds_drawing(one):
            shapes.append(_Group(box, 0, 1, one))
    return shapes, rules


def _has_size(box: Box, page: Box) -> bool:
    """Whether it is neither an ornament nor what the whole page stands on."""
    return min(box.width, box.height) >= _SMALLEST and box.share_of(page) <= _WHOLE_PAGE


def _is_within(rule: Box, box: Box) -> bool:
    """Whether a rule is not much longer than the figure, as an axis is; others run across the page."""
    return rule.width <= 1.5 * box.width and rule.height <= 1.5 * box.height


def _groups(shapes: list[_Group]) -> list[_Group]:
    """Shapes that touch, or nearly do, together; none where there are too many apart."""
    groups: list[_Group] = []
    waiting = shapes[::-1]
    while waiting:
        shape = waiting.pop()
        place = next((at for at, group in enumerate(groups) if group.box.touches(shape.box, _NEAR)), None)
        if place is None:
            groups.append(shape)
            if len(groups) > _MOST_GROUPS:
                return []
            continue
        together = groups[place].with_(shape)
        if together.box != groups[place].box:
            # It has grown, and may touch others now.
            waiting.append(together)
            del groups[place]
        else:
            groups[place] = together
    return groups


def render(
    document: pypdfium2.PdfDocument, drawings: list[Drawing], placed: list[Placed], taker: PictureTaker
) -> list[Placed]:
    """The drawings as pictures, but for those that come back page after page and what is part of a picture anyway."""
    at_place = Counter(_place(drawing) for drawing in drawings)
    on_page: dict[int, list[Box]] = defaultdict(list)
    for picture in placed:
        on_page[picture.page].append(picture.box)
    taken: list[Placed] = []
    until = time.process_time() + _SECONDS
    page: pypdfium2.PdfPage | None = None
    number = 0
    texts: dict[int, str] = {}
    for drawing in drawings:
        # What stands on a picture is its frame, or is written on it.
        if EVERYWHERE <= at_place[_place(drawing)] >= 0.5 * len(document) or any(
            map(drawing.box.touches, on_page[drawing.page])
        ):
            continue
        if len(taken) >= _MOST or time.process_time() > until:
            taker.left_out["chart"] += 1
            continue
        if page is None or drawing.page != number:
            page, number = document[drawing.page - 1], drawing.page
            texts = alternatives_of(page)
        kept = taker.keep_bitmap(_bitmap(page, drawing))
        if kept is not None:
            taken.append(Placed(number, drawing.box, kept, texts.get(drawing.mark, "")))
    return taken


def _place(drawing: Drawing) -> tuple[int, ...]:
    return tuple(map(round, drawing.box))


def _bitmap(page: pypdfium2.PdfPage, drawing: Drawing) -> pypdfium2.PdfBitmap:
    box, turn = drawing.box, drawing.turn
    width, height = turn.size
    margins = (box.left, box.bottom, width - box.right, height - box.top)
    return page.render(
        scale=min(_SCALE, (_MOST_PIXELS / (box.width * box.height)) ** 0.5),
        rotation=(90 * turn.quarters - page.get_rotation()) % 360,
        crop=tuple(max(0.0, margin - 1) for margin in margins),
        may_draw_forms=False,
    )
