"""Office archives built to mislead whoever unpacks them (the layer of ZIP), each as a document and as slides."""

import io
import struct
import zipfile
import zlib

from tests.corpus import material
from tests.corpus.hostile.case import COMPLEX, CORRUPT, ENCRYPTED, LARGE, MISMATCH, READ, Case
from tests.corpus.material import members, with_parts, zipped

MEGABYTE = 1024 * 1024


def edited(make, change):
    def made():
        content = bytearray(make())
        change(content)
        return bytes(content)

    return made


def last_entry(content):
    return content.rfind(b"PK\x01\x02")


def set_last(offset, layout, value):
    def change(content):
        struct.pack_into(layout, content, last_entry(content) + offset, value)

    return change


def of_main(main, offset, layout, value):
    """Changes a field in the directory's entry of the main part."""

    def change(content):
        struct.pack_into(layout, content, content.rfind(main.encode()) - 46 + offset, value)

    return change


def special(make, name, *, attributes=0, content=b"x", raw=None):
    """The archive with one more entry; `raw` replaces the bytes of its name wherever they stand."""

    def made():
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for known, part in members(make()).items():
                archive.writestr(known, part)
            entry = zipfile.ZipInfo(name)
            entry.external_attr = attributes
            archive.writestr(entry, content)
        return buffer.getvalue().replace(name.encode(), raw) if raw else buffer.getvalue()

    return made


def overlapping(make):
    """Two entries of the directory for the same bytes (Fifield, "A better zip bomb", WOOT 2019)."""

    def made():
        content = make()
        end = content.rfind(b"PK\x05\x06")
        start = struct.unpack_from("<I", content, end + 16)[0]
        first = content[start : content.find(b"PK\x01\x02", start + 4)]
        tail = bytearray(content[end:])
        count, total, size = struct.unpack_from("<HHI", tail, 8)
        name = struct.unpack_from("<H", first, 28)[0]
        second = first[:46] + b"X" + first[47 : 46 + name] + first[46 + name :]
        struct.pack_into("<HHI", tail, 8, count + 1, total + 1, size + len(second))
        return content[:end] + second + bytes(tail)

    return made


def quine():
    """An entry that holds the archive's own beginning, nested once: readers that unpack what they find go on."""
    inner = zipped({"again.docx": b"PK\x03\x04" + b"\x00" * 200})
    return {f"word/embeddings/{n}.docx": inner for n in range(5)}


def empty_parts():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, part in members(material.docx_file()).items():
            archive.writestr(name, part)
        for number in range(100_000):
            archive.writestr(f"x/{number}", b"")
    return buffer.getvalue()


def without(make, name):
    return lambda: zipped({part: content for part, content in members(make()).items() if part != name})


def twice(make, main):
    def made():
        content = with_parts(make(), **{main[:-1] + "#": b"<x/>"})
        return content.replace((main[:-1] + "#").encode(), main.encode())

    return made


def zip64_lies(content):
    """Sizes said to stand in an extra field that is not there."""
    place = last_entry(content)
    struct.pack_into("<II", content, place + 20, 0xFFFFFFFF, 0xFFFFFFFF)


def wrong_checksum(main):
    return of_main(main, 16, "<I", zlib.crc32(b"another"))


def layers(kind, make, main):
    def grown(**parts):
        return lambda: with_parts(make(), **parts)

    yield "bomb", grown(**{"x/a.bin": b"\x00" * (100 * MEGABYTE)}), LARGE
    yield "bomb in the main part", grown(**{main: b"<a>" + b" " * (60 * MEGABYTE)}), LARGE
    yield "nested bomb", grown(**{"x/a.zip": zipped({"a": b"\x00" * (60 * MEGABYTE)})}), READ
    yield "quine", grown(**quine()), READ
    yield "overlap", overlapping(make), CORRUPT
    yield "size lies", edited(make, of_main(main, 24, "<I", 10)), CORRUPT
    yield "size promises gigabytes", edited(make, of_main(main, 24, "<I", 0x7FFFFFFF)), LARGE
    yield "zip64 lies", edited(make, zip64_lies), LARGE
    yield "checksum lies", edited(make, wrong_checksum(main)), CORRUPT
    yield "outside", special(make, "../evil.xml"), CORRUPT
    yield "absolute", special(make, "/etc/evil"), CORRUPT
    yield "drive", special(make, "C:/evil"), CORRUPT
    yield "nul in a name", special(make, "evil0.xml", raw=b"evil\x00.xml"), CORRUPT
    yield "link", special(make, "x/link", attributes=0o120777 << 16, content=b"/etc/passwd"), CORRUPT
    yield "same name twice", twice(make, main), CORRUPT
    yield "encrypted part", edited(make, set_last(8, "<H", 1)), ENCRYPTED
    yield "unknown packing", edited(make, set_last(10, "<H", 97)), CORRUPT
    yield "before the archive", lambda: b"#!/bin/sh\nexit\n" + make(), MISMATCH
    yield "behind the archive", lambda: make() + b"\x00" * 100_000, CORRUPT
    yield "no list of types", without(make, "[Content_Types].xml"), MISMATCH if kind == "pptx" else CORRUPT
    yield "no main part", without(make, main), CORRUPT
    yield "no relationships", without(make, "_rels/.rels"), READ
    yield "also a pdf", lambda: material.pdf_file() + make(), MISMATCH


def archives():
    for kind, make, main in (
        ("docx", material.docx_file, "word/document.xml"),
        ("pptx", material.pptx_file, "ppt/presentation.xml"),
    ):
        for name, content, expected in layers(kind, make, main):
            yield Case("archive", f"{kind} {name}", f"lesson.{kind}", content, expected)
    yield Case("archive", "a hundred thousand parts", "lesson.docx", empty_parts, COMPLEX)
