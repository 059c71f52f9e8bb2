"""Documents in PDF that loop, swell, lie, hide programs or cannot be opened."""

import io
import struct
import zlib

import pypdf

from tests.corpus import material
from tests.corpus.hostile.case import COMPLEX, CORRUPT, ENCRYPTED, NOTHING, READ, Case
from tests.corpus.material import page_objects, pdf, stream


def locked(algorithm, *, user, owner):
    def make():
        writer = pypdf.PdfWriter(clone_from=io.BytesIO(material.pdf_file()))
        writer.encrypt(user, owner, algorithm=algorithm)
        return material.saved(writer.write)

    return make


def changed(number, content, **more):
    return lambda: pdf(page_objects() | {number: content}, **more)


def flate(content, times=1):
    for _ in range(times):
        content = zlib.compress(content, 9)
    return content


def content_stream(data, filters):
    return changed(4, stream(data, b"/Filter %s" % filters))


def bomb(times, filters):
    return content_stream(flate(b" " * 400_000_000, times), filters)


def outline(items):
    """Bookmarks as given: number of the object to its dictionary; the first has number 10."""
    objects = page_objects(extra=b"/Outlines 10 0 R")
    return lambda: pdf(objects | items)


def picture(width, height, data, filters):
    objects = page_objects()
    objects[3] = objects[3].replace(b"/Font <<", b"/XObject << /I 6 0 R >> /Font <<")
    objects[4] = stream(b"q 400 0 0 400 50 50 cm /I Do Q")
    head = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter %s"
    return objects | {6: stream(data, head % (width, height, filters))}


def many_pages(declared):
    return changed(2, b"<< /Type /Pages /Kids [3 0 R] /Count %d >>" % declared)


def deep_pages(depth):
    def make():
        objects = page_objects()
        objects[2] = b"<< /Type /Pages /Kids [10 0 R] /Count 1 >>"
        for number in range(10, 10 + depth):
            objects[number] = b"<< /Type /Pages /Parent %d 0 R /Kids [%d 0 R] /Count 1 >>" % (
                number - 1,
                number + 1,
            )
        objects[10 + depth] = objects[3]
        return pdf(objects)

    return make


def with_jbig2():
    head = struct.pack(">IBBBI", 0, 48, 0, 1, 19) + struct.pack(">IIIIBH", 60_000, 60_000, 0, 0, 0, 0)
    return pdf(picture(60_000, 60_000, head, b"/JBIG2Decode"))


def huge_unicode_map():
    objects = page_objects()
    objects[5] = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /ToUnicode 6 0 R /DescendantFonts [7 0 R] >>"
    )
    objects[7] = (
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>"
    )
    lines = b"".join(b"<%04X> <%s>\n" % (n % 65536, b"0041" * 120) for n in range(60_000))
    objects[6] = stream(
        flate(b"begincmap 1 beginbfchar\n" + lines + b"endbfchar endcmap"), b"/Filter /FlateDecode"
    )
    return pdf(objects)


def cross_reference_loop():
    whole = pdf(page_objects(), trailer=b"/Prev 9")
    return whole.replace(b"/Prev 9", b"/Prev %d" % whole.rfind(b"xref\n0"))


def object_stream_loop():
    objects = page_objects() | {6: stream(b"1 0 << >>", b"/Type /ObjStm /N 1 /First 4 /Extends 6 0 R")}
    return pdf(objects)


ACTIONS = {
    "script": b"/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>",
    "launch": b"/OpenAction << /S /Launch /F (calc.exe) >>",
    "web": b"/OpenAction << /S /URI /URI (http://127.0.0.1:9/) >>",
    "form": b"/AcroForm << /XFA 6 0 R /Fields [] >>",
    "attachment": b"/Names << /EmbeddedFiles << /Names [(evil.exe) << /EF << /F 6 0 R >> >>] >> >>",
    "metadata": b"/Metadata 6 0 R",
}
ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'


