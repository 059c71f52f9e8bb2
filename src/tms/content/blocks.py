"""Lessons as sequences of blocks: the sub-headings and pages at which they can be split, and their words.

What goes in is sanitised HTML, as the house stores it: well-formed, attributes quoted, text escaped.
"""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from tms.courses.html import PAGE

_HEADING = re.compile(r"h[1-6]")
# Within a word or a sentence; every other element parts what stands before it from what comes after.
_INLINE = frozenset(
    "a abbr b cite code del em i ins kbd mark q s samp small span strong sub sup u var".split()  # noqa: SIM905 - a list
)
_CELLS = frozenset({"td", "th"})
_EMPTY = frozenset({"br", "hr", "img"})
# Scripts that put no spaces between words: there a letter counts as a word when texts are compared.
_TOKEN = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|\w+")


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a part of a lesson begins: at a sub-heading, with a page, or both.

    `start` and `end` are the places of the heading in the lesson's HTML, the same place where a page begins without one;
    then `level` is 0 and `title` empty. `page` is the page that the part begins on, None where there are no pages.
    """

    start: int
    end: int
    level: int
    title: str
    page: int | None
    begins_page: bool


class _Reader(HTMLParser):
    def __init__(self, html: str, page: int | None = None) -> None:
        super().__init__(convert_charrefs=True)
        # The parser tells lines, which to it end with a line feed alone.
        self._lines = [0, *(found.end() for found in re.finditer("\n", html))]
        self._depth = 0
        self._heading: tuple[int, int, list[str]] | None = None
        self._page = page
        self._page_start: int | None = None
        self.beginnings: list[Beginning] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def _at(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._part(tag)
        if self._depth == 0:
            self._begin(tag, dict(attrs).get(PAGE))
        if tag not in _EMPTY:
            self._depth += 1

    def _begin(self, tag: str, page: str | None) -> None:
        """A block begins, and perhaps a page with it, or the heading of a part."""
        if page is not None:
            self._page, self._page_start = int(page), self._at()
        if _HEADING.fullmatch(tag):
            self._heading = (int(tag[1]), self._at(), [])
        else:
            self._begin_page()

    def _begin_page(self) -> None:
        """What a page begins with, if one does, is no heading with words."""
        if self._page_start is not None:
            self.beginnings.append(
                Beginning(self._page_start, self._page_start, 0, "", self._page, begins_page=True)
            )
        self._page_start = None

    def _part(self, tag: str) -> None:
        if tag not in _INLINE:
            self.words.append(" " if tag in _CELLS else "\n")

    def handle_endtag(self, tag: str) -> None:
        self._part(tag)
        if tag in _EMPTY:
            return
        self._depth -= 1
        if self._depth == 0 and self._heading is not None:
            level, start, pieces = self._heading
            title = " ".join("".join(pieces).split())
            self._heading = None
            if title:
                end = self._at() + len(f"</{tag}>")
                begins_page = self._page_start is not None
                self.beginnings.append(Beginning(start, end, level, title, self._page, begins_page))
                self._page_start = None
            self._begin_page()

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._heading is not None:
            self._heading[2].append(data)


def beginnings(html: str, page: int | None = None) -> list[Beginning]:
    """Where the lesson can be split, in order; headings within tables, lists or quotations are no such places.

    `page` is the page that the lesson begins on.
    """
    return _Reader(html, page).beginnings


def text(html: str) -> str:
    """The words of a lesson, with single spaces between them."""
    return " ".join("".join(_Reader(html).words).split())


def lines(html: str) -> list[str]:
    """The words of a lesson, what stands apart in it apart: paragraphs, items, rows of tables, lines of code."""
    parted = (" ".join(line.split()) for line in "".join(_Reader(html).words).split("\n"))
    return [line for line in parted if line]


def tokens(words: str) -> list[str]:
    """The words by which two texts are compared, without regard to case."""
    return _TOKEN.findall(words.casefold())
