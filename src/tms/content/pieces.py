"""What a plan takes of an outline: parts of its rows, told by their numbers or by pages.

A row has parts, which begin at its sub-headings and with its pages; part 0 is what stands before them. A block belongs to
the page on which it begins: a paragraph or a table that goes on over the end of a page stays whole.
"""

import bisect
import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import RowMapping

from tms.content import blocks
from tms.content.blocks import Beginning
from tms.content.errors import PlanError
from tms.content.lessons.document import CUT, DECLARED
from tms.platform.errors import FieldError


@dataclass(frozen=True, slots=True)
class Row:
    """A row of an outline with its content and the places at which it can be split.

    `page` is the page that it begins on, `last_page` the one that it ends on; None where there are no pages.
    """

    id: UUID
    title: str
    level: int
    content: str
    minutes: int
    beginnings: tuple[Beginning, ...] = ()
    page: int | None = None
    last_page: int | None = None
    confidence: float = DECLARED

    @classmethod
    def of(cls, row: RowMapping) -> "Row":
        """From a row of `upload_lessons`."""
        return cls(
            row["id"],
            row["title"],
            row["level"],
            row["content"],
            row["minutes"],
            tuple(blocks.beginnings(row["content"], row["page_from"])),
            row["page_from"],
            row["page_to"],
            row["confidence"],
        )

    def page_of(self, part: int) -> int | None:
        """The page that the part begins on."""
        return self.beginnings[part - 1].page if part else self.page

    def last(self, piece: "Piece") -> int:
        """The last part of the piece."""
        return len(self.beginnings) if piece.last is None else piece.last

    def slice(self, first: int, last: int) -> str:
        """The HTML of parts `first` to `last`, with the heading that the first begins with."""
        begin = self.beginnings[first - 1].start if first else 0
        end = self.beginnings[last].start if last < len(self.beginnings) else len(self.content)
        return self.content[begin:end]


@dataclass(frozen=True, slots=True)
class Piece:
    """Parts `first` to `last` of a row, by default to its end; `keeps_heading`: also where it leads a lesson of another title."""

    row: UUID
    first: int = 0
    last: int | None = None
    keeps_heading: bool = False


@dataclass(frozen=True, slots=True)
class Pages:
    """What begins on the pages `first` to `last` of the document, by default from its first, to its last."""

    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A lesson to be made of these pieces, one after the other; without a title it has that of the first."""

    pieces: Sequence[Piece | Pages]
    title: str | None = None


class Outline:
    """The rows of an outline, and which of their parts a plan has not used yet."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = {row.id: row for row in rows}
        self._left = {(row.id, part): None for row in rows for part in range(len(row.beginnings) + 1)}
        self._paged: _Paged | None = None

    def take(self, wanted: Iterable[Piece | Pages], field: str, *, may_be_empty: bool = False) -> list[Piece]:
        """The pieces of rows that these are, used from now on; raises `PlanError` for what is not there or used already.

        `may_be_empty`: on the pages that are asked for nothing need begin.
        """
        taken = []
        for number, asked in enumerate(wanted):
            name = f"{field}.{number}"
            of_pages = isinstance(asked, Pages)
            found = (
                self._pages().pieces(asked, name, may_be_empty=may_be_empty)
                if isinstance(asked, Pages)
                else [asked]
            )
            for piece in found:
                self._use(piece, name, of_pages=of_pages)
                taken.append(piece)
        return taken

    def check_used(self) -> None:
        """Raises `PlanError` if a part is neither in a lesson nor skipped."""
        if not self._left:
            return
        row_id, _ = next(iter(self._left))
        if self._paged is not None:
            left = {self.rows[row].page_of(part) or 0 for row, part in self._left}
            raise fault("lessons", f"{_told(left)} neither in a lesson nor among `skip`")
        title = self.rows[row_id].title
        raise fault("lessons", f"parts of the row “{title}” are neither in a lesson nor among `skip`")

    def _use(self, piece: Piece, field: str, *, of_pages: bool) -> None:
        row = self.rows.get(piece.row)
        if row is None:
            raise fault(f"{field}.row", "is no row of this outline")
        last = row.last(piece)
        if not piece.first <= last <= len(row.beginnings):
            raise fault(field, f"the parts of this row are 0 to {len(row.beginnings)}")
        for part in range(piece.first, last + 1):
            if (row.id, part) not in self._left:
                what = f"page {row.page_of(part)}" if of_pages else f"part {part} of this row"
                raise fault(field, f"{what} is used twice")
            del self._left[row.id, part]

    def _pages(self) -> "_Paged":
        if self._paged is None:
            self._paged = _Paged(list(self.rows.values()))
        return self._paged


