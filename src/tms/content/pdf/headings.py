"""Which lines are headings: by bookmarks, else by a printed list of contents, font sizes, or numbers.

The same file may have both: bookmarks say where lessons begin, and larger type below them makes sub-headings.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from tms.content.lessons import patterns
from tms.content.lessons.document import CUT, DECLARED, LOOKED, NUMBERED
from tms.content.lessons.titles import plain_line
from tms.content.pdf.lines import Line, PageText
from tms.content.pdf.text import HYPHEN

PAGES_OF_A_BLOCK = 10
_LARGER = 1.12
_LONGEST = 160
_MOST_LINES = 4
_LISTED = 0.9
"""A printed list of contents names it, and the line was found."""
_NOT_LETTERS = re.compile(r"[\W_]+")
_LONGEST_JOINED = 1000
_LONGEST_PREFIX = 13
"""Signs: a figure comes before that, if there is one."""
_PREFIX = re.compile(r"(?:[^\W\d_]{1,12})?\d+")


class Bookmark(NamedTuple):
    """An entry of the file's outline: `level` from 1, `page` from 1; `height` in points from below, if it says."""

    title: str
    level: int
    page: int
    height: float | None


def mark(pages: list[PageText], bookmarks: list[Bookmark], contents: list[str]) -> None:
    """Set `level` and `confidence` of the lines that are headings; adds lines where a bookmark has none of its own."""
    lines = [line for page in pages for line in page.lines]
    body = body_size(lines)
    if bookmarks:
        for bookmark in bookmarks:
            _place(pages, bookmark)
        _mark_by_size(lines, body, below=max(bookmark.level for bookmark in bookmarks))
    elif (
        not _mark_by_contents(lines, contents)
        and not _mark_by_size(lines, body)
        and not _mark_by_number(lines)
    ):
        _cut(pages)
        return
    _join(pages)


def body_size(lines: Iterable[Line]) -> float:
    """The size that most of the text has."""
    sizes: Counter[float] = Counter()
    for line in lines:
        if not line.mono:
            sizes[round(line.size * 2) / 2] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def _letters(text: str) -> str:
    return _NOT_LETTERS.sub("", text.replace(HYPHEN, "").casefold())


def _letters_of(line: Line) -> str:
    if line.letters is None:
        line.letters = _letters(line.text)
    return line.letters


def _place(pages: list[PageText], bookmark: Bookmark) -> None:
    """The line that the bookmark names becomes a heading; else the title is put in at its height."""
    page = pages[bookmark.page - 1]
    wanted = _letters(bookmark.title)
    found = _find(page.lines, wanted, bookmark.height)
    if (
        found is None
        and bookmark.page < len(pages)
        and bookmark.height is not None
        and bookmark.height < 0.1 * page.height
    ):
        page = pages[bookmark.page]
        found = _find(page.lines, wanted, None)
    if found is None:
        place = _below(page.lines, bookmark.height)
        page.lines.insert(place, _made(page, bookmark, place))
        return
    for number, line in enumerate(page.lines[found[0] : found[1]]):
        line.level, line.confidence = bookmark.level, DECLARED
        if number:
            line.column = page.lines[found[0]].column


def _find(lines: list[Line], wanted: str, height: float | None) -> tuple[int, int] | None:
    """The lines, from one place up to another, that together read as `wanted`, nearest below the height first."""
    found: list[tuple[float, int, int]] = []
    if not wanted:
        return None
    for start, line in enumerate(lines):
        if line.level:
            continue
        first = _letters_of(line)
        if not wanted.startswith(first) and (first[:_LONGEST_PREFIX].isalpha() or not _PREFIX.match(first)):
            continue
        text = ""
        for end in range(start, min(start + _MOST_LINES, len(lines))):
            text += _letters_of(lines[end])
            if text == wanted or (text.endswith(wanted) and _PREFIX.fullmatch(text[: -len(wanted)])):
                distance = 0.0 if height is None else abs(height - line.baseline - line.size)
                found.append((distance, start, end + 1))
            if len(text) > len(wanted) + 20:
                break
    return min(found)[1:] if found else None


def _below(lines: list[Line], height: float | None) -> int:
    if height is None:
        return 0
    return next((place for place, line in enumerate(lines) if line.baseline < height - 0.5), len(lines))


def _made(page: PageText, bookmark: Bookmark, place: int) -> Line:
    height = page.lines[place].baseline + 20 if place < len(page.lines) else bookmark.height or page.height
    line = Line(page.number, [], height, 12.0, text=bookmark.title)
    line.level, line.confidence = bookmark.level, DECLARED
    return line


