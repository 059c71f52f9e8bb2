"""A PDF becomes lessons."""

import itertools

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
from tms.content.pdf import asking, blocks, drawings, furniture, headings, lines, links, notes, phrases
from tms.content.pdf.drawings import Drawing
from tms.content.pdf.headings import Bookmark
from tms.content.pdf.lines import Line, PageText
from tms.content.pdf.pictures import PictureTaker, Placed, figures
from tms.content.pdf.text import FontBook, Run, TextReader, Turn

PAGES_LIMIT = 5000
_BOOKMARKS_LIMIT = 10_000
_LEAST_SIGNS = 20
"""A page with fewer signs and a picture of its whole is a scan."""
_SCAN_SHARE = 0.5
_REPORT_EVERY = 20
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
        self._pictures = PictureTaker(source.pictures)
        self._pages: list[PageText] = []
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
        self._placed += drawings.render(self._document, self._drawings, self._placed, self._pictures)
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
        width, height = page.get_size()
        quarters = page.get_rotation() // 90
        upright = (height, width) if quarters % 2 else (width, height)
        turn = Turn(quarters, *upright)
        text_page = page.get_textpage()
        runs, text_objects = self._text.runs(asking.address(text_page.raw), text_page.count_chars(), turn)
        runs = links.set_links(self._document.raw, page.raw, text_page.raw, turn, runs)
        signs = sum(len(run.text) for run in runs)
        others = asking.other_objects(asking.address(page.raw), text_objects)
        placed = self._pictures.take(page, others, number, turn, has_text=signs >= _LEAST_SIGNS)
        if signs < _LEAST_SIGNS and any(picture.share > _SCAN_SHARE for picture in placed):
            self._scans.append(number)
        self._placed += placed
        self._drawings += drawings.find(number, others, runs, turn)
        found = PageText(number, width, height)
        found.lines = lines.lines_of(found, _visible(runs, found))
        self._pages.append(found)
        text_page.close()
        page.close()

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
            found.append(Bookmark(name, min(entry.level + 1, 6), page + 1, _height(goal)))
        roots = [bookmark for bookmark in found if bookmark.level == 1]
        if len(roots) == 1 and len(found) > 2 and roots[0] is found[0]:
            return shorten(roots[0].title), [one._replace(level=one.level - 1) for one in found[1:]]
        return (shorten(title) if _is_title(title) else None), found

    def _with_figures(self) -> list[Line | blocks.Figure]:
        """Lines in reading order, each picture before the first line that stands below its middle."""
        placed = figures(self._placed, len(self._pages))
        ordered: list[Line | blocks.Figure] = []
        for page in self._pages:
            waiting = sorted(
                (one for one in placed if one.page == page.number), key=lambda one: -one.baseline
            )
            for line in page.lines:
                while waiting and waiting[0].baseline > line.baseline:
                    ordered.append(waiting.pop(0))
                ordered.append(line)
            ordered += waiting
        return ordered


def _visible(runs: list[Run], page: PageText) -> list[Run]:
    """Text within the page; print shops leave marks outside of it."""
    return [
        run
        for run in runs
        if run.vertical or (-5 <= run.left <= page.width + 5 and -5 <= run.baseline <= page.height + 5)
    ]


def _height(goal: pypdfium2.PdfDest) -> float | None:
    """How far above the page's lower edge the entry leads, if it says (ISO 32000-1, table 151)."""
    mode, values = goal.get_view()
    place = {pdfium.PDFDEST_VIEW_XYZ: 1, pdfium.PDFDEST_VIEW_FITH: 0, pdfium.PDFDEST_VIEW_FITBH: 0}.get(mode)
    if place is None or place >= len(values):
        return None
    return float(values[place]) if values[place] else None


def _is_title(title: str) -> bool:
    """Whether the file's title is one; many programs write the file's name or their own there."""
    return (
        bool(title)
        and not title.lower().startswith("microsoft")
        and "." not in title[-5:]
        and title.lower() != "untitled"
    )
