"""Lines that are headings by their words and numbers: "Chapter 3", "Part II", "1.2 Lists", in the languages that we know."""

import re

_NUMBER = r"(?:\d{1,3}|[IVXLC]{1,7})"
_PART = r"part|teil|partie|parte|часть|deel|del"
_CHAPTER = (
    r"chapter|lesson|unit|module|session|appendix|kapitel|lektion|modul|chapitre|leçon|module|capítulo|lección|unidad|"
    r"capitolo|lezione|hoofdstuk|les|глава|урок|модуль|rozdział|lekcja|bölüm|ders|κεφάλαιο|פרק|الفصل|الدرس|अध्याय|पाठ"
)
_SECTION = r"section|abschnitt|sección|sezione|раздел|paragraaf"
_WORDS = (
    (1, re.compile(rf"(?:{_PART})\s+{_NUMBER}\b", re.IGNORECASE)),
    (2, re.compile(rf"(?:{_CHAPTER})\s+(?:{_NUMBER}|[A-Z]|[٠-٩۰-۹]+|[०-९]+)\b", re.IGNORECASE)),
    (2, re.compile(r"第\s*[0-9０-９一二三四五六七八九十百]+\s*[章課课讲講回部編编]")),
    (2, re.compile(r"제\s*\d+\s*[장과부]")),
    (3, re.compile(rf"(?:{_SECTION})\s+\d", re.IGNORECASE)),
    (3, re.compile(r"第\s*[0-9０-９一二三四五六七八九十百]+\s*[節节]")),
)
_DECIMAL = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,5})\.?\s+(?=[^\W\d_])")
_LONGEST = 120
_ENDS_SENTENCE = (".", ",", ";", ":", "?!", "。", "、", "؛", "،")


def level_of(line: str) -> int | None:
    """1 for a part, 2 for a chapter or "3 Title", 3 for "3.1 Title" and so on; None for a line that is no heading."""
    line = line.strip()
    if not line or len(line) > _LONGEST or line.endswith(_ENDS_SENTENCE):
        return None
    for level, pattern in _WORDS:
        if pattern.match(line):
            return level
    if (decimal := _DECIMAL.match(line)) is not None:
        return 2 + decimal[1].count(".")
    return None


def headings(lines: list[str]) -> dict[int, int]:
    """The levels of those lines, by their place in the list, that are headings of a numbered document.

    Numbers alone also begin the items of lists; they count only where they rise by one, from 0 or 1, across the document
    and where at least two do.
    """
    found = {place: level for place, line in enumerate(lines) if (level := level_of(line)) is not None}
    named = {place: level for place, level in found.items() if not _DECIMAL.match(lines[place].strip())}
    rising = _rising([(place, _number(lines[place])) for place in found if place not in named])
    counted = named | {place: found[place] for place in rising}
    return dict(sorted(counted.items())) if len(counted) > 1 else {}


def _number(line: str) -> tuple[int, ...]:
    decimal = _DECIMAL.match(line.strip())
    return () if decimal is None else tuple(int(part) for part in decimal[1].split("."))


def _rising(numbered: list[tuple[int, tuple[int, ...]]]) -> list[int]:
    """The places whose numbers follow each other: 1, 1.1, 1.2, 2, 2.1."""
    kept: list[int] = []
    last: tuple[int, ...] = ()
    for place, number in numbered:
        if _follows(last, number):
            kept.append(place)
            last = number
    return kept


def _follows(last: tuple[int, ...], number: tuple[int, ...]) -> bool:
    if not last:
        return number in {(0,), (1,)}
    if number == (*last, 1):
        return True
    depth = len(number)
    return depth <= len(last) and number[:-1] == last[: depth - 1] and number[-1] == last[depth - 1] + 1
