"""Lines become blocks of HTML: headings, paragraphs, lists, code, tables, with pictures where they stand."""

import itertools
import re
import statistics
from bisect import bisect_left, insort
from collections import Counter
from dataclasses import dataclass, field

from lxml import etree

from tms.content.lessons.document import CONFIDENCE, PAGE, PAGE_END
from tms.content.pdf import code, phrases
from tms.content.pdf.headings import title_in
from tms.content.pdf.lines import ASIDE, ENDS_SENTENCE, Line, had_room
from tms.content.pdf.places import Box
from tms.content.pdf.tables import read_table
from tms.content.pdf.text import HYPHEN
from tms.content.safe_xml import Element

_BULLETS = "•◦▪▫‣⁃●○■□◆◇➢➤✓✔❖·\uf0b7\uf0a7\uf0d8\uf076\uf0fc\u2022"
_BULLET = re.compile(rf"(?:[{_BULLETS}]|[-–—*o](?=\s))\s*(?=\S)")
_NUMBER = re.compile(r"\(?(?:(\d{1,3})|([a-z])|([ivx]{1,5}))[.)]\s+(?=\S)")
_WIDER = 1.3
"""Of the usual distance of lines: from here on a gap divides paragraphs."""
_INDENT = 0.8
_DEEPEST_LIST = 12
_LONGEST_PARAGRAPH = 1000
"""Lines: what goes on for longer is divided, since each line costs what it is added to."""
_MOST_ROWS = 300
_MOST_CELLS = 100
_OFF_GRID = 0.2
"""Of a line of code: what stands further off the grid of lines is another block."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture in the text; `number` is its place among the pictures that were kept."""

    page: int
    box: Box
    number: int
    alternative: str

    @property
    def height(self) -> float:
        """Where its middle stands."""
        return (self.box.bottom + self.box.top) / 2


@dataclass(slots=True)
class _Item:
    element: Element
    mark: float
    text: float
    tag: str


