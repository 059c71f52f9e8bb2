"""How much of what is known of a document its lessons hold: words, titles, and the order of things.

The words of alternative texts do not count: text that became a picture is lost to those who read.
"""

import html
import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass

_TAG = re.compile(r"<[^>]*>")
_MARKER = re.compile(r"\bm\d+q\b")
_TOKEN = re.compile(
    r"[^\W_]+(?:[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e4e]+[^\W_]*)*"
)


@dataclass(frozen=True, slots=True)
class Measure:
    """Shares from 0 to 1."""

    words: float
    titles: float
    order: float


def tokens(text):
    """Words in one form of letters (NFKC); of scripts without spaces, what stands together."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text))


def text_of(lesson_html):
    return html.unescape(
        _TAG.sub(" ", re.sub(r"</?(?:strong|em|b|i|u|span|code|a|sup|sub)\b[^>]*>", "", lesson_html))
    )


def measure(known, lessons):
    """`lessons` are those that were read, in their order."""
    expected = Counter(token for text in known.texts() for token in tokens(text))
    # The introduction may hold what stands before the first title; it is no title that is known.
    found_text = " ".join(f"{lesson.title} {text_of(lesson.html)}" for lesson in lessons)
    kept = expected & Counter(tokens(found_text))
    wanted = [" ".join(tokens(lesson.title)) for lesson in known.lessons]
    titles = [" ".join(tokens(lesson.title)) for lesson in lessons]
    known_markers = [found for text in known.texts() for found in _MARKER.findall(text)]
    place = {marker: number for number, marker in enumerate(known_markers)}
    seen = [place[marker] for marker in _MARKER.findall(found_text) if marker in place]
    return Measure(
        words=kept.total() / expected.total(),
        titles=_common(wanted, titles) / max(len(wanted), len(titles)),
        order=_rising(seen) / len(known_markers),
    )


def _rising(numbers):
    """The length of the longest rising selection."""
    ends = []
    for number in numbers:
        at = bisect_left(ends, number)
        ends[at : at + 1] = [number]
    return len(ends)


def _common(left, right):
    """The length of the longest common selection."""
    row = [0] * (len(right) + 1)
    for one in left:
        before = row
        row = [0]
        for number, other in enumerate(right):
            row.append(before[number] + 1 if one == other else max(before[number + 1], row[number]))
    return row[-1]
