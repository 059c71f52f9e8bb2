"""Rewrites a part of a Word document so that the converter, which knows a small dialect, loses nothing of it.

Each paragraph gets a style `Tms...` that names its role (`TmsHeading2`, `TmsBlock`, `TmsNumber1`); what the converter
does not know (formulas, text boxes, drawings in SVG, fields) is put in terms that it does; noise is taken out, which
makes the tree several times smaller.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from lxml import etree

from tms.content.docx import contents, drawings, fields, formulas, looks, symbols
from tms.content.docx.numbering import Item, Numbering
from tms.content.docx.package import W_STRICT, W, is_on, namespace_of, value_of
from tms.content.docx.styles import StyleSheet, font_of, is_monospaced
from tms.content.opc import Relationship
from tms.content.safe_xml import Element, local

START_MARK = "tms-number-"
_MAIN_NAMESPACES = (W, W_STRICT)
# Wrappers that the converter would drop together with their text.
_WRAPPERS = ("fldSimple", "dir", "bdo", "ruby", "rubyBase")
_DROPPED = (
    "rt",
    "proofErr",
    "lastRenderedPageBreak",
    "bookmarkEnd",
    "tblGrid",
    "tblPr",
    "permStart",
    "permEnd",
)
_RUN_PROPERTIES = frozenset({"rStyle", "b", "i", "u", "strike", "vertAlign", "highlight", "del"})
_TYPEWRITTEN = "TmsTypewritten"
_CELL_PROPERTIES = frozenset({"gridSpan", "vMerge"})


@dataclass(slots=True)
class Preparation:
    """What a document needs for all of its parts, and what had to be left out (counted by kind)."""

    styles: StyleSheet
    numbering: Numbering
    left_out: Counter[str] = field(default_factory=Counter)
    guessed: float | None = None
    """How sure the headings are, where none was marked as one."""


def prepare(
    root: Element,
    relationships: dict[str, Relationship],
    work: Preparation,
    part: Callable[[str], Element | None],
) -> None:
    """Rewrite the tree of one part (main text, footnotes or endnotes) in place; `part` gives the trees of others by name."""
    contents.drop(root, work.styles)
    drawings.settle(root, relationships, work.left_out, part)
    if local(root) == "document":
        work.guessed = looks.mark_headings(root, work.styles)
    formulas.write_out(root)
    symbols.settle(root, work.left_out)
    fields.settle_links(root)
    _drop_prompts(root, work)
    _join_drop_caps(root)
    for name in _WRAPPERS:
        for element in list(root.iter(f"{{*}}{name}")):
            _unwrap(element)
    for element in list(root.iter(*(f"{{*}}{name}" for name in _DROPPED))):
        _remove(element)
    _settle_runs(root, work)
    _settle_references(root, relationships)
    _settle_paragraphs(root, work)
    _drop_noise(root)


def _remove(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _unwrap(element: Element) -> None:
    parent = element.getparent()
    if parent is None:
        return
    for child in list(element):
        if not local(child).endswith("Pr"):
            element.addprevious(child)
    parent.remove(element)


def _drop_prompts(root: Element, work: Preparation) -> None:
    """A control that nobody filled in shows what to do with it, such as "Click here to enter text"."""
    for mark in list(root.iter("{*}showingPlcHdr")):
        content = mark.xpath("../following-sibling::*[local-name() = 'sdtContent']")
        if is_on(mark) and content:
            work.left_out["form"] += 1
            for run in list(content[0].iter("{*}r")):
                _remove(run)


def _join_drop_caps(root: Element) -> None:
    """A first letter over several lines is a paragraph of its own (17.3.1.11); it begins the one that follows."""
    for frame in list(root.iter("{*}framePr")):
        letter = next(frame.iterancestors("{*}p"), None)
        text = None if letter is None else letter.getnext()
        if value_of(frame, "dropCap") not in {"drop", "margin"} or letter is None or text is None:
            continue
        if local(text) == "p":
            place = 0 if text.find("{*}pPr") is None else 1
            for run in reversed([child for child in letter if not local(child).endswith("Pr")]):
                text.insert(place, run)
            _remove(letter)


def _settle_runs(root: Element, work: Preparation) -> None:
    for run in list(_of_main_namespace(root, "r")):
        name = namespace_of(run)
        properties = run.find(f"{name}rPr")
        if properties is not None:
            if is_on(properties.find(f"{name}vanish")):
                work.left_out["hidden"] += any(True for _ in run.iter(f"{name}t"))
                _remove(run)
                continue
            font = font_of(properties)
            if font in symbols.FONTS:
                symbols.translate(run, font)
            _settle_run(properties, name, work.styles, font)
        for odd in run.iterchildren(f"{name}cr", f"{name}ptab"):
            odd.tag = f"{name}{'br' if local(odd) == 'cr' else 'tab'}"


def _settle_run(properties: Element, name: str, styles: StyleSheet, font: str | None) -> None:
    style = properties.find(f"{name}rStyle")
    style_id = value_of(style)
    code = "TmsCode" if styles.is_code_run(style_id) else None
    if code is None and is_monospaced(font):
        code = _TYPEWRITTEN
    bold, italic = styles.emphasis(style_id)
    for wanted, switch in ((bold, "b"), (italic, "i")):
        if wanted and properties.find(f"{name}{switch}") is None:
            etree.SubElement(properties, f"{name}{switch}")
    if style is not None:
        properties.remove(style)
    if code is not None:
        etree.SubElement(properties, f"{name}rStyle").set(f"{name}val", code)
    for child in list(properties):
        if local(child) == "dstrike":
            child.tag = f"{name}strike"
        elif local(child) not in _RUN_PROPERTIES:
            properties.remove(child)


def _settle_references(root: Element, relationships: dict[str, Relationship]) -> None:
    """References that lead nowhere would stop the converter; their text stays."""
    targets = set()
    for link in root.iter("{*}hyperlink"):
        if anchor := value_of(link, "anchor"):
            targets.add(anchor)
        for attribute, value in list(link.attrib.items()):
            if str(attribute).endswith("}id") and value not in relationships:
                del link.attrib[attribute]
    for instruction in root.iter("{*}instrText"):
        targets.update((instruction.text or "").replace('"', " ").split())
    for bookmark in list(root.iter("{*}bookmarkStart")):
        if value_of(bookmark, "name") not in targets:
            _remove(bookmark)


def _of_main_namespace(root: Element, name: str) -> list[Element]:
    return list(root.iter(*(f"{{{namespace}}}{name}" for namespace in _MAIN_NAMESPACES)))


def _settle_paragraphs(root: Element, work: Preparation) -> None:
    previous: Element | None = None
    previous_depth = 0
    for paragraph in _of_main_namespace(root, "p"):
        name = namespace_of(paragraph)
        properties = paragraph.find(f"{name}pPr")
        style_id = value_of(None if properties is None else properties.find(f"{name}pStyle"))
        # An item can only be continued by what follows it directly in the same text or cell.
        follows = previous is not None and paragraph.getprevious() is previous
        role, depth = _role(paragraph, properties, style_id, previous_depth if follows else 0, work)
        previous, previous_depth = paragraph, depth
        _write_properties(paragraph, name, properties, role)


def _role(
    paragraph: Element, properties: Element | None, style_id: str | None, open_depth: int, work: Preparation
) -> tuple[str | None, int]:
    """The role of a paragraph, and the depth of the list that is open after it."""
    level = _heading_level(properties, style_id, work.styles)
    item = work.numbering.item(properties, style_id)
    if level is not None:
        return f"Heading{min(level, 6)}", 0
    role = work.styles.role(style_id) or ("Line" if item is None and _is_typewritten(paragraph) else None)
    if role in {"Block", "Line"} and item is not None and open_depth:
        return f"{role}{min(item.depth, open_depth)}", open_depth
    if role in {"Title", "Block", "Line", "TableCaption"} or item is None:
        return role, 0
    if item.kind == "Continue":
        depth = min(item.depth, open_depth)
        return (f"Continue{depth}", open_depth) if depth else (role, 0)
    if item.kind == "Number":
        _mark_number(paragraph, item)
    return f"{item.kind}{item.depth}", item.depth


def _heading_level(properties: Element | None, style_id: str | None, styles: StyleSheet) -> int | None:
    own = None if properties is None else value_of(properties.find("{*}outlineLvl"))
    if own is not None and own.isdecimal():
        return int(own) + 1 if int(own) < 9 else None
    return styles.heading_level(style_id)


def _is_typewritten(paragraph: Element) -> bool:
    """Whether every run with text is set in a monospaced font by hand: how people write code who do not use styles."""
    runs = [
        run for run in paragraph.iter("{*}r") if any((text.text or "").strip() for text in run.iter("{*}t"))
    ]
    return len(runs) > 0 and all(value_of(run.find("{*}rPr/{*}rStyle")) == _TYPEWRITTEN for run in runs)


def _mark_number(paragraph: Element, item: Item) -> None:
    """The converter forgets numbers; a bookmark carries them through."""
    name = namespace_of(paragraph)
    mark = etree.Element(f"{name}bookmarkStart")
    mark.set(f"{name}name", f"{START_MARK}{item.number}")
    paragraph.insert(0, mark)


def _write_properties(paragraph: Element, name: str, properties: Element | None, role: str | None) -> None:
    deleted = None if properties is None else properties.find(f"{name}rPr/{name}del")
    if properties is not None:
        paragraph.remove(properties)
    if role is None and deleted is None:
        return
    written = etree.Element(f"{name}pPr")
    if role is not None:
        etree.SubElement(written, f"{name}pStyle").set(f"{name}val", f"Tms{role}")
    if deleted is not None:
        etree.SubElement(etree.SubElement(written, f"{name}rPr"), f"{name}del")
    paragraph.insert(0, written)


def _drop_noise(root: Element) -> None:
    for properties in root.iter("{*}tcPr"):
        for child in list(properties):
            span = value_of(child) or "1"
            if local(child) not in _CELL_PROPERTIES or (local(child) == "gridSpan" and not span.isdecimal()):
                properties.remove(child)
    for element in root.iter(etree.Element):
        for attribute in [name for name in element.attrib if "}rsid" in str(name)]:
            del element.attrib[attribute]