# Text as (left, height, signs), in type of half a point, that layout must not look through again and again.
CROWDED = {
    "dots without an end": [(50, 700, "." * 30_000 + "a")],
    "deep list": [(10 + 0.3 * row, 7000 - row, "- item") for row in range(4000)],
    "hundreds of columns": [
        (20 + 4 * column, 7000 - row, "a b c d e f") for row in range(5) for column in range(1500)
    ],
    "two columns of many lines": [
        (left, 7000 - 0.7 * row, "a line of this side") for row in range(8000) for left in (20, 40)
    ],
    "rows that are no table": [
        (50 + row * 37 % 100 + 300 * side, 7000 - 0.7 * row, "a") for row in range(4000) for side in (0, 1)
    ],
    "thousands of cells": [(10 + 2 * column, 7000 - row, "a") for row in range(3) for column in range(4000)],
}


def crowded(texts):
    content = "".join(f"1 0 0 1 {left:.1f} {height:.1f} Tm ({signs}) Tj\n" for left, height, signs in texts)
    page = page_objects()[3].replace(b"612 792", b"14400 8000")
    objects = page_objects() | {3: page, 4: stream(f"BT /F1 0.5 Tf {content} ET".encode())}
    return lambda: pdf(objects)


def many_notes():
    """A page of nothing but raised marks and notes."""
    rows = "".join(
        f"/F1 0.3 Tf 1 0 0 1 50 {7000 - 0.6 * row + 0.3:.1f} Tm ({row % 900}) Tj "
        f"/F1 0.5 Tf 1 0 0 1 51 {7000 - 0.6 * row:.1f} Tm (A note.) Tj\n"
        for row in range(8000)
    )
    page = page_objects()[3].replace(b"612 792", b"14400 8000")
    return pdf(page_objects() | {3: page, 4: stream(f"BT {rows} ET".encode())})


def many_links():
    """Two thousand links over each other and over all lines of a page."""
    links = b"".join(
        b"<< /Type /Annot /Subtype /Link /Rect [0 0 14400 8000] /A << /S /URI /URI (https://a.example/%d) >> >> "
        % n
        for n in range(2000)
    )
    page = (
        page_objects()[3]
        .replace(b"612 792", b"14400 8000")
        .replace(b"/Contents", b"/Annots [%s] /Contents" % links)
    )
    text = "".join(f"1 0 0 1 50 {7000 - row} Tm (A line of words) Tj\n" for row in range(5000))
    return pdf(page_objects() | {3: page, 4: stream(f"BT /F1 1 Tf {text} ET".encode())})


def many_shapes(count):
    """Boxes with a word in each, all linked."""

    def make():
        shapes = "".join(
            f"{50 + 60 * (n % 200)} {60 * (n // 200)} 40 20 re S {90 + 60 * (n % 200)} {60 * (n // 200) + 10} m 20 0 l S\n"
            f"BT /F1 8 Tf 1 0 0 1 {52 + 60 * (n % 200)} {60 * (n // 200) + 5} Tm (word) Tj ET\n"
            for n in range(count)
        )
        page = page_objects()[3].replace(b"612 792", b"14400 14400")
        return pdf(page_objects() | {3: page, 4: stream(shapes.encode())})

    return make


def behind_digits():
    """A title that a line of nothing but digits ends with, nearly."""
    entry = b"<< /Title (Intro) /Parent 10 0 R /Dest [3 0 R /XYZ 0 790 0] >>"
    text = page_objects("1" * 60 + "a Intro")
    return pdf(
        text
        | {1: text[1].replace(b"/Pages 2", b"/Outlines 10 0 R /Pages 2"), 11: entry}
        | {10: b"<< /First 11 0 R /Last 11 0 R /Count 1 >>"}
    )


