"""A book in EPUB format becomes lessons: its pages in reading order, divided where its list of chapters says."""

import itertools
import zipfile

from lxml import etree

from tms.content import archive
from tms.content.epub import navigation
from tms.content.epub.navigation import Entry
from tms.content.epub.package import Book, Item, resolve
from tms.content.errors import CorruptDocumentError
from tms.content.lessons import division
from tms.content.lessons.document import Document, Manuscript, Source
from tms.content.lessons.markup import HEADINGS, text_of
from tms.content.lessons.titles import title_of
from tms.content.safe_xml import Element
from tms.content.web import parsing, references
from tms.content.web.reader import manuscript

_NOT_READ = frozenset({"cover", "titlepage", "toc", "landmarks", "page-list"})
_NEAR = 3
"""So many blocks behind the place of a chapter its heading may stand, below a picture or a line above it."""


def read(source: Source) -> Document:
    """The lessons of a book; raises a `DocumentError`."""
    archive.inspect(source.path)
    source.report(0.2, "Reading text and pictures")
    try:
        with zipfile.ZipFile(source.path) as opened:
            return division.compose(_bind(Book(opened), source), source)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise CorruptDocumentError from error


def _bind(book: Book, source: Source) -> Manuscript:
    """All pages in one piece, chapters as headings of the first level."""
    whole = Manuscript(etree.Element("div"), title=book.title)
    numbers = {item.name: number for number, item in enumerate(book.pages, start=1)}
    places: dict[str, Element] = {}
    for item in book.pages:
        page = _page(book, item, numbers, source)
        mark = etree.SubElement(whole.root, "p")
        places[item.name] = mark
        if page is not None:
            whole.root.extend(list(page.root))
            whole.notes |= page.notes
            whole.left_out += page.left_out
    chapters = navigation.chapters(book)
    if chapters:
        _mark_chapters(whole.root, chapters, places, numbers)
    for mark in places.values():
        whole.root.remove(mark)
    return whole


def _page(book: Book, item: Item, numbers: dict[str, int], source: Source) -> Manuscript | None:
    content = book.read(item.name)
    if content is None or "nav" in item.properties:
        return None
    root = parsing.parse_xhtml(content)
    if _is_not_read(root):
        return None
    for link in root.iter("a"):
        _lead_across(link, item.name, numbers)

    def beside(name: str) -> bytes | None:
        return book.read(resolve(item.name, name))

    return manuscript(root, source, beside=beside, prefix=f"{numbers[item.name]}-")


def _is_not_read(root: Element) -> bool:
    """Covers, title pages and printed lists of contents say nothing that the course does not show itself."""
    body = root.find(".//body")
    if body is None:
        return False
    holders = [body, *(child for child in body if child.tag in {"section", "div"})]
    return any(
        set(value.split()) & _NOT_READ
        for holder in holders[:2]
        for name, value in holder.attrib.items()
        if str(name).endswith("type")
    )


def _lead_across(link: Element, base: str, numbers: dict[str, int]) -> None:
    """A link to another page of the book leads to its place in the lessons."""
    target = link.get("href", "")
    path, _, fragment = target.partition("#")
    if not path or ":" in path.split("/")[0]:
        return
    number = numbers.get(resolve(base, target))
    if number is None:
        return
    own = numbers.get(base)
    if number == own:
        link.set("href", f"#{fragment}")
    else:
        link.set("href", references.identifier(fragment or "begin", f"{number}-").join(("#", "")))


def _mark_chapters(
    root: Element, chapters: list[Entry], places: dict[str, Element], numbers: dict[str, int]
) -> None:
    """Make headings of the first level of the chapters, and of no others; those have the second level and below."""
    begun: set[Element] = set()
    anchors: dict[str, Element] = {}
    for element in root.iter("a", "li"):
        anchors.setdefault(element.get("id", ""), element)
    for chapter in chapters:
        place = _place(root, chapter, places, numbers, anchors)
        if place is not None:
            begun.add(_heading(root, place, chapter.title, begun))
        if len(begun) > division.LESSONS_LIMIT:
            # The division says that it is too many.
            break
    if not begun:
        return
    others = [heading for heading in root.iter(*HEADINGS) if heading not in begun]
    highest = min((HEADINGS.index(str(heading.tag)) for heading in others), default=1)
    for heading in others:
        heading.tag = HEADINGS[min(5, HEADINGS.index(str(heading.tag)) - highest + 1)]
    for heading in begun:
        heading.tag = "h1"


def _place(
    root: Element,
    chapter: Entry,
    places: dict[str, Element],
    numbers: dict[str, int],
    anchors: dict[str, Element],
) -> Element | None:
    """The block with which a chapter begins."""
    if chapter.name not in places:
        return None
    if chapter.fragment:
        wanted = references.identifier(chapter.fragment, f"{numbers[chapter.name]}-")
        element = anchors.get(wanted)
        if element is not None:
            return next(block for block in [element, *element.iterancestors()] if block.getparent() is root)
    return places[chapter.name]


def _heading(root: Element, place: Element, title: str, begun: set[Element]) -> Element:
    """The heading that stands at the place; where there is none, one is made of the chapter's title.

    It is the first text there, or stands near and is called as the chapter is.
    """
    first = True
    for block in [place, *itertools.islice(place.itersiblings(), _NEAR)]:
        if block.tag in HEADINGS and block not in begun and title_of(block):
            if first or title_of(block).casefold() == title.casefold():
                return block
            break
        first = first and not text_of(block).strip()
    made = etree.Element("h1")
    made.text = title
    before = place if text_of(place).strip() else place.getnext()
    if before is None:
        root.append(made)
    else:
        before.addprevious(made)
    return made
