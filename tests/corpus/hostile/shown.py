"""Pictures, drawings, films and sounds that lie about themselves; and names of files that lie about where they belong."""

import struct

from tests.corpus import material
from tests.corpus.hostile.case import COMPLEX, CORRUPT, MISMATCH, NOTHING, READ, UNSUPPORTED, Case, seeded
from tests.corpus.material import SVG, box, chunk, element, gif, mp4_file, png, svg_file, track, webm_file

SCRIPT = "<script>evil-program()</script>"
LAUGHS = '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


def jpeg(segments=b"", width=4, height=4):
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x00" * 8
    return b"\xff\xd8" + segments + frame + scan + b"\xff\xd9"


def exif_bomb():
    """Directories of pointers that lead to themselves, repeated in many segments."""
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    tiff = b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", 3000) + entry * 3000 + struct.pack("<I", 8)
    payload = b"Exif\x00\x00" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload


def pictures():
    yield "png of sixty thousand", "a.png", lambda: png(claim=(60_000, 60_000)), COMPLEX
    yield "png of no size", "a.png", lambda: png(claim=(0, 0)), CORRUPT
    yield (
        "png with a megabyte of words",
        "a.png",
        lambda: png(extra=chunk(b"zTXt", b"a\x00\x00" + b"\x00" * 1_000_000)),
        READ,
    )
    yield "png cut", "a.png", lambda: png()[:20], CORRUPT
    yield "png length lies", "a.png", lambda: png()[:33] + b"\xff\xff\xff\xff" + png()[37:], READ
    yield "gif of fifty thousand frames", "a.gif", lambda: gif(50_000), READ
    yield "gif that is also a script", "a.gif", lambda: gif()[:-1] + b"/*evil-program*/=1;", READ
    yield "gif with a page", "a.gif", lambda: b"GIF89a<script>evil-program()</script>", COMPLEX
    yield "jpeg with pointers", "a.jpg", lambda: jpeg(exif_bomb() * 100), READ
    yield "jpeg of endless segments", "a.jpg", lambda: b"\xff\xd8" + b"\xff\xe1\x00\x02" * 500_000, CORRUPT
    yield "jpeg of fill bytes", "a.jpg", lambda: b"\xff\xd8" + b"\xff" * 2_000_000, CORRUPT
    yield "jpeg without a frame", "a.jpg", lambda: b"\xff\xd8\xff\xd9", CORRUPT
    yield "webp cut", "a.webp", lambda: b"RIFF\x10\x00\x00\x00WEBPVP8X", CORRUPT
    yield "bmp", "a.bmp", lambda: b"BM" + b"\x00" * 60, UNSUPPORTED
    yield "tiff", "a.tiff", lambda: b"II*\x00" + b"\x00" * 60, UNSUPPORTED


def drawings():
    yield "script", lambda: svg_file(SCRIPT), READ
    yield "event", lambda: svg_file('<rect onload="evil-program()" width="1" height="1"/>'), READ
    yield (
        "foreign content",
        lambda: svg_file(
            "<foreignObject><iframe xmlns='http://www.w3.org/1999/xhtml' src='javascript:evil-program()'/></foreignObject>"
        ),
        READ,
    )
    yield "use from outside", lambda: svg_file('<use href="http://127.0.0.1:9/evil-program#a"/>'), READ
    yield "entities", (LAUGHS + SVG.format("<text>&b;</text>")).encode, CORRUPT
    yield (
        "file",
        (LAUGHS.replace('"aaaaaaaaaa"', 'SYSTEM "file:///etc/passwd"') + SVG.format("&a;")).encode,
        CORRUPT,
    )
    yield "deep", lambda: svg_file("<g>" * 50_000 + "</g>" * 50_000), CORRUPT
    yield (
        "style from outside",
        lambda: svg_file(
            "<style>@import 'http://127.0.0.1:9/evil-program'; a{b:url(//x/evil-program)}</style>"
        ),
        READ,
    )
    yield "no drawing", lambda: b"<svg", MISMATCH


def moov_lies(size):
    content = bytearray(mp4_file())
    struct.pack_into(">I", content, content.find(b"moov") - 4, size)
    return bytes(content)


def nested_boxes(depth):
    content = b""
    for _ in range(depth):
        content = box(b"trak", content)
    return mp4_file(tracks=[content])


