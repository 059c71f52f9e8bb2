"""Drawings: figures that a page makes of lines and areas become pictures of their part of the page.

Most of what is drawn on a page is no figure: rules, frames, grounds of code, cells of tables. A figure without a word in it stands
apart from all text, is no mere rule, and has more in it than a few rectangles; `diagrams` tells those with words.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from tms.content.pdf import asking, diagrams, lines
from tms.content.pdf.lines import PageText, Piece
from tms.content.pdf.pictures import EVERYWHERE, PictureTaker, Placed, alternatives_of
from tms.content.pdf.places import Box, Turn, together
from tms.content.pdf.text import HYPHEN, Run, upright

_DRAWN = frozenset({pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING, pdfium.FPDF_PAGEOBJ_FORM})
_RULE = 3.0
"""Points: what is no thicker is a rule, which belongs to a figure only if it touches one."""
_NEAR = 6.0
"""Points between parts of one figure."""
_SMALLEST = 24.0
_WHOLE_PAGE = 0.8
_MOST_GROUPS = 150
"""What a page has of more than so many separate pieces is an ornament, such as dots that lead to page numbers."""
_MOST_RULES = 2000
_FEWEST_RECTANGLES = 4
_NEXT_LINE = 1.5
"""Of the size: lines of one label are not further apart."""
_SCALE = 2.0
"""Pixels for each point."""
_MOST_PIXELS = 4_000_000
_MOST = 300
_SECONDS = 15.0
"""Of processor time for all drawings of a document, of the sixty that its reading may take."""


class Drawing(NamedTuple):
    """A figure on a page, which counts from 1, and how that is seen; `mark` is the number of its tagged content, -1 for none.

    `labels` are the words in it, which are left out of the page's text.
    """

    page: int
    turn: Turn
    box: Box
    mark: int
    labels: tuple[Run, ...] = ()


class _Shape(NamedTuple):
    """Something drawn that is no mere rule."""

    box: Box
    is_rectangle: bool
    one: int


def find(number: int, objects: Iterable[tuple[int, int]], runs: list[Run], turn: Turn) -> list[Drawing]:
    """The figures of a page; `objects` are what stands on it beside text, by kind and address."""
    drawn = [(kind, one) for kind, one in objects if kind in _DRAWN]
    if not drawn or any(run.vertical for run in runs):
        return []
    page = Box(0.0, 0.0, *turn.size)
    shapes, rules = _parts(drawn, page, turn)
    found = [
        Drawing(number, turn, one.box, asking.mark_of(one.one), one.labels)
        for one in (diagrams.find(drawn, runs, turn) if runs else ())
    ]
    taken = [one.box for one in found]
    for members in together([shape.box for shape in shapes], _NEAR, _MOST_GROUPS):
        group = [shapes[place] for place in members]
        box = Box.around(shape.box for shape in group)
        for rule in rules[:_MOST_RULES]:
            if box.touches(rule) and _is_within(rule, box):
                box = box.with_(rule)
        if (
            _is_figure(group)
            and _has_size(box, page)
            and not any(map(box.touches, taken))
            and not any(_is_in(run, box) for run in runs)
        ):
            found.append(Drawing(number, turn, box, asking.mark_of(group[0].one)))
    return found


def _is_in(run: Run, box: Box) -> bool:
    """Whether the text touches that part of the page."""
    return (
        run.left <= box.right
        and box.left <= run.right
        and run.baseline - 0.2 * run.size <= box.top
        and box.bottom <= run.baseline + 0.7 * run.size
    )


def _is_figure(group: list[_Shape]) -> bool:
    """Whether there is more than a few rectangles."""
    return len(group) >= _FEWEST_RECTANGLES or not all(shape.is_rectangle for shape in group)


def _parts(drawn: list[tuple[int, int]], page: Box, turn: Turn) -> tuple[list[_Shape], list[Box]]:
    """What figures may be made of, each alone, and the rules."""
    shapes: list[_Shape] = []
    rules: list[Box] = []
    bounds = asking.bounds([one for _, one in drawn])
    boxes = map(Box._make, bounds) if turn.is_plain else [turn.box(*one) for one in bounds]
    for (kind, one), box in zip(drawn, boxes, strict=True):
        if not page.touches(box) or box.share_of(page) > _WHOLE_PAGE:
            continue
        if min(box.width, box.height) <= _RULE:
            rules.append(box)
        elif kind == pdfium.FPDF_PAGEOBJ_PATH and asking.is_rectangle(one):
            shapes.append(_Shape(box, True, one))
        elif kind != pdfium.FPDF_PAGEOBJ_FORM or asking.holds_drawing(one):
            shapes.append(_Shape(box, False, one))
    return shapes, rules


def _has_size(box: Box, page: Box) -> bool:
    """Whether it is neither an ornament nor what the whole page stands on."""
    return min(box.width, box.height) >= _SMALLEST and box.share_of(page) <= _WHOLE_PAGE


def _is_within(rule: Box, box: Box) -> bool:
    """Whether a rule is not much longer than the figure, as an axis is; others run across the page."""
    return rule.width <= 1.5 * box.width and rule.height <= 1.5 * box.height


def render(
    document: pypdfium2.PdfDocument, drawings: list[Drawing], placed: list[Placed], taker: PictureTaker
) -> tuple[list[Placed], list[Drawing]]:
    """The drawings as pictures, and those that become none.

    These come back page after page, are part of a picture anyway, show nothing, or would take too long.
    """
    at_place = Counter(_place(drawing) for drawing in drawings)
    on_page: dict[int, list[Box]] = defaultdict(list)
    for picture in placed:
        on_page[picture.page].append(picture.box)
    taken: list[Placed] = []
    others: list[Drawing] = []
    until = time.process_time() + _SECONDS
    page: pypdfium2.PdfPage | None = None
    number = 0
    texts: dict[int, str] = {}
    for drawing in drawings:
        # What stands on a picture is its frame, or is written on it.
        if EVERYWHERE <= at_place[_place(drawing)] >= 0.5 * len(document) or any(
            map(drawing.box.touches, on_page[drawing.page])
        ):
            others.append(drawing)
            continue
        if len(taken) >= _MOST or time.process_time() > until:
            taker.left_out["chart"] += 1
            others.append(drawing)
            continue
        if page is None or drawing.page != number:
            page, number = document[drawing.page - 1], drawing.page
            texts = alternatives_of(page)
        kept = taker.keep_bitmap(_bitmap(page, drawing))
        if kept is None:
            others.append(drawing)
            continue
        taken.append(Placed(number, drawing.box, kept, _alternative(texts.get(drawing.mark, ""), drawing)))
    return taken, others


def _alternative(text: str, drawing: Drawing) -> str:
    """The alternative text that the file has, and the words that stand in the figure, those of one label together."""
    seen = [run for run in drawing.labels if not run.turned]
    across = [upright(run) for run in drawing.labels if run.turned]
    found = [*lines.lines_of(PageText(0, 0, 0), seen), *lines.lines_of(PageText(0, 0, 0), across)]
    labels: list[list[Piece]] = []
    for piece in (piece for line in found for piece in line.pieces):
        label = next((label for label in labels if _goes_on(label[-1], piece)), None)
        if label is None:
            labels.append([piece])
        else:
            label.append(piece)
    texts = [" ".join(piece.text for piece in label).replace(f"{HYPHEN} ", "") for label in labels]
    words = ", ".join(" ".join(text.split()) for text in texts)
    return f"{text} ({words})" if text and words else text or words


def _goes_on(last: Piece, piece: Piece) -> bool:
    """Whether a piece is the next line of a label."""
    return (
        abs(last.size - piece.size) < 0.05 * last.size
        and 0 < last.baseline - piece.baseline < _NEXT_LINE * last.size
        and min(last.right, piece.right) - max(last.left, piece.left) > 0
    )


def _place(drawing: Drawing) -> tuple[tuple[int, ...], str]:
    """Equal for one drawing on several pages: its place, and the words in it."""
    return tuple(map(round, drawing.box)), "".join(run.text for run in drawing.labels)


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
