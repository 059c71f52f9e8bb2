"""Figures with words in them: diagrams and charts, told from all else that is drawn around words.

Tables, boxes, grounds of code, marked words and rules are drawn too. A figure shows itself by what these never have: lines that
lead from one labelled shape to another, bars of different heights on one line, or large shapes of free form. Its words are
short labels; where they are more, or in doubt, all of it stays text.
"""

import re
from collections import Counter, defaultdict
from itertools import pairwise
from typing import NamedTuple

import pypdfium2.raw as pdfium

from tms.content.pdf.lines import Piece, pieces_of
from tms.content.pdf.places import Box, Turn, together
from tms.content.pdf.shapes import LINES, RULE, Form, Part, parts_of
from tms.content.pdf.text import Run, TurnedRun

_MOST_GROUPS = 150
_NEAR = 6.0
_LARGE = 24.0
_WHOLE_PAGE = 0.8
_LONGEST_RULE = 0.85
_FRAME = 0.9
"""Of the figure: what is as large holds all else."""
_FEWEST_NODES = 2
_MOST_NODES = 200
_MOSTLINES = 1000
_SMALLEST_NODE = 8.0
_REACH = 12.0
"""Points from a line's end to the shape that it leads to, for the head of an arrow."""
_FEWEST_BARS = 3
_ONE_WIDTH = 1.1
_FEWEST_ROWS = 3
_FEWEST_CELLS = 3
_FEWEST_TICKS = 3
_FEWEST_LABELS = 2
_MOST_WORDS = 150
_MOST_PIECES = 5000
_LONGEST_LABEL = 7
"""Words: a line of more is a sentence."""
_MOST_TEXT = 0.4
"""Of the figure's part of the page."""
_LARGER, _LARGER_IN_CHART = 1.15, 1.5
"""Of the size of the page's text: what is larger is a heading, but for a chart's own."""
_LARGEST_ON_SHAPES = 14.0
"""Points: larger type on a drawn ground is a title page."""
_BESIDE, _BELOW = 20.0, 14.0
"""Points: how far to the side of what they name labels stand, and how far above or below."""
_INTO = 0.25
_ROWS_BESIDE = 2
_LONGEST_BESIDE = 4
_WIDEST_BESIDE = 0.35
_SAME = 0.05
_CAPTION = re.compile(r"\s*[^\W\d_]{3,12}\.?\s*\d+(?:[.-]\d+)*\s*[.:–—-]")
"""Such as "Figure 3:"."""


class _Word(NamedTuple):
    """A piece of text and its place."""

    box: Box
    piece: Piece

    @property
    def length(self) -> int:
        """In words."""
        return len(self.piece.text.split())

    def reaches_into(self, box: Box) -> bool:
        """Whether it stands in that part of the page, and not merely close above or below."""
        return box.touches(self.box, -_INTO * self.piece.size)


class Labelled(NamedTuple):
    """A figure with its words: its place, one of the objects that it is made of, and the runs of text in it."""

    box: Box
    one: int
    labels: tuple[Run, ...]


def find(drawn: list[tuple[int, int]], runs: list[Run], turn: Turn) -> list[Labelled]:
    """The labelled figures of a page; `drawn` are its paths, shadings and groups by kind and address."""
    if len(drawn) == 1 and drawn[0][0] == pdfium.FPDF_PAGEOBJ_PATH:
        return []
    page = Box(0.0, 0.0, *turn.size)
    parts = [part for part in parts_of(drawn, turn) if _may_belong(part.box, page)]
    if not _promises(parts):
        return []
    words = _words(runs)
    if len(words) > _MOST_PIECES:
        return []
    size = _usual_size(runs)
    found: list[Labelled] = []
    for members in together([part.box for part in parts], _NEAR, _MOST_GROUPS):
        group = [parts[place] for place in members]
        figure = _figure(group, words, size)
        if figure is not None and figure.box.share_of(page) <= _WHOLE_PAGE:
            found.append(figure)
    groups = together([one.box for one in found], 0, len(found))
    whole = [_as_one([found[place] for place in members]) for members in groups]
    return sorted(whole, key=lambda one: -one.box.top)