def documents():
    for algorithm in ("RC4-40", "RC4-128", "AES-128", "AES-256"):
        yield "locked " + algorithm, locked(algorithm, user="secret", owner="other"), ENCRYPTED
    for algorithm in ("RC4-128", "AES-256"):
        yield "owner " + algorithm, locked(algorithm, user="", owner="other"), READ
    yield "pages loop", changed(2, b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 >>"), CORRUPT
    yield "parent loop", changed(3, page_objects()[3].replace(b"/Parent 2", b"/Parent 3")), READ
    yield "no pages", changed(2, b"<< /Type /Pages /Kids [] /Count 0 >>"), CORRUPT
    yield "million pages", many_pages(1_000_000), COMPLEX
    yield "minus pages", many_pages(-5), READ
    yield "deep pages", deep_pages(5000), CORRUPT
    loop = b"<< /Title (A) /Parent 10 0 R /Next 11 0 R /Dest [3 0 R /Fit] >>"
    yield "bookmarks loop", outline({10: b"<< /First 11 0 R /Last 11 0 R /Count 1 >>", 11: loop}), READ
    child = b"<< /Title (A) /Parent 10 0 R /First 11 0 R /Last 11 0 R /Dest [3 0 R /Fit] >>"
    yield "bookmark its own child", outline({10: b"<< /First 11 0 R /Count 1 >>", 11: child}), READ
    yield "references loop", cross_reference_loop, READ
    yield "object stream loop", object_stream_loop, READ
    yield "flate bomb", bomb(1, b"/FlateDecode"), COMPLEX
    yield "nested bomb", bomb(2, b"[/FlateDecode /FlateDecode]"), COMPLEX
    yield "fifty filters", content_stream(flate(b"BT ET", 50), b"[" + b"/FlateDecode " * 50 + b"]"), NOTHING
    runs = b"\x81 " * 2_000_000 + b"\x80"
    yield "run length bomb", content_stream(runs, b"/RunLengthDecode"), NOTHING
    yield (
        "hex and flate",
        content_stream(flate(b"x" * 9).hex().encode() + b">", b"[/ASCIIHexDecode /FlateDecode]"),
        NOTHING,
    )
    yield "jbig2", with_jbig2, NOTHING
    yield (
        "huge picture",
        lambda: pdf(picture(60_000, 60_000, flate(b"\x00" * 1000), b"/FlateDecode")),
        NOTHING,
    )
    yield "picture alone", lambda: pdf(picture(10, 10, flate(b"\x80" * 100), b"/FlateDecode")), NOTHING
    yield "huge map of letters", huge_unicode_map, READ
    yield "references lie", lambda: material.pdf_file().replace(b"startxref\n", b"startxref\n99"), READ
    yield "no references", lambda: material.pdf_file().split(b"xref\n0")[0], CORRUPT
    yield "header after rubbish", lambda: b"\x00" * 900 + material.pdf_file(), READ
    yield "linearised, broken", changed(1, b"<< /Linearized 1 /L 9 /O 3 /Type /Catalog /Pages 2 0 R >>"), READ
    yield "huge page", changed(3, page_objects()[3].replace(b"612 792", b"1e30 1e30")), READ
    yield "deep array", changed(4, stream(b"[" * 200_000)), NOTHING
    yield "second root", lambda: material.pdf_file() + material.pdf_file(), READ
    yield "only a header", lambda: b"%PDF-1.7\n" + b"\xff" * 2000, CORRUPT
    for name, texts in CROWDED.items():
        yield name, crowded(texts), READ
    yield "bookmark behind digits", behind_digits, READ
    yield "thousands of notes", many_notes, READ
    yield "links over links", many_links, READ
    yield "drawn boxes", many_shapes(150), READ
    yield "thousands of drawn boxes", many_shapes(40_000), READ
    for name, extra in ACTIONS.items():
        objects = page_objects(extra=extra) | {6: stream(ENTITIES)}
        yield name, lambda objects=objects: pdf(objects), READ


def pdfs():
    for name, make, expected in documents():
        yield Case("pdf", name, "lesson.pdf", make, expected, ("evil.exe", "app.alert", "calc.exe"))
