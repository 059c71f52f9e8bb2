"""A PDF becomes lessons."""

import itertools
from collections import Counter, defaultdict

import pypdfium2
import pypdfium2.raw as pdfium

from tms.content.errors import (
    CorruptDocumentError,
    DocumentTooComplexError,
    EncryptedDocumentError,
    NoContentError,
    NoTextError,
)
from tms.content.lessons import division
from tms.content.lessons.document import Document, Manuscript, Source
from tms.content.lessons.titles import plain_line, shorten
from tms.content.pdf import asking, blocks, drawings, flow, furniture, headings, lines, links, notes, phrases
from tms.content.pdf.drawings import Drawing
from tms.content.pdf.headings import Bookmark
from tms.content.pdf.lines import Line, PageText
from tms.content.pdf.masks import Masked
from tms.content.pdf.pictures import PictureTaker, Placed, figures
from tms.content.pdf.places import Box, Turn
from tms.content.pdf.text import SLANTED, FontBook, Found, Run, TextReader

PAGES_LIMIT = 5000
_BOOKMARKS_LIMIT = 10_000
_LEAST_SIGNS = 20
"""A page with fewer signs and a picture of its whole is a scan."""
_SCAN_SHARE = 0.5
_REPORT_EVERY = 20
_TO_A_HEIGHT = frozenset({pdfium.PDFDEST_VIEW_FITH, pdfium.PDFDEST_VIEW_FITBH})
_PASSWORD_ERRORS = frozenset({pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY})


def read(source: Source) -> Document:
    """The lessons of a PDF; one that only restricts printing or copying is read. Raises a `DocumentError`."""
    source.report(0.2, "Reading text and pictures")
    try:
        document = pypdfium2.PdfDocument(source.path)
    except pypdfium2.PdfiumError as error:
        if error.err_code in _PASSWORD_ERRORS:
            raise EncryptedDocumentError from error
        raise CorruptDocumentError from error
    try:
        return division.compose(_Reading(document, source).manuscript(), source)
    finally:
        document.close()


