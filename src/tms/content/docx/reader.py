"""A Word document becomes lessons."""

import re
import zipfile
import zlib

from tms.content import archive
from tms.content.docx import markup
from tms.content.docx.conversion import convert
from tms.content.errors import CorruptDocumentError
from tms.content.lessons import division, warnings
from tms.content.lessons.document import CONFIDENCE, Document, Manuscript, Source
from tms.content.lessons.markup import HEADINGS, ID_PREFIX, unwrap
from tms.content.opc import OfficePackage
from tms.content.safe_xml import Element
from tms.content.sniff import Kind

_NOTE_ID = re.compile(rf"{ID_PREFIX}(footnote|endnote)-\d+")


def read(source: Source) -> Document:
    """The lessons of a Word document, macros or not; raises a `DocumentError`."""
    archive.inspect_office(source.path)
    try:
        with OfficePackage(source.path, main="word/document.xml") as package:
            source.report(0.2, "Reading text and pictures")
            root, work = convert(package, source.pictures)
            work.left_out["comment"] += _comments(package)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise CorruptDocumentError from error
    notes = _take_notes(root)
    if work.guessed is not None:
        for heading in root.iter(*HEADINGS):
            heading.set(CONFIDENCE, str(work.guessed))
            for bold in list(heading.iter("strong")):
                # That it is bold is how it was found; as a heading it is so by itself.
                unwrap(bold)
    markup.settle(root)
    told = [warnings.MACROS] if source.kind is Kind.DOCM else []
    return division.compose(Manuscript(root, notes=notes, left_out=work.left_out, warnings=told), source)


def _take_notes(root: Element) -> dict[str, Element]:
    """All footnotes and endnotes by id; the converter lists them at the end of the document."""
    if len(root) == 0 or root[-1].tag != "ol":
        return {}
    items = list(root[-1])
    if not items or not all(_NOTE_ID.fullmatch(item.get("id", "")) for item in items):
        return {}
    root.remove(root[-1])
    return {item.get("id", ""): item for item in items}


def _comments(package: OfficePackage) -> int:
    name = package.related("comments", "word/comments.xml")
    root = None if name is None else package.tree(name)
    return 0 if root is None else sum(1 for _ in root.iterchildren("{*}comment"))
