"""Small well-formed files of every kind, which the hostile ones are made of by damage, and their building blocks."""

import io
import struct
import zipfile
import zlib
from functools import cache

import docx
import openpyxl
from pptx import Presentation

TEXT = "Water boils at one hundred degrees, and freezes at zero."


def zipped(members, method=zipfile.ZIP_DEFLATED):
    """An archive of `members`, name to text or bytes, in this order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def members(content):
    """The parts of an archive by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_parts(content, **changes):
    """The archive with parts replaced or added: `word__document_xml=...` is keyed by the caller as it is named."""
    return zipped(members(content) | changes)


@cache
def docx_file(pages=1):
    document = docx.Document()
    for number in range(1, pages + 1):
        document.add_heading(f"Chapter {number}", 1)
        document.add_paragraph(TEXT)
        table = document.add_table(rows=2, cols=2)
        table.cell(0, 0).text = "cell"
    return saved(document.save)


@cache
def pptx_file():
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "First slide"
    slide.placeholders[1].text = TEXT
    return saved(presentation.save)


@cache
def xlsx_file(rows=3):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Figures"
    sheet.append(["Name", "Degrees"])
    for number in range(rows):
        sheet.append([f"measure {number}", number])
    return saved(book.save)


def saved(save):
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def pdf(objects, *, head=b"%PDF-1.7\n", root=1, trailer=b""):
    """A PDF of numbered objects (number to bytes) with a right table of references (ISO 32000-1, 7.5)."""
    body = bytearray(head)
    places = {}
    for number, content in objects.items():
        places[number] = len(body)
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(body)
    size = max(objects) + 1
    body += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        body += b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 65535 f \n"
    body += b"trailer\n<< /Size %d /Root %d 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        root,
        trailer,
        start,
    )
    return bytes(body)


def stream(content, extra=b""):
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), extra, content)


def page_objects(text=TEXT, extra=b"", page_extra=b""):
    """Catalog 1, pages 2, page 3, its content 4, font 5."""
    lines = f"BT /F1 18 Tf 72 720 Td (Measures) Tj /F1 11 Tf 0 -30 Td ({text}) Tj ET".encode()
    return {
        1: b"<< /Type /Catalog /Pages 2 0 R %s >>" % extra,
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> %s >>" % page_extra,
        4: stream(lines),
        5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    }


def pdf_file():
    return pdf(page_objects())


CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
    '<rootfiles><rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def epub_file(chapter=None):
    chapter = chapter or f"<h1>Measures</h1><p>{TEXT}</p>"
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "book.opf": '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="i"><metadata '
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Measures</dc:title><dc:identifier id="i">x'
            '</dc:identifier></metadata><manifest><item id="c" href="c.xhtml" media-type="application/xhtml+xml"/>'
            '</manifest><spine><itemref idref="c"/></spine></package>',
            "c.xhtml": f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>M</title></head><body>{chapter}'
            "</body></html>",
        }
    )


def html_file(body=None):
    body = body or f"<h1>Measures</h1><p>{TEXT}</p>"
    return f"<!DOCTYPE html><html><head><title>M</title></head><body>{body}</body></html>".encode()


def markdown_file():
    return f"# Measures\n\n{TEXT}\n".encode()


def csv_file(rows=3):
    return ("Name,Degrees\n" + "".join(f"measure {n},{n}\n" for n in range(rows))).encode()


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width=2, height=2, *, claim=None, extra=b""):
    """A grey PNG; `claim` are a width and a height that the header tells instead of the true ones."""
    shown = claim or (width, height)
    head = struct.pack(">IIBBBBB", *shown, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def gif(frames=1):
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\x00\x00\x00\xff\xff\xff"
    frame = b"!\xf9\x04\x00\x01\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00"
    return head + frame * frames + b";"


def box(kind, *content):
    """A box of an ISO base media file (ISO/IEC 14496-12, 4.2)."""
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + kind + body


def track(handler=b"vide", width=640, height=360):
    tkhd = b"\x00\x00\x00\x07" + b"\x00" * 72 + struct.pack(">II", width << 16, height << 16)
    mdhd = b"\x00" * 12 + struct.pack(">II", 1000, 5000) + b"\x55\xc4\x00\x00"
    hdlr = b"\x00" * 8 + handler + b"\x00" * 13
    return box(b"trak", box(b"tkhd", tkhd), box(b"mdia", box(b"mdhd", mdhd), box(b"hdlr", hdlr)))


def mp4_file(*, brand=b"isom", duration=5000, tracks=None, media=b"\x00" * 400):
    """Five seconds of 640 x 360, as far as the headers tell."""
    mvhd = b"\x00" * 12 + struct.pack(">II", 1000, duration) + b"\x00" * 80
    movie = box(b"moov", box(b"mvhd", mvhd), *([track()] if tracks is None else tracks))
    return box(b"ftyp", brand + b"\x00\x00\x02\x00" + b"isomiso2mp41") + movie + box(b"mdat", media)


def element(identity, content):
    """An element of Matroska with its size in eight bytes (RFC 8794, 4)."""
    return bytes.fromhex(identity) + b"\x01" + struct.pack(">Q", len(content))[1:] + content


def webm_file(*, doctype=b"webm", duration=5000.0, tracks=1):
    head = element("1a45dfa3", element("4282", doctype))
    info = element(
        "1549a966", element("2ad7b1", b"\x0f\x42\x40") + element("4489", struct.pack(">d", duration))
    )
    video = element("e0", element("b0", b"\x02\x80") + element("ba", b"\x01\x68"))
    entry = element("ae", element("d7", b"\x01") + element("83", b"\x01") + video)
    return head + element(
        "18538067", info + element("1654ae6b", entry * tracks) + element("1f43b675", b"\x00" * 200)
    )


def mp3_file(frames=40, tag=b""):
    """Frames of MPEG 1 layer III, 128 kbit/s, 44.1 kHz (ISO/IEC 11172-3): 417 bytes and 26 ms each."""
    return tag + (b"\xff\xfb\x90\x00" + b"\x00" * 413) * frames


SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><rect width="9" height="9"/>{}</svg>'


def svg_file(content=""):
    return SVG.format(content).encode()
