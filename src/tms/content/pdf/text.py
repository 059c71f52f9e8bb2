"""The text of a page as runs: signs of one font that the file sets in one go, with their place.

The library is asked about runs, not about each sign, since every question costs more than the sign itself; and about all runs
of a page at once.
Places are in points, turned so that lines run along x and follow each other downwards in y, whatever way the page or
the writing runs.
"""

import math
import re
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tms.content.pdf import asking, directions
from tms.content.pdf.places import Turn
from tms.content.pdf.spans import spans_of

HYPHEN = "\u00ad"
"""Stands for a hyphen at the end of a line that divides a word."""
_DIVIDING = ("\x02", "\ufffe", HYPHEN)
"""What the library gives for it, sign by sign and in a whole text, and what some files hold."""
_NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_WORD = re.compile("[^ ]+")
_FIXED_PITCH = 1
_MONO_NAMES = (
    "mono",
    "courier",
    "consolas",
    "menlo",
    "monaco",
    "typewriter",
    "cmtt",
    "inconsolata",
    "sourcecode",
    "lucidacon",
)
_BOLD_NAMES = ("bold", "black", "heavy", "semibold", "demi", "cmbx")
_ITALIC_NAMES = ("italic", "oblique", "cmti", "slanted")
_BOLD_WEIGHT = 600
_HEIGHTS = 64
"""Heights that differ by less than a part of so many of a point are one."""
SLANTED = 4
_LONGEST_MARK = 3
_RAISED = 0.2
"""Of the size: how far above the line the figures of a mark begin."""
_SLANT = 0.1
"""Of its way: how far text may go up or down that runs across the page."""
_AHEAD = 0.1
"""Of the size: a run's last sign stands further ahead than that, unless the writing goes down or from the right."""


@dataclass(frozen=True, slots=True)
class Font:
    """How a font looks, told from its name and flags."""

    mono: bool
    bold: bool
    italic: bool


@dataclass(slots=True)
class Run:
    """Text of one font on one line; `size` is that of the font as shown.

    `turned` is 0 for text along the page's own direction, else the quarters clockwise by which the page must be turned to read it, or
    `SLANTED`. `index` is that of its first sign on the page, `note` names the footnote that a raised mark refers to.
    """

    text: str
    left: float
    right: float
    baseline: float
    size: float
    font: Font
    index: int = 0
    turned: int = 0
    href: str = ""
    raised: bool = False
    vertical: bool = False
    note: str = ""


@dataclass(slots=True)
class TurnedRun(Run):
    """Text that runs in another direction than its page, and how far down and up it reaches."""

    bottom: float = 0.0
    top: float = 0.0


@dataclass(slots=True)
class FontBook:
    """The fonts of a document by their names."""

    _known: dict[str, Font] = field(default_factory=dict)

    def of(self, font: int | None) -> Font:
        """The font at this address."""
        if font is None:
            return _PLAIN
        name, flags, weight = asking.describe_font(font)
        if name not in self._known:
            self._known[name] = _describe(name, flags, weight)
        return self._known[name]


_PLAIN = Font(mono=False, bold=False, italic=False)


def _describe(name: str, flags: int, weight: int) -> Font:
    plain = name.rpartition("+")[2].lower().replace(" ", "").replace("-", "")
    return Font(
        mono=any(sign in plain for sign in _MONO_NAMES) or bool(flags & _FIXED_PITCH),
        bold=any(sign in plain for sign in _BOLD_NAMES)
        or (weight >= _BOLD_WEIGHT and "regular" not in plain),
        italic=any(sign in plain for sign in _ITALIC_NAMES),
    )


class _Look(NamedTuple):
    """What runs of one font and height have in common; `upright` ones run along the page's own direction.

    `advance` is how far a sign goes, in fonts whose signs are all of one width.
    """

    font: Font
    size: float
    upright: bool
    advance: float


class Found(NamedTuple):
    """The runs of a page, and the objects that hold text; whether all of it runs along the page, as a rule."""

    runs: list[Run]
    objects: list[int | None]
    is_straight: bool


class TextReader:
    """Asks the library about the runs of pages."""

    def __init__(self, fonts: FontBook) -> None:
        self._fonts = fonts

    def runs(self, text_page: asking.Handle, count: int, turn: Turn) -> Found:
        """The runs of a page of `count` signs, in the order in which the file sets them."""
        if turn.quarters or turn.is_plain:
            return self._read(text_page, count, turn)
        found = self._read(text_page, count, replace(turn, left=0.0, bottom=0.0))
        for run in found.runs:
            _move(run, turn)
        return found

    def _read(self, text_page: asking.Handle, count: int, turn: Turn) -> Found:
        text = asking.text_of(text_page, count)
        both_ways = turn.quarters == 0 and directions.FROM_RIGHT.search(text) is not None
        spans = spans_of(text_page, text)
        places = asking.origins(text_page, spans.starts)
        boxes = asking.loose_boxes(text_page, [end - 1 for end in spans.ends])
        fonts = asking.fonts(spans.objects)
        looks: dict[tuple[int | None, int], _Look] = {}
        runs: list[Run] = []
        is_straight = True
        for start, end, text_object, x, y, left, top, right, bottom, font in zip(
            *spans, *places, *boxes, fonts, strict=True
        ):
            written = text[start:end]
            if not written.isprintable():
                written = _cleaned(written)
            if text_object is None or not written or written.isspace():
                if runs and " " in written and not runs[-1].text.endswith(" "):
                    runs[-1].text += " "
                continue
            key = (font, int(_HEIGHTS * (top - bottom)))
            look = looks.get(key)
            if look is None:
                look = looks[key] = self._look(text_page, start, font)
            if look.upright and turn.quarters == 0 and (left > x + _AHEAD * look.size or end - start == 1):
                run = Run(written, min(x, left), right, y, look.size, look.font, start)
            else:
                run = _seen_turned(text_page, written, start, end, turn, look)
                is_straight = is_straight and not (run.turned or run.vertical)
            if look.advance and " " in written and round((right - x) / look.advance) != len(written):
                run.text = _respaced(text_page, run, x, right)
            elif both_ways and not run.turned and len(written) == end - start > 1:
                _put_in_order(text_page, run, x, left)
            elif end - start <= _LONGEST_MARK and written.isdecimal() and look.upright:
                # Fonts may have small raised figures of their own, which stand on the line like all others.
                run.raised = asking.tight_bottom(text_page, start) > y + _RAISED * look.size
            runs.append(run)
        return Found(runs, spans.objects, is_straight)

    def _look(self, text_page: asking.Handle, start: int, font: int | None) -> _Look:
        size, a, b, c, d = asking.shape(text_page, start)
        known = self._fonts.of(font)
        advance = 0.0
        if known.mono:
            (left,), _, (right,), _ = asking.loose_boxes(text_page, [start])
            advance = max(0.0, right - left)
        return _Look(known, size * math.hypot(c, d) or 1.0, b == c == 0 and a > 0 and d > 0, advance)


