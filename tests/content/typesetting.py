"""PDFs that Typst writes for a test, or that are written object by object, and what is looked at in them."""

import io
import struct
import zlib

import pypdf
import typst

from tests.content.documents import read
from tms.content.sniff import Kind

WORDS = "Any text that goes on for a good while so that lines are filled to their end and wrap to the next one as they do. "
PLAIN = '#set page(width: 14cm, height: 14cm, margin: 2cm)\n#set text(size: 10pt, lang: "en")\n'

_NODE = "#place(dx: {}cm, dy: {}cm, rect(width: 2.6cm, height: 1cm, {})[#align(center + horizon)[{}]])\n"
FLOW = (
    "box(width: 9cm, height: 4.2cm)[\n"
    + _NODE.format(0, 0, "", "Order")
    + _NODE.format(5, 0, "fill: aqua", "Check the stock")
    + _NODE.format(5, 3, "radius: 5pt", "Send goods")
    + "#place(line(start: (2.6cm, .5cm), end: (5cm, .5cm)))\n"
    "#place(polygon(fill: black, (4.8cm, .4cm), (5cm, .5cm), (4.8cm, .6cm)))\n"
    "#place(line(start: (6.3cm, 1cm), end: (6.3cm, 3cm)))\n"
    "#place(polygon(fill: black, (6.2cm, 2.8cm), (6.3cm, 3cm), (6.4cm, 2.8cm)))\n"
    "#place(dx: 6.5cm, dy: 1.8cm)[in stock]\n"
    "#place(dx: 3.2cm, dy: .1cm, text(8pt)[new])\n]"
)
BARS = (
    "box(width: 9cm, height: 5cm)[\n"
    '#for (i, n) in ("North", "South", "East", "West").enumerate() {\n'
    "  place(bottom + left, dx: 1.2cm + i * 1.8cm, dy: -1cm, rect(width: 1cm, height: (3, 7, 5, 2).at(i) * .5cm, fill: blue))\n"
    "  place(bottom + left, dx: 1.2cm + i * 1.8cm, dy: -.5cm, text(8pt, n)) }\n"
    "#place(bottom + left, dx: 1cm, dy: -1cm, line(length: 7.5cm))\n"
    "#place(bottom + left, dx: 1cm, dy: -1cm, line(angle: -90deg, length: 4cm))\n"
    "#for i in range(4) { place(bottom + left, dx: .6cm, dy: -.9cm - i * 1cm, text(8pt, str(i * 2))) }\n"
    "#place(bottom + left, dx: .1cm, dy: -2cm, rotate(-90deg, reflow: true, text(8pt)[Tons sold]))\n]"
)
"""A flow chart and a bar chart, as content of Typst's."""


def grey():
    """A picture of 40 x 30 pixels in shades of grey."""
    rows = b"".join(b"\x00" + bytes((7 * row + column) % 256 for column in range(40)) for row in range(30))
    header = struct.pack(">2I5B", 40, 30, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def typeset(tmp_path, source, *, bookmarks=True, change=None):
    """The document that becomes of a text for Typst; `bookmarks=False` takes those out, `change` is given a `pypdf.PdfWriter`."""
    (tmp_path / "grey.png").write_bytes(grey())
    (tmp_path / "source.typ").write_text(PLAIN + source, encoding="utf-8")
    content = typst.compile(str(tmp_path / "source.typ"), root=str(tmp_path))
    if not bookmarks or change:
        writer = pypdf.PdfWriter()
        for page in pypdf.PdfReader(io.BytesIO(content)).pages:
            writer.add_page(page)
        if change:
            change(writer)
        buffer = io.BytesIO()
        writer.write(buffer)
        content = buffer.getvalue()
    path = tmp_path / "a book.pdf"
    path.write_bytes(content)
    return read(path, tmp_path, kind=Kind.PDF)


def titles(document):
    return [lesson.title for lesson in document.lessons]


def html(document):
    assert len(document.lessons) == 1
    return document.lessons[0].html


def objects(*contents):
    """A PDF of the objects, numbered from 1, the first being its root."""
    written, places = b"%PDF-1.7\n", []
    for number, content in enumerate(contents, start=1):
        places.append(len(written))
        written += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}trailer<</Size {len(places) + 1}/Root 1 0 R>>\n"
    return written + f"{end}startxref\n{len(written)}\n%%EOF".encode()
