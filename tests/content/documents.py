"""Makes documents for the tests: good ones with python-docx, and others that no word processor would write."""

import zipfile
from pathlib import Path

import docx as python_docx

from tests.content.reading import cleaned
from tms.content import formats
from tms.content.lessons.document import Source
from tms.content.pictures import PictureFolder
from tms.content.sniff import Kind

DATA = Path(__file__).parent.parent / "data"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Default Extension="png" ContentType="image/png"/>'
    '<Default Extension="emf" ContentType="image/x-emf"/><Default Extension="svg" ContentType="image/svg+xml"/>'
    '<Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
PACKAGE_RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="word/document.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)
NAMESPACES = (
    f'xmlns:w="{W}" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:v="urn:schemas-microsoft-com:vml"'
)


def build(path, *blocks):
    """A document of (style, text) pairs, saved at `path`."""
    document = python_docx.Document()
    for style, text in blocks:
        document.add_paragraph(text, style=style)
    document.save(path)
    return path


def parts(body="<w:p><w:r><w:t>Text</w:t></w:r></w:p>", **more):
    """The parts of a minimal document, by name; `more` are further parts, `word_styles_xml` for word/styles.xml."""
    found = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": PACKAGE_RELATIONS,
        "word/document.xml": f"<w:document {NAMESPACES}><w:body>{body}</w:body></w:document>",
    }
    return found | more


def pack(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def paragraph(text, style=None):
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{properties}<w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def read(path, tmp_path, filename=None, kind=Kind.DOCX):
    """Read in this process and clean as the parent does; the sandbox has tests of its own."""
    folder = tmp_path / "pictures"
    folder.mkdir(exist_ok=True)
    source = Source(path, filename or path.name, kind, PictureFolder(folder), lambda *_: None)
    found = formats.reader(kind).read(source)
    for lesson in found.lessons:
        lesson.html = cleaned(lesson.html)
    return found


def read_body(tmp_path, body, **more):
    return read(pack(tmp_path / "made.docx", parts(body, **more)), tmp_path)


def relations(**targets):
    """A part of relationships: `rId5=("hyperlink", "https://example.org")`; web addresses are external."""
    lines = "".join(
        f'<Relationship Id="{name}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" '
        f'Target="{target}"{" TargetMode=" + chr(34) + "External" + chr(34) if ":" in target else ""}/>'
        for name, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{lines}</Relationships>'


def picture(reference, alternative="", extension=""):
    """A drawing in a paragraph; `extension` is placed within the blip."""
    embed = f'r:embed="{reference}"' if reference else ""
    return (
        f'<w:p><w:r><w:drawing><wp:inline><wp:docPr id="1" name="x" descr="{alternative}"/><a:graphic><a:graphicData>'
        f"<pic:pic><pic:blipFill><a:blip {embed}>{extension}</a:blip></pic:blipFill></pic:pic>"
        "</a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>"
    )
