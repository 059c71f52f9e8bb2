"""A presentation becomes lessons: its named sections, else what its section-header slides begin, else one with all slides."""

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from lxml import etree

from tms.content import archive
from tms.content.errors import CorruptDocumentError, DocumentTooComplexError
from tms.content.lessons import division, titles, warnings
from tms.content.lessons.document import PAGE, Document, Manuscript, Source
from tms.content.opc import OfficePackage
from tms.content.pptx.shapes import Layout, Part, ShapeReader, Shown
from tms.content.safe_xml import Element, local
from tms.content.sniff import Kind

SLIDES_LIMIT = 3000
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"


@dataclass(slots=True)
class Slide:
    """One slide: `number` counts from 1 with the hidden ones, `layout` is the layout's kind, such as `secHead`."""

    id: str
    number: int
    layout: str
    hidden: bool
    shown: Shown
    notes: list[Element]


class Section(NamedTuple):
    """A named section and the ids of its slides."""

    name: str
    slides: list[str]


def read(source: Source) -> Document:
    """The lessons of a PowerPoint presentation, macros or not; raises a `DocumentError`."""
    archive.inspect_office(source.path)
    left_out: Counter[str] = Counter()
    try:
        with OfficePackage(source.path, main="ppt/presentation.xml") as package:
            slides = list(_slides(package, source, left_out))
            sections = _sections(package)
            left_out["comment"] += _comments(package)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise CorruptDocumentError from error
    shown = [slide for slide in slides if not slide.hidden]
    told = [warnings.MACROS] if source.kind is Kind.PPTM else []
    if len(shown) < len(slides):
        told.append(
            f"{len(slides) - len(shown)} hidden slide(s) were left out; show them if students should see them."
        )
    root = etree.Element("div")
    title = _write(root, shown, sections, source)
    return division.compose(Manuscript(root, title=title, left_out=left_out, warnings=told), source)


def _comments(package: OfficePackage) -> int:
    parts = [package.tree(name) for name in sorted(package.names) if name.startswith("ppt/comments/")]
    return sum(1 for part in parts if part is not None for _ in part.iter("{*}cm"))


def _slides(package: OfficePackage, source: Source, left_out: Counter[str]) -> Iterator[Slide]:
    presentation = package.tree(package.main)
    if presentation is None or local(presentation) != "presentation":
        raise CorruptDocumentError
    relationships = package.relationships(package.main)
    listed = presentation.findall("{*}sldIdLst/{*}sldId")
    if len(listed) > SLIDES_LIMIT:
        raise DocumentTooComplexError(
            f"The presentation has {len(listed):,} slides, more than {SLIDES_LIMIT:,}; divide it into several."
        )
    layouts: dict[str, Layout] = {}
    reader = ShapeReader(package, source.pictures, left_out)
    for number, entry in enumerate(listed, start=1):
        relationship = relationships.get(entry.get(f"{_R}id", ""))
        if relationship is None or relationship.external:
            raise CorruptDocumentError
        part = _part(package, relationship.target, layouts)
        if part is None:
            raise CorruptDocumentError
        source.report(0.2 + 0.5 * number / len(listed), f"Reading slide {number} of {len(listed)}")
        notes = _related(package, part, "notesSlide")
        yield Slide(
            id=entry.get("id", ""),
            number=number,
            layout=part.layout.kind,
            hidden=part.root.get("show") in {"0", "false"},
            shown=reader.read(part),
            notes=[] if notes is None else reader.notes(notes),
        )


def _part(package: OfficePackage, name: str, layouts: dict[str, Layout]) -> Part | None:
    root = package.tree(name)
    if root is None:
        return None
    part = Part(name, root, package.relationships(name))
    target = next(
        (one.target for one in part.relationships.values() if one.kind == "slideLayout" and not one.external),
        "",
    )
    if target not in layouts:
        layout = package.tree(target)
        layouts[target] = Layout() if layout is None else Layout.of(layout)
    part.layout = layouts[target]
    return part


def _related(package: OfficePackage, part: Part, kind: str) -> Part | None:
    for relationship in part.relationships.values():
        if relationship.kind == kind and not relationship.external:
            root = package.tree(relationship.target)
            if root is not None:
                return Part(relationship.target, root, package.relationships(relationship.target))
    return None


def _sections(package: OfficePackage) -> list[Section]:
    """The sections that the author named ([MS-PPTX] 2.6.1)."""
    presentation = package.tree(package.main)
    return [
        Section(section.get("name", ""), [entry.get("id", "") for entry in section.iter("{*}sldId")])
        for section in ([] if presentation is None else presentation.iter("{*}section"))
    ]


def _write(root: Element, slides: list[Slide], sections: list[Section], source: Source) -> str | None:
    """Write the slides below headings; gives the presentation's title."""
    named = next((slide.shown.title for slide in slides if slide.layout == "title"), "")
    title = named or next((slide.shown.title for slide in slides[:1]), "")
    begins = _beginnings(slides, sections)
    heading = "" if begins else title
    if not begins:
        _add(root, "h1", title or titles.name_of(source.filename), 1)
    for slide in slides:
        title_page = (
            bool(begins) and root.find("*") is None and slide.id not in begins and slide.layout == "title"
        )
        if slide.id in begins:
            heading = begins[slide.id]
            _add(root, "h1", heading, slide.number)
        heading = _write_title_page(root, slide) if title_page else _write_slide(root, slide, heading)
    return titles.shorten(titles.plain_line(title)) or None


def _beginnings(slides: list[Slide], sections: list[Section]) -> dict[str, str]:
    """The titles of lessons by the ids of the slides that begin them."""
    numbers = {slide.id: slide.number for slide in slides}
    begins = {}
    for section in sections:
        first = next((slide for slide in section.slides if slide in numbers), None)
        if first is not None:
            begins[first] = section.name.strip() or f"Slide {numbers[first]}"
    if len(begins) > 1:
        return begins
    return {
        slide.id: slide.shown.title for slide in slides if slide.layout == "secHead" and slide.shown.title
    }


def _write_title_page(root: Element, slide: Slide) -> str:
    """The title page of what follows is no part of the first lesson; its title is the presentation's."""
    for block in slide.shown.subtitle:
        block.set("class", "byline")
    _add_content(root, slide)
    return slide.shown.title


def _write_slide(root: Element, slide: Slide, heading: str) -> str:
    """Write one slide, whose title is no heading where it is below the same already; gives the heading that it is below."""
    if not slide.shown.title or slide.shown.title != heading:
        _add(root, "h2", slide.shown.title or f"Slide {slide.number}", slide.number)
    _add_content(root, slide)
    return slide.shown.title


def _add_content(root: Element, slide: Slide) -> None:
    for block in slide.shown.content:
        block.set(PAGE, str(slide.number))
        root.append(block)
    if slide.notes:
        noted = etree.SubElement(root, "details", {PAGE: str(slide.number)})
        etree.SubElement(noted, "summary").text = "Notes"
        noted.extend(slide.notes)


def _add(root: Element, tag: str, text: str, number: int) -> Element:
    element = etree.SubElement(root, tag, {PAGE: str(number)})
    element.text = text
    return element
