"""Links within a page and footnotes: their ids, and the notes themselves, which lessons carry at their end."""

import re
from urllib.parse import unquote

from lxml import etree

from tms.content.lessons.markup import ID_PREFIX
from tms.content.safe_xml import Element
from tms.content.web.selection import remove

_UNSAFE = re.compile(r"[^\w:.-]")
_NOTE_TYPES = frozenset({"footnote", "endnote", "rearnote", "doc-footnote", "doc-endnote"})
_NOTE_LISTS = frozenset({"footnotes", "endnotes", "doc-endnotes"})
_BACK_LINKS = frozenset({"footnote-back", "footnote-backref", "doc-backlink", "backlink"})


def settle_ids(root: Element, prefix: str = "") -> None:
    """Ids begin with `doc-` and, in a book, with the file's `prefix`; each moves into an anchor of its own."""
    for element in list(root.iter(etree.Element)):
        name = element.attrib.pop("id", None) or (
            element.attrib.pop("name", None) if element.tag == "a" else None
        )
        element.attrib.pop("name", None)
        target = element.get("href", "")
        if element.tag == "a" and target.startswith("#"):
            element.set("href", f"#{identifier(target[1:], prefix)}")
        if not name:
            continue
        if element.tag in {"a", "li"}:
            element.set("id", identifier(name, prefix))
        elif element.tag not in {"ul", "ol", "dl", "table", "thead", "tbody", "tr", "img", "pre"}:
            anchor = etree.Element("a", id=identifier(name, prefix))
            anchor.tail, element.text = element.text, None
            element.insert(0, anchor)


def identifier(name: str, prefix: str = "") -> str:
    """The id that stands for `name` in lessons."""
    return f"{ID_PREFIX}{prefix}{_UNSAFE.sub('-', unquote(name))}"


def take_notes(root: Element) -> dict[str, Element]:
    """Footnotes out of the page, by the id that they will have once `settle_ids` has gone over them (kept in `id`)."""
    notes = _take_lists(root)
    for single in list(root.iter("aside", "li", "p", "div")):
        if single.get("id") and _words(single) & _NOTE_TYPES:
            notes[single.get("id", "")] = _note(single)
            remove(single)
    for link in root.iter("a"):
        # A mark is set high, wherever it stood.
        if link.get("href", "").removeprefix("#") in notes and not _is_raised(link):
            _raise(link)
    return notes


def _take_lists(root: Element) -> dict[str, Element]:
    """Notes that stand together, as at the end of a page."""
    notes: dict[str, Element] = {}
    for holder in [
        element for element in root.iter("section", "div", "ol", "aside") if _words(element) & _NOTE_LISTS
    ]:
        items = [item for item in holder.iter("li", "aside", "div") if item.get("id") and item is not holder]
        notes |= {item.get("id", ""): _note(item) for item in items}
        before = holder.getprevious()
        if items and before is not None and before.tag == "hr":
            remove(before)
        if items:
            remove(holder)
    return notes


def _words(element: Element) -> set[str]:
    found = f"{element.get('class', '')} {element.get('role', '')}"
    kinds = " ".join(
        value for name, value in element.attrib.items() if str(name).endswith(("}type", "epub:type"))
    )
    return set(f"{found} {kinds}".split())


def _note(item: Element) -> Element:
    note = etree.Element("li", id=item.get("id", ""))
    note.text = item.text
    note.extend(list(item))
    for link in list(note.iter("a")):
        if _words(link) & _BACK_LINKS or (link.text or "").strip("\ufe0e\ufe0f ") in {"↩", "↑", "^"}:
            remove(link)
    return note


def _is_raised(link: Element) -> bool:
    parent = link.getparent()
    return (parent is not None and parent.tag == "sup") or next(link.iter("sup"), None) is not None


def _raise(link: Element) -> None:
    parent = link.getparent()
    if parent is None:
        return
    raised = etree.Element("sup")
    raised.tail, link.tail = link.tail, None
    parent.replace(link, raised)
    raised.append(link)