class _Reading:
    """One document on its way from pages to a manuscript."""

    def __init__(self, document: pypdfium2.PdfDocument, source: Source) -> None:
        self._document = document
        self._source = source
        self._text = TextReader(FontBook())
        self._pictures = PictureTaker(source.pictures, Masked(source.path))
        self._pages: list[PageText] = []
        self._turns: list[Turn] = []
        self._placed: list[Placed] = []
        self._drawings: list[Drawing] = []
        self._scans: list[int] = []

    def manuscript(self) -> Manuscript:
        count = len(self._document)
        if count == 0:
            raise CorruptDocumentError
        if count > PAGES_LIMIT:
            raise DocumentTooComplexError(
                f"The document has {count:,} pages, more than {PAGES_LIMIT:,}; divide it into several documents."
            )
        for number in range(1, count + 1):
            self._read_page(number)
            if number % _REPORT_EVERY == 0:
                self._source.report(0.2 + 0.45 * number / count, f"Read {number} of {count} pages")
        if not any(page.lines for page in self._pages):
            raise NoTextError if self._placed else NoContentError
        warnings = self._scan_warnings()
        shown, others = drawings.render(self._document, self._drawings, self._placed, self._pictures)
        self._placed += shown
        for drawing in others:
            flow.put_back(self._pages[drawing.page - 1], drawing.labels)
        footnotes = notes.take(self._pages)
        if furniture.drop_running_heads(
            self._pages, headings.body_size(line for page in self._pages for line in page.lines)
        ):
            warnings.append("Running heads and page numbers were left out.")
        contents = furniture.take_contents(self._pages)
        if contents:
            warnings.append("The printed table of contents was left out; the course shows its own.")
        title, bookmarks = self._bookmarks()
        headings.mark(self._pages, bookmarks, contents)
        text = [line for page in self._pages for line in page.lines]
        words = phrases.Words(text)
        writer = blocks.Writer(
            leading=blocks.leading_of(text),
            code_leading=blocks.leading_of(text, of_code=True),
            words=words,
        )
        root = writer.write(self._with_figures())
        return Manuscript(
            root,
            title=title,
            notes=notes.join(root, footnotes, words),
            left_out=self._pictures.left_out,
            warnings=warnings,
        )

    def _read_page(self, number: int) -> None:
        try:
            page = self._document[number - 1]
        except pypdfium2.PdfiumError as error:
            raise CorruptDocumentError from error
        text_page = page.get_textpage()
        turn = _turn_of(page)
        runs, text_objects, is_straight = self._runs(page, text_page, turn)
        if not is_straight and (quarters := _way_of_most(runs)):
            turn = turn.by(quarters)
            runs = self._runs(page, text_page, turn).runs
        signs = sum(len(run.text) for run in runs)
        others = asking.other_objects(asking.address(page.raw), text_objects)
        placed = self._pictures.take(page, others, number, turn, has_text=signs >= _LEAST_SIGNS)
        whole = Box(0.0, 0.0, *turn.size)
        if signs < _LEAST_SIGNS and any(picture.box.share_of(whole) > _SCAN_SHARE for picture in placed):
            self._scans.append(number)
        self._placed += placed
        drawn = drawings.find(number, others, runs, turn)
        self._drawings += drawn
        labels = {run.index for drawing in drawn for run in drawing.labels}
        if labels:
            runs = [run for run in runs if run.index not in labels]
        found = PageText(number, *turn.size)
        found.lines = lines.lines_of(found, _visible(runs, turn))
        ways = set() if is_straight else {run.turned for run in runs}
        for quarters in sorted(ways - {0, SLANTED}):
            aside = turn.by(quarters)
            beside = [
                run
                for run in self._runs(page, text_page, aside).runs
                if not (run.turned or run.vertical or run.index in labels)
            ]
            found.lines += lines.lines_of(found, _visible(beside, aside), aside=quarters)
        self._pages.append(found)
        self._turns.append(turn)
        text_page.close()
        page.close()

    def _runs(self, page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage, turn: Turn) -> Found:
        """The runs of a page seen in this way, with their links."""
        found = self._text.runs(asking.address(text_page.raw), text_page.count_chars(), turn)
        runs = links.set_links(self._document.raw, page.raw, text_page.raw, turn, found.runs)
        return found._replace(runs=runs)

    def _scan_warnings(self) -> list[str]:
        if not self._scans:
            return []
        if len(self._scans) > 0.5 * len(self._pages):
            raise NoTextError
        listed = ", ".join(str(page) for page in self._scans[:20])
        return [
            f"Page(s) {listed} are pictures of text, such as scans; students who cannot see them miss what they say."
        ]

    def _bookmarks(self) -> tuple[str | None, list[Bookmark]]:
        """The title of the document and the entries of its outline. An outline with one root counts from below that."""
        title = plain_line(self._document.get_metadata_value("Title") or "")
        found: list[Bookmark] = []
        for entry in itertools.islice(self._document.get_toc(max_depth=6), _BOOKMARKS_LIMIT):
            goal = entry.get_dest()
            page = None if goal is None else goal.get_index()
            name = plain_line(entry.get_title() or "")
            if goal is None or page is None or not name or not 0 <= page < len(self._pages):
                continue
            height = _height(goal, self._turns[page])
            found.append(Bookmark(name, min(entry.level + 1, 6), page + 1, height))
        roots = [bookmark for bookmark in found if bookmark.level == 1]
        if len(roots) == 1 and len(found) > 2 and roots[0] is found[0]:
            return shorten(roots[0].title), [one._replace(level=one.level - 1) for one in found[1:]]
        return (shorten(title) if _is_title(title) else None), found

    def _with_figures(self) -> list[Line | blocks.Figure]:
        """Lines in reading order, each picture before the first line that stands below its middle."""
        by_page: dict[int, list[blocks.Figure]] = defaultdict(list)
        for figure in figures(self._placed, len(self._pages)):
            by_page[figure.page].append(figure)
        return [one for page in self._pages for one in flow.with_figures(page.lines, by_page[page.number])]


def _turn_of(page: pypdfium2.PdfPage) -> Turn:
    """How the page is shown, and which part of it."""
    left, bottom, right, top = page.get_bbox()
    return Turn(page.get_rotation() // 90, right - left, top - bottom, left, bottom)


def _way_of_most(runs: list[Run]) -> int:
    """By how many quarters the page must be turned to read most of it, 0 as a rule."""
    signs: Counter[int] = Counter()
    for run in runs:
        signs[run.turned] += len(run.text)
    ((way, count),) = signs.most_common(1)
    return way if way != SLANTED and count > 0.5 * signs.total() else 0


def _visible(runs: list[Run], turn: Turn) -> list[Run]:
    """Text within the page; print shops leave marks outside of it."""
    width, height = turn.size
    return [
        run
        for run in runs
        if run.vertical or (run.right >= -5 and run.left <= width + 5 and -5 <= run.baseline <= height + 5)
    ]


def _height(goal: pypdfium2.PdfDest, turn: Turn) -> float | None:
    """How far above the page's lower edge the entry leads, if it says (ISO 32000-1, table 151)."""
    mode, values = goal.get_view()
    if mode == pdfium.PDFDEST_VIEW_XYZ and len(values) > 1 and values[1 - turn.quarters % 2]:
        return turn.point(values[0], values[1])[1]
    if mode in _TO_A_HEIGHT and values and values[0] and not turn.quarters % 2:
        return turn.point(0.0, values[0])[1]
    return None


def _is_title(title: str) -> bool:
    """Whether the file's title is one; many programs write the file's name or their own there."""
    return (
        bool(title)
        and not title.lower().startswith("microsoft")
        and "." not in title[-5:]
        and title.lower() != "untitled"
    )