def _mark_by_contents(lines: list[Line], titles: list[str]) -> bool:
    """Lines that a printed list of contents names, in its order; needs most of them."""
    places: dict[str, list[int]] = {wanted: [] for title in titles if (wanted := _letters(title))}
    for place, line in enumerate(lines if places else ()):
        if (letters := _letters_of(line)) in places:
            places[letters].append(place)
    found: list[Line] = []
    start = 0
    for title in titles:
        at = places.get(_letters(title), [])
        next_at = bisect_left(at, start)
        if next_at < len(at):
            found.append(lines[at[next_at]])
            start = at[next_at] + 1
    if len(found) < 2 or len(found) < 0.6 * len(titles):
        return False
    sizes = sorted({round(line.size) for line in found}, reverse=True)
    for line in found:
        depth = patterns.level_of(line.text)
        line.level = min(6, sizes.index(round(line.size)) + 1 if len(sizes) > 1 else max(1, (depth or 2) - 1))
        line.confidence = _LISTED
    return True


def _mark_by_size(lines: list[Line], body: float, below: int = 0) -> bool:
    """Lines in larger type; the sizes in order give the levels, `below` being the level above the first."""
    candidates = [line for line in lines if not line.level and _is_large(line, body)]
    taken = {round(line.size * 2) for line in lines if line.level}
    if below and taken:
        smallest = min(taken)
        candidates = [line for line in candidates if round(line.size * 2) < smallest]
    sizes = sorted({round(line.size * 2) for line in candidates}, reverse=True)
    if not sizes:
        return False
    if not below and len(sizes) > 1:
        # What is largest and stands once, before all others, is the title of the whole.
        largest = [line for line in candidates if round(line.size * 2) == sizes[0]]
        if (
            largest[0] is candidates[0]
            and len(largest) <= 2
            and largest[-1].page == largest[0].page == lines[0].page
        ):
            for line in largest:
                line.level, line.confidence = -1, LOOKED
            candidates = [line for line in candidates if line.level == 0]
            sizes = sizes[1:]
    ranks = {size: rank for rank, size in enumerate(sizes, start=1)}
    for line in candidates:
        line.level = min(6, below + ranks[round(line.size * 2)])
        line.confidence = LOOKED
    return True


def _is_large(line: Line, body: float) -> bool:
    text = line.text.strip()
    return (
        line.size >= _LARGER * body
        and not line.mono
        and 0 < len(text) <= _LONGEST
        and any(character.isalpha() for character in text)
        and len(line.pieces) <= 2
    )


def _mark_by_number(lines: list[Line]) -> bool:
    found = patterns.headings([line.text if not line.mono else "" for line in lines])
    ranks = {level: rank for rank, level in enumerate(sorted(set(found.values())), start=1)}
    for place, level in found.items():
        lines[place].level = min(6, ranks[level])
        lines[place].confidence = NUMBERED
    return bool(found)


def _cut(pages: list[PageText]) -> None:
    """Blocks of pages, where a long text shows no headings at all."""
    if len(pages) <= PAGES_OF_A_BLOCK:
        return
    for first in range(0, len(pages), PAGES_OF_A_BLOCK):
        last = min(first + PAGES_OF_A_BLOCK, len(pages))
        title = f"Pages {first + 1}–{last}" if last > first + 1 else f"Page {last}"
        made = _made(pages[first], Bookmark(title, 1, first + 1, None), 0)
        made.confidence = CUT
        pages[first].lines.insert(0, made)


def _join(pages: list[PageText]) -> None:
    """A heading that runs over several lines is one heading."""
    for page in pages:
        joined: list[Line] = []
        for line in page.lines:
            last = joined[-1] if joined else None
            if last is not None and _continues(last, line):
                last.text = _together(last.text, line.text)
                last.pieces = [*last.pieces, *line.pieces]
                last.baseline = line.baseline
            else:
                joined.append(line)
        page.lines = joined


def _continues(last: Line, line: Line) -> bool:
    return (
        last.level == line.level != 0
        and last.column == line.column
        and bool(last.pieces)
        and bool(line.pieces)
        and len(last.text) < _LONGEST_JOINED
        and abs(last.size - line.size) < 0.5
        and 0 < last.baseline - line.baseline < 1.6 * line.size
        and patterns.level_of(line.text) is None
    )


def _together(first: str, second: str) -> str:
    if first.endswith(HYPHEN):
        return first[:-1] + second
    return f"{first} {second}"


def title_in(line: Line) -> str:
    """The words of a heading."""
    return plain_line(line.text.replace(HYPHEN, "-" if line.text.endswith(HYPHEN) else ""))
