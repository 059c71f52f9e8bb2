"""A plain text becomes lessons: headings are underlined lines, numbered ones, or lines in capitals that stand alone."""

import re

from lxml import etree

from tms.content import encodings
from tms.content.lessons import division, patterns
from tms.content.lessons.document import CONFIDENCE, LOOKED, NUMBERED, Document, Manuscript, Source
from tms.content.safe_xml import NO_XML, Element

_UNDERLINES = {"=": 1, "#": 1, "*": 1, "-": 2, "~": 3, "^": 3}
_BULLET = re.compile(r"[ \t]{0,8}(?:[-*+•◦▪‣·–])[ \t]+(?=\S)")
_ITEM = re.compile(r"[ \t]{0,8}(\d{1,4})[.)][ \t]+(?=\S)")
_INDENTED = re.compile(r"(?: {4}|\t)")
_LEAST_CAPITALS = 4
_LONGEST_HEADING = 80


def read(source: Source) -> Document:
    """The lessons of a plain text in any of the usual encodings; raises a `DocumentError`."""
    source.report(0.2, "Reading text")
    text = encodings.decode(source.path.read_bytes())
    lines = [NO_XML.sub("", line).rstrip() for line in re.split(r"\r\n|\r|\n|\x0b|\x0c|\u2028|\u2029", text)]
    return division.compose(Manuscript(_blocks(lines)), source)


def _blocks(lines: list[str]) -> Element:
    root = etree.Element("div")
    headings, confidence = _find_headings(lines)
    gathered: list[str] = []
    for place, line in enumerate(lines):
        if place in headings:
            _end(root, gathered)
            heading = etree.SubElement(root, f"h{min(6, headings[place])}")
            heading.set(CONFIDENCE, str(confidence))
            heading.text = line.strip(" =#*~")
        elif not line.strip():
            _end(root, gathered)
        elif not _is_rule(line):
            gathered.append(line)
        elif place - 1 not in headings:
            # A line of signs that is no underline divides, as a rule does.
            _end(root, gathered)
            etree.SubElement(root, "hr")
    _end(root, gathered)
    return root


def _find_headings(lines: list[str]) -> tuple[dict[int, int], float]:
    """Levels by line, and how sure they are: underlined lines, else numbered ones, else lines in capitals."""
    underlined = {
        place: _UNDERLINES[lines[place + 1].strip()[0]]
        for place in range(len(lines) - 1)
        if _is_rule(lines[place + 1])
        and _stands_alone(lines, place)
        and len(lines[place + 1].strip()) >= 0.5 * len(lines[place].strip())
    }
    if underlined:
        return _dense(underlined), NUMBERED
    alone = [
        line if _stands_alone(lines, place) and _is_free(lines, place) else ""
        for place, line in enumerate(lines)
    ]
    if numbered := patterns.headings(alone):
        return _dense(numbered), NUMBERED
    capitals = {place: 1 for place, line in enumerate(alone) if _is_in_capitals(line)}
    return (capitals if len(capitals) > 1 else {}), LOOKED


def _dense(levels: dict[int, int]) -> dict[int, int]:
    """Levels without gaps, from 1."""
    ranks = {level: rank for rank, level in enumerate(sorted(set(levels.values())), start=1)}
    return {place: ranks[level] for place, level in levels.items()}


def _stands_alone(lines: list[str], place: int) -> bool:
    """Whether the line begins a paragraph and is short enough for a heading."""
    line = lines[place].strip()
    before = lines[place - 1].strip() if place else ""
    return 0 < len(line) <= _LONGEST_HEADING and not before and not _is_rule(line)


def _is_free(lines: list[str], place: int) -> bool:
    return place + 1 == len(lines) or not lines[place + 1].strip()


def _is_rule(line: str) -> bool:
    signs = line.strip()
    return len(signs) > 2 and signs[0] in _UNDERLINES and not signs.strip(signs[0])


def _is_in_capitals(line: str) -> bool:
    letters = [character for character in line if character.isalpha()]
    return len(letters) >= _LEAST_CAPITALS and all(letter.isupper() for letter in letters)


def _end(root: Element, gathered: list[str]) -> None:
    """Write what was gathered: code where every line is indented, items where it begins with one, else a paragraph."""
    if not gathered:
        return
    if all(_INDENTED.match(line) for line in gathered) and not _is_item(gathered[0]):
        _write_code(root, gathered)
    elif _is_item(gathered[0]):
        _write_items(root, gathered)
    else:
        etree.SubElement(root, "p").text = " ".join(line.strip() for line in gathered)
    gathered.clear()


def _is_item(line: str) -> bool:
    return bool(_BULLET.match(line) or _ITEM.match(line))


def _write_code(root: Element, lines: list[str]) -> None:
    expanded = [line.expandtabs(4) for line in lines]
    margin = min(len(line) - len(line.lstrip()) for line in expanded)
    text = "\n".join(line[margin:] for line in expanded)
    before = root[-1] if len(root) else None
    if before is not None and before.tag == "pre":
        before[0].text = f"{before[0].text}\n\n{text}"
    else:
        etree.SubElement(etree.SubElement(root, "pre"), "code").text = text


def _write_items(root: Element, lines: list[str]) -> None:
    items: Element | None = root[-1] if len(root) and root[-1].tag in {"ul", "ol"} else None
    for line in lines:
        number = _ITEM.match(line)
        mark = number or _BULLET.match(line)
        if mark is None:
            if items is not None:
                items[-1].text = f"{items[-1].text} {line.strip()}"
            continue
        tag = "ul" if number is None else "ol"
        if items is None or items.tag != tag:
            items = etree.SubElement(root, tag)
            if number is not None and number[1] != "1":
                items.set("start", str(int(number[1])))
        etree.SubElement(items, "li").text = line[mark.end() :].strip()