def _as_one(figures: list[Labelled]) -> Labelled:
    """Those that stand so close that they share words, such as two charts side by side."""
    labels = {run.index: run for figure in figures for run in figure.labels}
    return Labelled(Box.around(figure.box for figure in figures), figures[0].one, tuple(labels.values()))


def _words(runs: list[Run]) -> list[_Word]:
    straight = [
        _Word(
            Box(
                piece.left,
                piece.baseline - 0.2 * piece.size,
                piece.right,
                piece.baseline + 0.7 * piece.size,
            ),
            piece,
        )
        for piece in pieces_of([run for run in runs if not run.turned])
    ]
    turned = [
        _Word(
            Box(run.left, run.bottom, run.right, run.top),
            Piece([run], run.left, run.right, run.baseline, run.size),
        )
        for run in runs
        if run.turned and isinstance(run, TurnedRun)
    ]
    return [word for word in (*straight, *turned) if word.piece.text.strip()]


def _usual_size(runs: list[Run]) -> float:
    """The size that most of the page's text has."""
    sizes: Counter[float] = Counter()
    for run in runs:
        sizes[round(run.size * 2) / 2] += len(run.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _may_belong(box: Box, page: Box) -> bool:
    """Whether it is on the page, and neither its ground or border nor a rule across it."""
    return (
        page.touches(box)
        and box.share_of(page) <= _WHOLE_PAGE
        and box.width <= _LONGEST_RULE * page.width
        and box.height <= _LONGEST_RULE * page.height
    )


def _promises(parts: list[Part]) -> bool:
    """Whether there is what figures have, before more is looked at."""
    forms = Counter(part.form for part in parts)
    boxes = forms[Form.RECTANGLE] + forms[Form.BOX] + forms[Form.FREE]
    lines = forms[Form.RULE] + forms[Form.LINE]
    return (
        forms[Form.RECTANGLE] >= _FEWEST_BARS
        or (boxes >= _FEWEST_NODES and lines > 0)
        or any(part.form is Form.FREE and _is_large(part.box) for part in parts)
    )


def _is_large(box: Box) -> bool:
    return min(box.width, box.height) >= _LARGE


def _figure(group: list[Part], words: list[_Word], size: float) -> Labelled | None:
    """The figure that these parts are, if they are one."""
    box = _above_caption(Box.around(part.box for part in group), group, words)
    inside = [word for word in words if word.reaches_into(box)]
    if not _is_large(box) or len(inside) > _MOST_WORDS:
        return None
    bodies = [
        part for part in group if part.form is Form.FREE or not (part.form in LINES or _frames(part.box, box))
    ]
    lines = [part for part in group if part.form in LINES]
    is_diagram = _is_linked([part.box for part in bodies], lines, inside)
    curves = [part.box for part in bodies if part.form is Form.FREE and _is_large(part.box)]
    has_bars = _has_bars(bodies, inside) and not _is_grid(inside)
    has_curves = bool(curves) and not _is_grid(
        [word for word in inside if any(map(word.box.touches, curves))]
    )
    if not (is_diagram or has_bars or has_curves):
        return None
    box, labels = _with_labels_beside(box, inside, words, size, is_chart=has_bars or has_curves)
    ticks = sum(part.form is Form.RULE for part in group)
    largest = (_LARGER_IN_CHART if ticks >= _FEWEST_TICKS else _LARGER) * size
    if not (is_diagram or has_bars or ticks >= _FEWEST_TICKS):
        largest = min(largest, _LARGEST_ON_SHAPES)
    if not _are_labels(labels, box, largest):
        return None
    return Labelled(box, group[0].one, tuple(run for word in labels for run in word.piece.runs))


def _above_caption(box: Box, group: list[Part], words: list[_Word]) -> Box:
    """The part of the page that the figure takes, as far as its caption; what bends a curve may lie beyond that."""
    boxes = [part.box for part in group if part.form in {Form.RECTANGLE, Form.BOX}]
    captions = [word for word in words if word.reaches_into(box) and _CAPTION.match(word.piece.text)]
    for caption in captions:
        if not any(one.holds(caption.box) for one in boxes):
            box = box._replace(bottom=max(box.bottom, caption.box.top))
    return box


def _frames(box: Box, whole: Box) -> bool:
    return box.width >= _FRAME * whole.width and box.height >= _FRAME * whole.height


def _are_labels(labels: list[_Word], box: Box, largest: float) -> bool:
    """Whether the words are short and few, so that the figure is no text with a drawing behind it."""
    return (
        len(labels) >= _FEWEST_LABELS
        and sum(label.length for label in labels) <= _MOST_WORDS
        and all(label.length <= _LONGEST_LABEL and label.piece.size <= largest for label in labels)
        and sum(label.box.width * label.box.height for label in labels) <= _MOST_TEXT * box.width * box.height
    )


def _is_linked(bodies: list[Box], lines: list[Part], words: list[_Word]) -> bool:
    """Whether a line leads from one shape with words in it to another."""
    if len(bodies) > _MOST_NODES or len(lines) > _MOSTLINES:
        return False
    labelled = [box for box in bodies if min(box.width, box.height) >= _SMALLEST_NODE]
    labelled = [box for box in labelled if any(box.holds(word.box) for word in words)]
    nodes = _innermost(labelled)
    return any(_links(line, nodes) for line in lines)


def _innermost(boxes: list[Box]) -> list[Box]:
    """Without those that others stand on, and each once that is drawn as an area and as a line around it."""
    distinct: list[Box] = []
    for box in boxes:
        if not any(
            all(abs(one - other) < RULE for one, other in zip(box, known, strict=True)) for known in distinct
        ):
            distinct.append(box)
    return [box for box in distinct if not any(other is not box and box.holds(other) for other in distinct)]


def _links(line: Part, nodes: list[Box]) -> bool:
    box = line.box
    middle = Box(
        (box.left + box.right) / 2,
        (box.bottom + box.top) / 2,
        (box.left + box.right) / 2,
        (box.bottom + box.top) / 2,
    )
    if any(node.touches(middle) for node in nodes):
        return False
    if line.form is Form.LINE:
        return sum(node.touches(box, _REACH) for node in nodes) >= _FEWEST_NODES
    if box.width >= box.height:
        ends = box._replace(right=box.left), box._replace(left=box.right)
    else:
        ends = box._replace(top=box.bottom), box._replace(bottom=box.top)
    first, second = ({at for at, node in enumerate(nodes) if node.touches(end, _REACH)} for end in ends)
    return bool(first and second) and not first & second


def _has_bars(bodies: list[Part], words: list[_Word]) -> bool:
    """Whether rectangles of one width and different heights stand on one line, upright or lying."""
    boxes = [part.box for part in bodies if part.form is Form.RECTANGLE]
    if len(boxes) > _MOST_NODES:
        return False
    boxes = _innermost(boxes)
    lying = [Box(box.bottom, box.left, box.top, box.right) for box in boxes]
    return any(_stand_on_one_line(bars) for bars in (boxes, lying)) and not any(
        sum(box.holds(word.box) for word in words) > 1 for box in boxes
    )


def _stand_on_one_line(boxes: list[Box]) -> bool:
    by_foot: dict[int, list[Box]] = defaultdict(list)
    for box in boxes:
        by_foot[round(box.bottom)].append(box)
    for bars in by_foot.values():
        bars.sort()
        tops = [bar.top for bar in bars]
        widths = [bar.width for bar in bars]
        if (
            len(bars) >= _FEWEST_BARS
            and max(tops) - min(tops) > RULE
            and max(widths) < _ONE_WIDTH * min(widths)
            and all(one.right <= other.left + 1 for one, other in pairwise(bars))
        ):
            return True
    return False


def _is_grid(words: list[_Word]) -> bool:
    """Whether the words stand in rows of several, as in a table."""
    rows = Counter(round(word.piece.baseline / RULE) for word in words if not word.piece.runs[0].turned)
    return sum(count >= _FEWEST_CELLS for count in rows.values()) >= _FEWEST_ROWS


def _with_labels_beside(
    box: Box, inside: list[_Word], words: list[_Word], size: float, *, is_chart: bool
) -> tuple[Box, list[_Word]]:
    """The figure with the words that stand at its sides, such as those of axes; never with a caption or a sentence."""
    labels = list(inside)
    for _ in range(_ROWS_BESIDE):
        known = set(map(id, labels))
        others = [word for word in words if id(word) not in known]
        sizes = [word.piece.size for word in labels]
        left, right, above, below = _sides(box, others)
        more = [
            word
            for side, several in ((left, True), (right, True), (above, is_chart), (below, is_chart))
            if _names(side, box, sizes, size, several=several)
            for word in side
        ]
        if not more:
            break
        labels += more
        box = Box.around((box, *(word.box for word in more)))
        # What the larger box touches now belongs to it, or shows that it is no figure.
        known.update(map(id, more))
        labels += [word for word in others if id(word) not in known and word.reaches_into(box)]
    return Box.around((box, *(word.box for word in labels))), labels


def _sides(box: Box, words: list[_Word]) -> list[list[_Word]]:
    """The words close to the left and right of a figure, and the nearest rows of words above and below."""
    around = Box(box.left - _BESIDE, box.bottom, box.right + _BESIDE, box.top)
    beside = [
        word
        for word in words
        if around.touches(word.box) and box.bottom <= (word.box.bottom + word.box.top) / 2 <= box.top
    ]
    over = [
        word
        for word in words
        if box.left <= (word.box.left + word.box.right) / 2 <= box.right and not word.piece.runs[0].turned
    ]
    return [
        [word for word in beside if word.box.right <= box.left + 1],
        [word for word in beside if word.box.left >= box.right - 1],
        _nearest_row([(word.box.bottom - box.top, word) for word in over]),
        _nearest_row([(box.bottom - word.box.top, word) for word in over]),
    ]


def _nearest_row(words: list[tuple[float, _Word]]) -> list[_Word]:
    """The row of words that is near, of words with their distances; none where more rows of several follow it, as in a table."""
    words = sorted((one for one in words if -RULE <= one[0] <= 2 * _BELOW), key=lambda one: one[0])
    if not words or words[0][0] > _BELOW:
        return []
    first = words[0][1].piece
    row = [word for _, word in words if abs(word.piece.baseline - first.baseline) <= RULE]
    rest = [word for _, word in words if abs(word.piece.baseline - first.baseline) > RULE]
    if len(row) > 1 and rest:
        second = rest[0].piece.baseline
        if sum(abs(word.piece.baseline - second) <= RULE for word in rest) > 1:
            return []
    return row


def _names(side: list[_Word], box: Box, sizes: list[float], usual: float, *, several: bool) -> bool:
    """Whether the words at a side are labels: all short, and several, turned, or in the figure's own type."""
    if not side or any(
        word.length > _LONGEST_BESIDE
        or (word.box.width > _WIDEST_BESIDE * box.width and not word.piece.runs[0].turned)
        or _CAPTION.match(word.piece.text)
        for word in side
    ):
        return False
    size = side[0].piece.size
    own_type = abs(size - usual) > _SAME * usual and (
        any(abs(size - one) < _SAME * one for one in sizes) or (not sizes and len(side) > 1)
    )
    return (several and len(side) > 1) or own_type or side[0].piece.runs[0].turned != 0