def recordings():
    yield "moov larger than the file", "a.mp4", lambda: moov_lies(0x7FFFFFFF), CORRUPT
    yield "moov of no size", "a.mp4", lambda: moov_lies(1), CORRUPT
    yield "moov smaller than its head", "a.mp4", lambda: moov_lies(3), CORRUPT
    yield (
        "moov missing",
        "a.mp4",
        lambda: box(b"ftyp", b"isom" + b"\x00" * 4) + box(b"mdat", b"\x00" * 99),
        CORRUPT,
    )
    yield "million tracks", "a.mp4", lambda: mp4_file(tracks=[box(b"trak")] * 1_000_000), COMPLEX
    yield "boxes in boxes", "a.mp4", lambda: nested_boxes(3000), CORRUPT
    yield "billion seconds", "a.mp4", lambda: mp4_file(duration=0xFFFFFFF0), READ
    yield "no tracks", "a.mp4", lambda: mp4_file(tracks=[]), CORRUPT
    yield "no film inside", "a.mp4", lambda: mp4_file(media=b""), READ
    yield "playlist of files", "a.mp4", lambda: b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n", MISMATCH
    yield "playlist", "a.m3u8", lambda: b"#EXTM3U\n#EXTINF:1\nhttp://127.0.0.1:9/a.ts\n", MISMATCH
    yield (
        "elements of unknown size",
        "a.webm",
        lambda: webm_file().replace(bytes.fromhex("1f43b67501"), bytes.fromhex("1f43b675ff")),
        READ,
    )
    yield "million entries", "a.webm", lambda: webm_file(tracks=200_000), COMPLEX
    yield (
        "element larger than the file",
        "a.webm",
        lambda: (
            element("1a45dfa3", element("4282", b"webm"))[:-4]
            + b"webm"
            + bytes.fromhex("1853806701ffffffffffff00")
        ),
        CORRUPT,
    )
    yield "other container", "a.webm", lambda: webm_file(doctype=b"matroska"), MISMATCH
    yield "not a number", "a.webm", lambda: webm_file(duration=float("nan")), READ
    yield (
        "sound with a huge tag",
        "a.mp3",
        lambda: material.mp3_file(tag=b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f"),
        CORRUPT,
    )
    yield "sound of noise", "a.mp3", lambda: b"\xff\xfb" + seeded("mp3").randbytes(50_000), CORRUPT
    yield "film called sound", "a.mp3", mp4_file, MISMATCH
    yield "sound called film", "a.mp4", material.mp3_file, MISMATCH
    yield "picture called film", "a.webm", png, MISMATCH
    yield "sound without film", "a.m4a", lambda: mp4_file(brand=b"M4A ", tracks=[track(b"soun", 0, 0)]), READ


NAMES = (
    "../../etc/passwd.docx",
    "..\\..\\boot.docx",
    "/etc/shadow.docx",
    "C:\\a.docx",
    "\\\\server\\share\\a.docx",
    "file:///etc/a.docx",
    "a\x00b.docx",
    "a\r\nSet-Cookie: x.docx",
    "a\tb.docx",
    "a\x1b[31m.docx",
    "\u202excod.docx",
    "\u200b\u200b.docx",
    "<img src=x onerror=evil-program()>.docx",
    "'; DROP TABLE uploads;--.docx",
    "{{7*7}}.docx",
    "${jndi:ldap://x}.docx",
    "%s%n%00.docx",
    "CON.docx",
    "nul.docx",
    "a:b.docx",
    ".docx",
    "...docx",
    "-rf.docx",
    "$(id).docx",
    "`id`.docx",
    "a" * 300 + ".docx",
    "\u0627\u0644\u062f\u0631\u0633.docx",
    "\U0001f600.docx",
    "e\u0301" * 200 + ".docx",
    " .docx",
)


def names():
    for number, name in enumerate(NAMES, start=1):
        yield Case("names", f"{number}", name, material.docx_file, READ, ("onerror",))


def media():
    for name, filename, make, expected in pictures():
        yield Case("media", name, filename, make, expected, ("evil-program",))
    for name, make, expected in drawings():
        yield Case("media", f"drawing with {name}", "a.svg", make, expected, ("evil-program", "root:x:0"))
    for name, filename, make, expected in recordings():
        yield Case("media", name, filename, make, expected, ("root:x:0",))
    only = material.html_file("<p> </p>")
    yield Case("media", "page of nothing", "a.html", lambda: only, NOTHING)
