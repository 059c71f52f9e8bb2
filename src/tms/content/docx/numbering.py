"""Bullets and numbers of lists: which paragraph is an item, how deep, and which number Word shows for it.

Counting follows ECMA-376 part 1, 17.9: lists of one abstract definition go on counting, a `startOverride` begins anew.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from tms.content.docx.package import value_of
from tms.content.docx.styles import StyleSheet
from tms.content.safe_xml import Element, local

DEEPEST = 9
_DEPTH_IN_NAME = re.compile(r"list (?:bullet|number) ([2-5])")


class Item(NamedTuple):
    """A paragraph's place in a list: `kind` is Bullet, Number or Continue (no mark of its own), `depth` is 1 to 9."""

    kind: str
    depth: int
    number: int


@dataclass(frozen=True, slots=True)
class _Level:
    format: str
    text: str
    start: int
    style: str | None


@dataclass(frozen=True, slots=True)
class _List:
    abstract: str
    levels: dict[int, _Level]
    restarts: dict[int, int]


@dataclass(slots=True)
class Numbering:
    """The lists of a document, and how far each has counted."""

    styles: StyleSheet
    lists: dict[str, _List] = field(default_factory=dict)
    _counts: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    _begun: set[tuple[str, int]] = field(default_factory=set)

    def item(self, properties: Element | None, style_id: str | None) -> Item | None:
        """The list item that a paragraph with these properties and style is; counts it. None if it is in no list."""
        place = self._place(properties, style_id)
        if place is None:
            return None
        list_id, depth = place
        known = self.lists.get(list_id)
        level = None if known is None else known.levels.get(depth)
        if known is None or level is None:
            return None
        shown = max(depth + 1, self._depth_of_style(style_id))
        if level.format == "none" or (level.format == "bullet" and not level.text.strip()):
            return Item("Continue", shown, 0)
        if level.format == "bullet":
            return Item("Bullet", shown, 0)
        return Item("Number", shown, self._count(list_id, known, depth, level))

    def _place(self, properties: Element | None, style_id: str | None) -> tuple[str, int] | None:
        own = None if properties is None else properties.find("{*}numPr")
        list_id = None if own is None else value_of(own.find("{*}numId"))
        depth = None if own is None else value_of(own.find("{*}ilvl"))
        for style in self.styles.lineage(style_id):
            if list_id is None and style.numbering is not None:
                list_id = value_of(style.numbering.find("{*}numId"))
                depth = depth or value_of(style.numbering.find("{*}ilvl"))
        if list_id is None or list_id == "0":
            return None
        if depth is None:
            depth = self._linked_depth(list_id, style_id)
        return list_id, min(int(depth) if depth.isdecimal() else 0, DEEPEST - 1)

    def _depth_of_style(self, style_id: str | None) -> int:
        """Word's own styles `List Bullet 2` to `List Number 5` are lists of one level, only indented."""
        for style in self.styles.lineage(style_id):
            if match := _DEPTH_IN_NAME.fullmatch(style.name):
                return int(match[1])
        return 1

    def _linked_depth(self, list_id: str, style_id: str | None) -> str:
        known = self.lists.get(list_id)
        levels = {} if known is None else known.levels
        return next(
            (str(depth) for depth, level in levels.items() if style_id and level.style == style_id), "0"
        )

    def _count(self, list_id: str, known: _List, depth: int, level: _Level) -> int:
        counts = self._counts[known.abstract]
        if depth in known.restarts and (list_id, depth) not in self._begun:
            counts[depth] = known.restarts[depth]
        else:
            counts[depth] = counts[depth] + 1 if depth in counts else level.start
        self._begun.add((list_id, depth))
        for deeper in [other for other in counts if other > depth]:
            del counts[deeper]
        return counts[depth]


def read_numbering(root: Element | None, styles: StyleSheet) -> Numbering:
    """The numbering part, or no lists where the document has none."""
    if root is None:
        return Numbering(styles)
    abstracts = {
        value_of(element, "abstractNumId"): element for element in root.iterchildren("{*}abstractNum")
    }
    by_style = {
        value_of(link): element
        for element in abstracts.values()
        if (link := element.find("{*}styleLink")) is not None
    }
    lists = {}
    for element in root.iterchildren("{*}num"):
        list_id = value_of(element, "numId")
        abstract_id = value_of(element.find("{*}abstractNumId"))
        abstract = abstracts.get(abstract_id)
        if list_id is None or abstract_id is None or abstract is None:
            continue
        linked = value_of(abstract.find("{*}numStyleLink"))
        definition = by_style.get(linked, abstract) if linked else abstract
        lists[list_id] = _read_list(element, abstract_id, definition)
    return Numbering(styles, lists)


def _read_list(element: Element, abstract_id: str, definition: Element) -> _List:
    levels = {_depth(level): _read_level(level) for level in definition.iterchildren("{*}lvl")}
    restarts = {}
    for override in element.iterchildren("{*}lvlOverride"):
        replaced = override.find("{*}lvl")
        if replaced is not None:
            levels[_depth(override)] = _read_level(replaced)
        start = override.find("{*}startOverride")
        if start is not None:
            restarts[_depth(override)] = _number(value_of(start), 1)
    return _List(abstract_id, levels, restarts)


def _read_level(level: Element) -> _Level:
    children = {local(child): child for child in level}
    return _Level(
        format=value_of(children.get("numFmt")) or "decimal",
        # A picture as bullet leaves the text empty.
        text="*" if "lvlPicBulletId" in children else value_of(children.get("lvlText")) or "",
        start=_number(value_of(children.get("start")), 1),
        style=value_of(children.get("pStyle")),
    )


def _depth(element: Element) -> int:
    return _number(value_of(element, "ilvl"), 0)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < DEEPEST else otherwise