class _Paged:
    """The parts of all rows in their order, by the pages on which they begin."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._known = pages_of((row.page, row.last_page) for row in rows)
        self._parts = [(row, part) for row in rows for part in range(len(row.beginnings) + 1)]
        self._pages = [row.page_of(part) or 0 for row, part in self._parts]
        filled = (_has_content(row.slice(part, part)) for row, part in self._parts)
        self._filled = [0, *itertools.accumulate(int(one) for one in filled)]

    def pieces(self, asked: Pages, field: str, *, may_be_empty: bool) -> Iterator[Piece]:
        """What begins on the pages, row by row."""
        if self._known is None:
            raise fault(field, "this document has no pages that could be told apart; name rows and parts")
        first = self._known[0] if asked.first is None else asked.first
        last = self._known[1] if asked.last is None else asked.last
        if first > last:
            raise fault(field, f"the first page, {first}, comes after the last one, {last}")
        if first < self._known[0] or last > self._known[1]:
            raise fault(field, f"the pages of this document are {self._known[0]} to {self._known[1]}")
        begin, end = bisect.bisect_left(self._pages, first), bisect.bisect_right(self._pages, last)
        if not may_be_empty and self._filled[begin] == self._filled[end]:
            pages = f"page {first}" if first == last else f"pages {first} to {last}"
            raise fault(field, f"no text begins on {pages}; take a page before or behind along")
        return self._rows(begin, end) if begin < end else iter(())

    def _rows(self, begin: int, end: int) -> Iterator[Piece]:
        row, part = self._parts[begin]
        # A heading of the document is not lost to the name of a lesson that was told by pages. The title of the only row
        # may be the file's name, and that of an even part is made up.
        keeps_heading = part > 0 or (row.confidence > CUT and self._parts[0][0].id != self._parts[-1][0].id)
        while begin < end:
            row, part = self._parts[begin]
            last = min(len(row.beginnings), part + end - begin - 1)
            yield Piece(row.id, part, last, keeps_heading=keeps_heading)
            keeps_heading = False
            begin += last - part + 1


def pages_of(rows: Iterable[tuple[int | None, int | None]]) -> tuple[int, int] | None:
    """The document's first and last page out of those of its rows; None where some have none or they begin anew."""
    found: tuple[int, int] | None = None
    for first, last in rows:
        if first is None or last is None or (found is not None and first < found[1]):
            return None
        found = (first if found is None else found[0], last)
    return found


def _has_content(html: str) -> bool:
    return "src=" in html or bool(blocks.text(html))


def _told(pages: Collection[int]) -> str:
    """`page 3 is`, `pages 3 to 5, 8 are`."""
    runs: list[list[int]] = []
    for page in sorted(pages):
        if runs and page == runs[-1][-1] + 1:
            runs[-1].append(page)
        else:
            runs.append([page])
    listed = ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"page {listed} is" if len(pages) == 1 else f"pages {listed} are"


def fault(field: str, message: str) -> PlanError:
    """A plan that does not add up, and which field says so."""
    return PlanError(fields=[FieldError(field, message)])
