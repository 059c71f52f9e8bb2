"""Runs the converter (mammoth) over the prepared document and gives one tree of HTML."""

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any

import mammoth
from lxml import etree

from tms.content.docx import drawings
from tms.content.docx.numbering import DEEPEST, read_numbering
from tms.content.docx.preparation import Preparation, prepare
from tms.content.docx.styles import read_styles
from tms.content.errors import CorruptDocumentError
from tms.content.lessons.markup import ID_PREFIX, UNUSABLE
from tms.content.opc import OfficePackage
from tms.content.pictures import PictureFolder, UnusablePictureError
from tms.content.safe_xml import Element

_NO_STYLES = b'<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"/>'


def _style_map() -> Iterator[str]:
    yield "p.TmsTitle => p.title:fresh"
    yield "p.TmsByline => p.byline:fresh"
    for level in range(1, 7):
        yield f"p.TmsHeading{level} => h{level}:fresh"
    yield "p.TmsBlock => pre.block:fresh > code:fresh"
    yield "p.TmsLine => pre.line:fresh > code:fresh"
    yield "p.TmsQuote => blockquote > p:fresh"
    yield "p.TmsCaption => p.caption:fresh"
    yield "p.TmsTableCaption => p.table-caption:fresh"
    yield "p.TmsTerm => dl > dt:fresh"
    yield "p.TmsDefinition => dl > dd:fresh"
    for depth in range(1, DEEPEST + 1):
        outer = "ul|ol > li > " * (depth - 1)
        yield f"p.TmsBullet{depth} => {outer}ul > li:fresh"
        yield f"p.TmsNumber{depth} => {outer}ol > li:fresh"
        yield f"p.TmsContinue{depth} => {outer}ul|ol > li > p:fresh"
        yield f"p.TmsBlock{depth} => {outer}ul|ol > li > pre.block:fresh > code:fresh"
        yield f"p.TmsLine{depth} => {outer}ul|ol > li > pre.line:fresh > code:fresh"
    yield "r.TmsCode => code"
    yield "r.TmsTypewritten => code"
    yield "u => u"
    yield "strike => s"
    yield "highlight => mark"


_STYLE_MAP = "\n".join(_style_map())


def convert(package: OfficePackage, pictures: PictureFolder) -> tuple[Element, Preparation]:
    """The document as one `div` of plain HTML with `media:N` as addresses of pictures, and what was left out of it.

    Pictures that cannot be shown have an address that begins with `UNUSABLE` and goes on with the reason.
    """
    styles = read_styles(_related_tree(package, "styles", "word/styles.xml"))
    numbering = read_numbering(_related_tree(package, "numbering", "word/numbering.xml"), styles)
    work = Preparation(styles, numbering)
    prepared = io.BytesIO()
    with zipfile.ZipFile(prepared, "w", zipfile.ZIP_STORED) as target:
        _write_parts(package, target, work)
    prepared.seek(0)
    return _run(prepared, pictures, work), work


def _related_tree(package: OfficePackage, kind: str, fallback: str) -> Element | None:
    name = package.related(kind, fallback)
    return None if name is None else package.tree(name)


def _write_parts(package: OfficePackage, target: zipfile.ZipFile, work: Preparation) -> None:
    main = package.tree(package.main)
    if main is None or main.find("{*}body") is None:
        raise CorruptDocumentError
    known_notes: dict[str, set[str]] = {}
    written: set[str] = set()
    for kind in ("footnotes", "endnotes"):
        name = package.related(kind, f"word/{kind}.xml")
        root = None if name is None else package.tree(name)
        known_notes[kind] = set()
        if name is not None and root is not None:
            known_notes[kind] = _ids_of_notes(root)
            _write_part(package, target, name, root, work, written)
    for kind, ids in known_notes.items():
        _drop_lost_references(main, kind, ids)
    _write_part(package, target, package.main, main, work, written)
    for name in ("[Content_Types].xml", "_rels/.rels"):
        if (content := package.read(name)) is not None:
            target.writestr(name, content)
    target.writestr("word/styles.xml", _NO_STYLES)


def _write_part(
    package: OfficePackage,
    target: zipfile.ZipFile,
    name: str,
    root: Element,
    work: Preparation,
    written: set[str],
) -> None:
    relationships = package.relationships(name)
    prepare(root, relationships, work, package.tree)
    target.writestr(name, etree.tostring(root, encoding="utf-8", xml_declaration=True))
    folder, _, base = name.rpartition("/")
    rels = f"{folder}/_rels/{base}.rels".lstrip("/")
    if (content := package.read(rels)) is not None:
        target.writestr(rels, content)
    for reference in sorted(drawings.names_of_pictures(root)):
        relationship = relationships.get(reference)
        if relationship is None or relationship.target in written:
            continue
        picture = package.read(relationship.target)
        if picture is not None:
            written.add(relationship.target)
            target.writestr(relationship.target, picture)


def _ids_of_notes(root: Element) -> set[str]:
    return {
        str(value)
        for note in root.iterchildren("{*}footnote", "{*}endnote")
        for attribute, value in note.attrib.items()
        if str(attribute).endswith("}id")
    }


def _drop_lost_references(main: Element, kind: str, ids: set[str]) -> None:
    for reference in list(main.iter(f"{{*}}{kind[:-1]}Reference")):
        own = next(
            (value for attribute, value in reference.attrib.items() if str(attribute).endswith("}id")), None
        )
        parent = reference.getparent()
        if own not in ids and parent is not None:
            parent.remove(reference)


def _run(prepared: IO[bytes], pictures: PictureFolder, work: Preparation) -> Element:
    result = mammoth.convert_to_html(
        prepared,
        style_map=_STYLE_MAP,
        include_default_style_map=False,
        include_embedded_style_map=False,
        ignore_empty_paragraphs=False,
        id_prefix=ID_PREFIX,
        convert_image=mammoth.images.img_element(_picture_writer(pictures)),
    )
    for message in result.messages:
        if "unrecognised element" in message.message:
            work.left_out["element"] += 1
    # The converter writes well-formed markup, so that no guessing parser of HTML is needed.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    return etree.fromstring(f"<div>{result.value}</div>".encode(), parser)


def _picture_writer(pictures: PictureFolder) -> Callable[[Any], dict[str, str]]:
    def write(image: Any) -> dict[str, str]:
        try:
            with image.open() as file:
                return {"src": f"media:{pictures.keep(file.read())}"}
        except KeyError:
            return {"src": f"{UNUSABLE}a picture that is missing in the file"}
        except UnusablePictureError as error:
            return {"src": f"{UNUSABLE}{error}"}

    return write