@dataclass(slots=True)
class Writer:
    """Writes one tree from the lines of all pages."""

    leading: float
    code_leading: float
    words: phrases.Words
    root: Element = field(default_factory=lambda: etree.Element("div"))
    _open: Element | None = None
    _block: Element | None = None
    _last: Line | None = None
    _paragraph_start: float = 0.0
    _written: int = 0
    _items: list[_Item] = field(default_factory=list)
    _code: list[Line] = field(default_factory=list)

    def write(self, lines: list[Line | Figure]) -> Element:
        """The blocks of all lines, in their order."""
        place = 0
        while place < len(lines):
            line = lines[place]
            if isinstance(line, Figure):
                self._write_figure(line)
                place += 1
                continue
            if line.level:
                self._write_heading(line)
            elif len(line.pieces) > 1 and (rows := self._table_at(lines, place)):
                self._end()
                table = read_table(rows)
                _number(table, rows[0].page, rows[-1].page)
                self.root.append(table)
                place += len(rows)
                self._last = rows[-1]
                continue
            elif line.mono:
                self._take_code(line)
            else:
                self._write_text(line)
            self._last = line
            place += 1
        self._end()
        for block in self.root.iter("p", "li"):
            phrases.strip_end(block)
        return self.root

    def _table_at(self, lines: list[Line | Figure], place: int) -> list[Line]:
        """The rows of the table that begins at this line, if one does."""
        rows: list[Line] = []
        lefts: list[float] = []
        for at in range(place, min(len(lines), place + _MOST_ROWS)):
            line = lines[at]
            if isinstance(line, Figure) or line.level or (rows and line.page != rows[-1].page):
                break
            if len(line.pieces) > _MOST_CELLS:
                break
            if len(line.pieces) < 2 and not (rows and _continues_cell(rows[-1], lefts, line, self.leading)):
                break
            if not rows and self._item_mark(line) is not None:
                break
            rows.append(line)
            for piece in line.pieces:
                insort(lefts, piece.left)
        full = [row for row in rows if len(row.pieces) > 1]
        if len(full) < 2 or all(row.mono for row in rows):
            return []
        return rows if _aligned(full) else []

    def _end(self) -> None:
        """Close whatever is being written."""
        self._flush_code()
        self._open = self._block = None
        self._items.clear()

    def _write_figure(self, figure: Figure) -> None:
        self._flush_code()
        paragraph = etree.Element("p")
        _number(paragraph, figure.page, figure.page)
        etree.SubElement(paragraph, "img", src=f"media:{figure.number}", alt=figure.alternative)
        self.root.append(paragraph)
        self._open = self._block = None
        self._items.clear()

    def _write_heading(self, line: Line) -> None:
        self._end()
        heading = etree.SubElement(self.root, "p" if line.level < 0 else f"h{line.level}")
        if line.level < 0:
            heading.set("class", "title")
        else:
            heading.set(CONFIDENCE, str(line.confidence))
        heading.text = title_in(line)
        _number(heading, line.page, line.page)

    def _take_code(self, line: Line) -> None:
        if self._code and not self._goes_on_as_code(self._code[-1], line):
            self._flush_code()
        if not self._code:
            self._open = None
        self._code.append(line)

    def _flush_code(self) -> None:
        if not self._code:
            return
        lines, self._code = self._code, []
        block = etree.Element("pre")
        etree.SubElement(block, "code").text = code.typed(lines, self.code_leading)
        _number(block, lines[0].page, lines[-1].page)
        parent = (
            self._items[-1].element
            if self._items and lines[0].start >= self._items[-1].text - 1
            else self.root
        )
        if parent is self.root:
            self._items.clear()
            self.root.append(block)
        else:
            parent.append(block)
            _extend(self._block, lines[-1].page)
        self._open = None

    def _goes_on_as_code(self, last: Line, line: Line) -> bool:
        """Whether the line is the next of its block, or comes after empty ones: then whole lines fit between them."""
        if line.page != last.page or line.column != last.column:
            return line.page - last.page <= 1
        steps = (last.baseline - line.baseline) / (self.code_leading or 1.17 * line.size)
        return 0.4 < steps < 4.3 and abs(steps - round(steps)) < _OFF_GRID

    def _near(self, last: Line, line: Line) -> bool:
        """Whether the line follows at the usual distance, on the same page and in the same column, or across a page's end."""
        if line.page != last.page or line.column != last.column:
            return line.page - last.page <= 1
        distance = last.baseline - line.baseline
        return 0 <= distance <= _WIDER * max(self.leading, 1.15 * max(line.size, last.size))

    def _item_mark(self, line: Line) -> re.Match[str] | None:
        text = line.text.lstrip()
        return _BULLET.match(text) or _NUMBER.match(text)

    def _write_text(self, line: Line) -> None:
        self._flush_code()
        mark = self._item_mark(line)
        if mark is not None and self._begins_item(line):
            self._write_item(line, mark)
        elif self._open is not None and self._last is not None and self._goes_on(self._last, line):
            self._append(line)
        elif self._items and self._belongs_to_item(line):
            self._open = etree.SubElement(self._items[-1].element, "p")
            self._append(line, first=True)
        else:
            self._items.clear()
            self._open = self._block = etree.SubElement(self.root, "p")
            if line.rtl:
                self._open.set("dir", "rtl")
            _number(self._open, line.page, line.page)
            self._paragraph_start = line.start
            self._append(line, first=True)

    def _begins_item(self, line: Line) -> bool:
        if line.text.lstrip()[0] in _BULLETS:
            return True
        # A dash or a number also begins a line by chance: an item begins afresh, or goes on with a list.
        last = self._last
        return (
            bool(self._items)
            or last is None
            or self._open is None
            or not self._goes_on(last, line)
            or (line.start > last.start + 0.5 * line.size)
        )

    def _write_item(self, line: Line, mark: re.Match[str]) -> None:
        number = mark.groups() if mark.re is _NUMBER else None
        tag = "ul" if number is None else "ol"
        tolerance = 0.5 * line.size
        while self._items and line.start < self._items[-1].mark - tolerance:
            self._items.pop()
        if self._items and line.start > self._items[-1].mark + tolerance and len(self._items) < _DEEPEST_LIST:
            holder = etree.SubElement(self._items[-1].element, tag)
        elif self._items and self._items[-1].tag == tag:
            holder = self._items.pop().element.getparent()
        else:
            parent = self._items.pop().element.getparent().getparent() if self._items else self.root
            holder = etree.SubElement(parent, tag)
            if parent is self.root:
                self._block = holder
                _number(holder, line.page, line.page)
            if number is not None and number[0] not in {None, "1"}:
                holder.set("start", str(int(number[0])))
        item = etree.SubElement(holder, "li")
        _extend(self._block, line.page)
        self._items.append(_Item(item, line.start, self._text_start(line, mark), tag))
        self._open = item
        self._paragraph_start = self._items[-1].text
        self._append(line, first=True, skip=len(mark[0].rstrip()) + len(line.text) - len(line.text.lstrip()))

    def _text_start(self, line: Line, mark: re.Match[str]) -> float:
        """Where the words of an item begin, behind its mark."""
        runs = [run for piece in line.pieces for run in piece.runs if run.text.strip()]
        first = runs[0]
        if len(first.text.strip()) <= len(mark[0].strip()) and len(runs) > 1:
            return -runs[1].right if line.rtl else runs[1].left
        return line.start + len(mark[0]) * (first.right - first.left) / max(1, len(first.text))

    def _belongs_to_item(self, line: Line) -> bool:
        item = self._items[-1]
        while len(self._items) > 1 and line.start < item.text - 0.5 * line.size:
            self._items.pop()
            item = self._items[-1]
        return line.start >= item.text - 0.5 * line.size and item.mark < line.start - 0.4 * line.size

    def _goes_on(self, last: Line, line: Line) -> bool:
        """Whether a line continues the paragraph of the one before."""
        if abs(last.size - line.size) > 0.1 * last.size or last.rtl != line.rtl or last.level or last.mono:
            return False
        if self._written > _LONGEST_PARAGRAPH or not self._near(last, line):
            return False
        begins = line.text.lstrip()[:1]
        if line.page != last.page or line.column != last.column:
            full = last.end > last.edge - 4 * last.size and line.column // ASIDE == last.column // ASIDE
            return full and (not last.text.rstrip().endswith(ENDS_SENTENCE) or begins.islower())
        if last.text.endswith(HYPHEN):
            return True
        if (
            line.start > self._paragraph_start + _INDENT * line.size
            and line.start > last.start + _INDENT * line.size
        ):
            # The first line of the next paragraph; hanging lines are set against the start of their own.
            return False
        return not had_room(last, line) or begins.islower()

    def _append(self, line: Line, *, first: bool = False, skip: int = 0) -> None:
        target = self._open
        if target is None:
            return
        self._written = 1 if first else self._written + 1
        _extend(self._block, line.page)
        phrases.write_line(target, line, self.words, first=first, skip=skip)


