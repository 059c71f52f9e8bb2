"""Lessons as sequences of blocks: their sub-headings, at which they can be split, and their words.

What goes in is sanitised HTML, as the house stores it: well-formed, attributes quoted, text escaped.
"""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

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
class Heading:
    """A heading that is no part of something else; `start` and `end` are places in the lesson's HTML."""

    level: int
    title: str
    start: int
    end: int


class _Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        # The parser tells lines, which to it end with a line feed alone.
        self._lines = [0, *(found.end() for found in re.finditer("\n", html))]
        self._depth = 0
        self._heading: tuple[int, int, list[str]] | None = None
        self.headings: list[Heading] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def _at(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - given by HTMLParser
        self._part(tag)
        if self._depth == 0 and _HEADING.fullmatch(tag):
            self._heading = (int(tag[1]), self._at(), [])
        if tag not in _EMPTY:
            self._depth += 1

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
                self.headings.append(Heading(level, title, start, self._at() + len(f"</{tag}>")))

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._heading is not None:
            self._heading[2].append(data)


def headings(html: str) -> list[Heading]:
    """The headings at which the lesson can be split, in order; those within tables, lists or quotations are not."""
    return _Reader(html).headings


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
