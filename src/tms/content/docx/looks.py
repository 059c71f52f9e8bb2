"""Headings of a document that uses none of Word's: lines that are set larger or bold, else those that are numbered.

What is found is written down as outline levels, which the rest of the reading goes by.
"""

from collections import Counter
from typing import NamedTuple

from lxml import etree

from tms.content.docx.package import is_on, namespace_of, value_of
from tms.content.docx.styles import TITLE_BY_LOOK, Style, StyleSheet, size_of
from tms.content.lessons import patterns
from tms.content.lessons.document import LOOKED, NUMBERED
from tms.content.safe_xml import Element, local

_LONGEST = 100
_LARGER = 1.12
_FEWEST = 2
_ENDS_SENTENCE = (".", ",", ";", ":", "!", "。", "،", "؛")
_USUAL_SIZE = 22
"""Half points: what Word sets where a document says nothing."""


class _Look(NamedTuple):
    size: int
    bold: bool


def mark_headings(root: Element, styles: StyleSheet) -> float | None:
    """Give outline levels to what looks like headings; how sure they are, None where there are none or real ones."""
    paragraphs = [paragraph for paragraph in root.iter("{*}p") if _is_in_text(paragraph)]
    if any(_has_level(paragraph, styles) for paragraph in paragraphs):
        return None
    levels = _by_look(paragraphs, styles)
    confidence = LOOKED
    if not levels:
        lines = [_text(paragraph) for paragraph in paragraphs]
        found = patterns.headings(
            [line if not _is_item(place) else "" for line, place in zip(lines, paragraphs, strict=True)]
        )
        levels = {paragraphs[place]: level for place, level in found.items()}
        confidence = NUMBERED
    for paragraph, level in levels.items():
        _set_level(paragraph, level)
    return confidence if levels else None


def _is_in_text(paragraph: Element) -> bool:
    """Whether the paragraph stands in the text itself, not in a table, a box or a note."""
    return all(
        local(ancestor) in {"body", "document", "sdt", "sdtContent"} for ancestor in paragraph.iterancestors()
    )


def _style_of(paragraph: Element) -> str | None:
    return value_of(paragraph.find("{*}pPr/{*}pStyle"))


def _has_level(paragraph: Element, styles: StyleSheet) -> bool:
    own = value_of(paragraph.find("{*}pPr/{*}outlineLvl"))
    level = (
        styles.heading_level(_style_of(paragraph))
        if own is None
        else int(own) < 9
        if own.isdecimal()
        else None
    )
    return bool(level) and bool(_text(paragraph).strip())


def _is_item(paragraph: Element) -> bool:
    return paragraph.find("{*}pPr/{*}numPr") is not None


def _text(paragraph: Element) -> str:
    return "".join(element.text or "" for element in paragraph.iter("{*}t"))


def _by_look(paragraphs: list[Element], styles: StyleSheet) -> dict[Element, int]:
    looks = {paragraph: _look(paragraph, styles) for paragraph in paragraphs if _text(paragraph).strip()}
    sizes: Counter[int] = Counter()
    for paragraph, look in looks.items():
        sizes[look.size] += len(_text(paragraph))
    if not sizes:
        return {}
    usual = sizes.most_common(1)[0][0]
    plain = sum(
        len(_text(paragraph)) for paragraph, look in looks.items() if not look.bold and look.size <= usual
    )
    found = {
        paragraph: look
        for paragraph, look in looks.items()
        if (look.size >= _LARGER * usual or (look.bold and look.size >= usual))
        and _is_short(paragraph, styles)
    }
    marked = sum(len(_text(paragraph)) for paragraph in found)
    if len(found) < _FEWEST or marked > plain:
        return {}
    ranks = {look: rank for rank, look in enumerate(sorted(set(found.values()), reverse=True), start=1)}
    if len(ranks) > 1 and list(found.values()).count(_first(found)) == 1 and ranks[_first(found)] == 1:
        # The largest line, alone and before all others, is the title.
        title = next(iter(found))
        del found[title]
        ranks = {look: rank - 1 for look, rank in ranks.items()}
        _set_title(title)
    return {paragraph: min(6, ranks[look]) for paragraph, look in found.items()}


def _first(found: dict[Element, _Look]) -> _Look:
    return next(iter(found.values()))


def _is_short(paragraph: Element, styles: StyleSheet) -> bool:
    text = _text(paragraph).strip()
    return (
        len(text) <= _LONGEST
        and not text.endswith(_ENDS_SENTENCE)
        and any(character.isalpha() for character in text)
        and not _is_item(paragraph)
        and styles.role(_style_of(paragraph)) is None
    )


def _look(paragraph: Element, styles: StyleSheet) -> _Look:
    """How the paragraph is set: the smallest size of its runs, and whether all of them are bold."""
    lineage = styles.lineage(_style_of(paragraph))
    size = next((style.size for style in lineage if style.size is not None), _default_size(styles))
    bold = _is_bold(lineage)
    runs = [
        run for run in paragraph.iter("{*}r") if any((text.text or "").strip() for text in run.iter("{*}t"))
    ]
    own = [run.find("{*}rPr") for run in runs]
    return _Look(
        min((size_of(properties) or size for properties in own), default=size),
        bool(own) and all(_run_is_bold(properties, styles, bold=bold) for properties in own),
    )


def _default_size(styles: StyleSheet) -> int:
    return next(
        (style.size for style in styles.styles.values() if style.is_default and style.size), _USUAL_SIZE
    )


def _is_bold(lineage: list[Style]) -> bool:
    return is_on(next((style.bold for style in lineage if style.bold is not None), None))


def _run_is_bold(properties: Element | None, styles: StyleSheet, *, bold: bool) -> bool:
    if properties is None:
        return bold
    switch = properties.find("{*}b")
    if switch is not None:
        return is_on(switch)
    return bold or styles.emphasis(value_of(properties.find("{*}rStyle")))[0]


def _properties(paragraph: Element) -> Element:
    properties = paragraph.find("{*}pPr")
    if properties is None:
        properties = etree.Element(f"{namespace_of(paragraph)}pPr")
        paragraph.insert(0, properties)
    return properties


def _set_level(paragraph: Element, level: int) -> None:
    name = namespace_of(paragraph)
    etree.SubElement(_properties(paragraph), f"{name}outlineLvl").set(f"{name}val", str(level - 1))


def _set_title(paragraph: Element) -> None:
    name = namespace_of(paragraph)
    properties = _properties(paragraph)
    for style in properties.findall(f"{name}pStyle"):
        properties.remove(style)
    etree.SubElement(properties, f"{name}pStyle").set(f"{name}val", TITLE_BY_LOOK)