def _seen_turned(text_page: asking.Handle, text: str, start: int, end: int, turn: Turn, look: _Look) -> Run:
    """A run of any direction on a page that is turned in any way."""
    last = end - 1
    (x, last_x), (y, last_y) = asking.origins(text_page, [start, last])
    size, a, b, c, d = asking.shape(text_page, start)
    lefts, tops, rights, bottoms = asking.loose_boxes(text_page, [start, last])
    corners = [*zip(lefts, bottoms, strict=True), *zip(rights, tops, strict=True)]
    points = [turn.point(*corner) for corner in corners]
    across = [point[0] for point in points]
    run = TurnedRun(
        text,
        min(across),
        max(across),
        turn.point(x, y)[1],
        size * math.hypot(c, d) or 1.0,
        look.font,
        start,
    )
    if end - start > 1 and abs(last_y - y) > abs(last_x - x) and abs(b) < 0.1 * abs(a):
        downs = [-point[1] for point in points]
        run.left, run.right = min(downs), max(downs)
        run.baseline = (min(across) + max(across)) / 2
        run.vertical = True
    else:
        run.turned = _turned(*turn.vector(a, b))
        if run.turned:
            heights = [point[1] for point in points]
            run.bottom, run.top = min(heights), max(heights)
    return run


def _turned(x: float, y: float) -> int:
    """What `Run.turned` is for text that goes in this direction."""
    if x >= 0 and abs(y) <= _SLANT * max(x, 1e-6):
        return 0
    if abs(x) <= _SLANT * abs(y):
        return 1 if y > 0 else 3
    return 2 if x < 0 and abs(y) <= _SLANT * -x else SLANTED


def _move(run: Run, turn: Turn) -> None:
    """Put a run where it is seen on a page whose shown part begins elsewhere than its coordinates; these stand for each other in columns."""
    across, along = (-turn.bottom, turn.left) if run.vertical else (turn.left, turn.bottom)
    run.left -= across
    run.right -= across
    run.baseline -= along
    if isinstance(run, TurnedRun):
        run.bottom -= along
        run.top -= along


def upright(run: Run) -> Run:
    """The run as it is seen on the page turned so that it runs along it; the page's corner is then another one."""
    if not isinstance(run, TurnedRun):
        return run
    left, right, baseline = {
        1: (run.bottom, run.top, -run.right),
        2: (-run.right, -run.left, -run.baseline),
        3: (-run.top, -run.bottom, run.left),
    }.get(run.turned, (run.left, run.right, run.baseline))
    return replace(run, left=left, right=right, baseline=baseline, turned=0)


def _put_in_order(text_page: asking.Handle, run: Run, x: float, left: float) -> None:
    """Text of a page with writing from the right in the order in which it is read; `x` and `left` are where its ends are."""
    if run.vertical:
        return
    if directions.FROM_RIGHT.search(run.text):
        text, left, right = directions.from_right(text_page, run.text, run.index)
        run.text, run.left, run.right = text, left, right
    elif left < x:
        run.text = directions.from_left(text_page, run.text, run.index)


def _respaced(text_page: asking.Handle, run: Run, x: float, right: float) -> str:
    """Code with all of its spaces: the library gives one for many, but every sign has its place on the grid."""
    lefts, _, rights, _ = asking.loose_boxes(text_page, [run.index])
    advance = rights[0] - lefts[0]
    text = run.text
    if advance <= 0 or round((right - x) / advance) == len(text):
        return text
    words = [found.span() for found in _WORD.finditer(text)]
    places = asking.origins(text_page, [run.index + start for start, _ in words])[0]
    spaced = ""
    end = 0
    for (start, next_end), place in zip(words, places, strict=True):
        spaced += text[end:start]
        spaced += " " * min(200, round((place - x) / advance) - len(spaced)) + text[start:next_end]
        end = next_end
    return spaced + text[end:]


def _cleaned(text: str) -> str:
    """Text without control characters, its dividing hyphen only at the end."""
    divides = text.rstrip().endswith(_DIVIDING)
    text = _NO_TEXT.sub("", text.replace("\n", " ")).replace(HYPHEN, "")
    return text.rstrip() + HYPHEN if divides else text
