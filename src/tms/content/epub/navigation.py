"""Where the chapters of a book begin, by its own list of them."""

from typing import NamedTuple

from tms.content.epub.package import Book, resolve
from tms.content.lessons.markup import text_of
from tms.content.lessons.titles import plain_line
from tms.content.safe_xml import Element, local
from tms.content.web import parsing


class Entry(NamedTuple):
    """A chapter: the file in which it begins, and the id there, empty for the beginning of the file."""

    title: str
    name: str
    fragment: str


class _Node(NamedTuple):
    entry: Entry | None
    inner: list["_Node"]


def chapters(book: Book) -> list[Entry]:
    """The chapters of the first level. A list with one root, which is the book itself, counts from below that."""
    item = book.navigation()
    content = None if item is None else book.read(item.name)
    if item is None or content is None:
        return []
    if item.media_type == "application/x-dtbncx+xml":
        root = book.tree(item.name)
        nodes = [] if root is None else _ncx(root, item.name)
    else:
        nodes = _nav(parsing.parse_xhtml(content), item.name)
    while len(nodes) == 1 and nodes[0].inner:
        nodes = nodes[0].inner
    return [entry for node in nodes if (entry := _first(node)) is not None]


def _first(node: _Node) -> Entry | None:
    """The entry; one that only groups others takes the place of the first of them."""
    if node.entry is None or node.entry.name:
        return node.entry
    below = next((found for inner in node.inner if (found := _first(inner)) is not None), None)
    return None if below is None else Entry(node.entry.title, below.name, below.fragment)


def _nav(root: Element, base: str) -> list[_Node]:
    navs = list(root.iter("nav"))
    kinds = [
        "".join(value for name, value in nav.attrib.items() if str(name).endswith("type")) for nav in navs
    ]
    chosen = next((nav for nav, kind in zip(navs, kinds, strict=True) if "toc" in kind.split()), None)
    items = None if chosen is None else chosen.find(".//ol")
    return [] if items is None else _nav_items(items, base)


def _nav_items(items: Element, base: str) -> list[_Node]:
    nodes = []
    for item in items.iterchildren("li"):
        label = next((child for child in item if child.tag in {"a", "span"}), None)
        inner = item.find("ol")
        entry = None if label is None else _entry(text_of(label), label.get("href", ""), base)
        nodes.append(_Node(entry, [] if inner is None else _nav_items(inner, base)))
    return nodes


def _ncx(root: Element, base: str) -> list[_Node]:
    points = next((element for element in root.iter("{*}navMap")), None)
    return [] if points is None else _ncx_points(points, base)


def _ncx_points(parent: Element, base: str) -> list[_Node]:
    nodes = []
    for point in parent.iterchildren("{*}navPoint"):
        label = next((text_of(child) for child in point if local(child) == "navLabel"), "")
        target = next((child.get("src", "") for child in point if local(child) == "content"), "")
        nodes.append(_Node(_entry(label, target, base), _ncx_points(point, base)))
    return nodes


def _entry(title: str, target: str, base: str) -> Entry:
    return Entry(plain_line(title), resolve(base, target) if target else "", target.partition("#")[2])
