"""A web page becomes lessons. `manuscript` also serves formats whose text is HTML in the end."""

from collections.abc import Callable

from tms.content.lessons import division
from tms.content.lessons.document import Document, Manuscript, Source
from tms.content.lessons.markup import HEADINGS
from tms.content.lessons.titles import plain_line, shorten, title_of
from tms.content.safe_xml import Element
from tms.content.web import blocks, media, parsing, references, selection


def read(source: Source) -> Document:
    """The lessons of a web page that carries its pictures along; raises a `DocumentError`."""
    source.report(0.2, "Reading text and pictures")
    root = parsing.parse_html(source.path.read_bytes())
    return division.compose(manuscript(root, source), source)


def manuscript(
    root: Element, source: Source, *, beside: Callable[[str], bytes | None] | None = None, prefix: str = ""
) -> Manuscript:
    """The text of a page in one piece; in a book, `prefix` keeps the ids of its files apart."""
    head = root.find(".//head/title")
    title = "" if head is None else plain_line(head.text or "")
    body = root.find(".//body")
    text = root if body is None else body
    # Notes first: books hide them on the page, since their reader shows them by itself.
    notes = references.take_notes(text)
    chosen, left_out = selection.select(text)
    for note in notes.values():
        left_out += selection.select(note)[1]
    for part in [chosen, *notes.values()]:
        media.settle(part, source.pictures, beside or source.beside)
    arranged = blocks.arrange(chosen)
    own_title = _take_title(arranged)
    settled = {}
    for note in notes.values():
        poured = blocks.arrange(note)
        poured.tag = "li"
        poured.set("id", note.get("id", ""))
        references.settle_ids(poured, prefix)
        settled[poured.get("id", "")] = poured
    references.settle_ids(arranged, prefix)
    for element in [arranged, *settled.values()]:
        _drop_classes(element)
    return Manuscript(arranged, title=own_title or shorten(title) or None, notes=settled, left_out=left_out)


def _take_title(root: Element) -> str | None:
    """A heading marked as the title of the whole, where further ones of its level follow."""
    headings = [child for child in root if child.tag in HEADINGS]
    if len(headings) > 1 and "title" in headings[0].get("class", "").split():
        if any(other.tag == headings[0].tag for other in headings[1:]):
            root.remove(headings[0])
        return shorten(title_of(headings[0])) or None
    return None


def _drop_classes(root: Element) -> None:
    for element in root.iter("*"):
        for name in [name for name in element.attrib if name not in _KEPT]:
            del element.attrib[name]


_KEPT = frozenset(
    {
        "href",
        "src",
        "alt",
        "id",
        "dir",
        "lang",
        "colspan",
        "rowspan",
        "scope",
        "start",
        "value",
        "title",
        "open",
    }
)