def leading_of(lines: list[Line], *, of_code: bool = False) -> float:
    """The usual distance of lines of text, or of lines of code (0 where there are none), in points."""
    lines = [line for line in lines if line.mono is of_code]
    most = 1.9 if of_code else 3.0
    distances: Counter[float] = Counter()
    for one, other in itertools.pairwise(lines):
        distance = one.baseline - other.baseline
        if one.page == other.page and one.column == other.column and 0 < distance < most * other.size:
            distances[round(distance * 2) / 2] += 1
    return distances.most_common(1)[0][0] if distances else (0.0 if of_code else 14.0)


def _number(element: Element, page: int, end: int) -> None:
    element.set(PAGE, str(page))
    if end != page:
        element.set(PAGE_END, str(end))


def _extend(block: Element | None, page: int) -> None:
    if block is not None and block.get(PAGE) not in {None, str(page)}:
        block.set(PAGE_END, str(page))


def _continues_cell(last: Line, lefts: list[float], line: Line, leading: float) -> bool:
    """Whether a line with one piece is the second line of a cell; cells begin at `lefts`, in order."""
    if last.column != line.column or not 0 < last.baseline - line.baseline < 1.2 * max(
        leading, 1.15 * line.size
    ):
        return False
    left = line.pieces[0].left
    nearest = bisect_left(lefts, left)
    return any(abs(left - other) < 0.5 * line.size for other in lefts[max(0, nearest - 1) : nearest + 1])


def _aligned(rows: list[Line]) -> bool:
    """Whether the pieces of the rows stand below each other, in at least two columns."""
    from_left = Counter(round(piece.left / 3) for row in rows for piece in row.pieces)
    from_right = Counter(round(piece.right / 3) for row in rows for piece in row.pieces)
    columns = statistics.median(len(row.pieces) for row in rows)
    for counts in (from_left, from_right):
        repeated = sum(
            1 for place, count in counts.items() if count + counts.get(place + 1, 0) > 0.5 * len(rows)
        )
        if repeated >= min(columns, 2):
            return True
    return False
