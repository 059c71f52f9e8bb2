"""Printed tables of contents: the outline of the course takes their place."""

import re

from tms.content.docx.package import value_of
from tms.content.docx.styles import StyleSheet
from tms.content.safe_xml import Element, local

_FIELD = re.compile(r"\s*TOC\b")
_LEADERS = re.compile(r"(?:[.·…_]\s?){4,}\s*\d{1,4}\s*$|\t\s*\d{1,4}\s*$")
_FEWEST = 3


def drop(root: Element, styles: StyleSheet) -> None:
    """Take out of the tree what is a table of contents by its building block, field, styles, or leaders."""
    for gallery in list(root.iter("{*}docPartGallery")):
        if value_of(gallery) == "Table of Contents":
            block = next((ancestor for ancestor in gallery.iterancestors() if local(ancestor) == "sdt"), None)
            _remove(block)
    for paragraph in [*_in_fields(root), *_with_leaders(root)]:
        _remove(paragraph)
    for paragraph in list(root.iter("{*}p")):
        if styles.is_contents(value_of(paragraph.find("{*}pPr/{*}pStyle"))):
            _remove(paragraph)


def _remove(element: Element | None) -> None:
    parent = None if element is None else element.getparent()
    if element is not None and parent is not None:
        parent.remove(element)


def _in_fields(root: Element) -> list[Element]:
    """The paragraphs of fields that make a table of contents; fields may lie within fields."""
    found: list[Element] = []
    kinds: list[bool] = []
    for element in root.iter("{*}p", "{*}fldChar", "{*}instrText"):
        name = local(element)
        if name == "p":
            if any(kinds):
                found.append(element)
        elif name == "instrText":
            if kinds and _FIELD.match(element.text or ""):
                kinds[-1] = True
                found += [ancestor for ancestor in element.iterancestors() if local(ancestor) == "p"][:1]
        elif value_of(element, "fldCharType") == "begin":
            kinds.append(False)
        elif value_of(element, "fldCharType") == "end" and kinds:
            kinds.pop()
    # A field that never ends would take the rest of the document along.
    return [] if any(kinds) else found


def _with_leaders(root: Element) -> list[Element]:
    """Lines that lead to a page number, where several follow each other."""
    found: list[Element] = []
    together: list[Element] = []
    for paragraph in [*root.iter("{*}p"), None]:
        if paragraph is not None and _leads(paragraph):
            together.append(paragraph)
            continue
        if len(together) >= _FEWEST:
            found += together
        together = []
    return found


def _leads(paragraph: Element) -> bool:
    text = "".join(
        "\t" if local(element) == "tab" else element.text or ""
        for element in paragraph.iter("{*}t", "{*}tab")
    )
    match = _LEADERS.search(text)
    if match is None:
        return False
    return not match[0].startswith("\t") or any(
        value_of(stop, "leader") not in {None, "none"} for stop in paragraph.iter("{*}tab")
    )
