"""Tells in which encoding a text is written that does not say so."""

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BOMS = tuple(mark for mark, _ in _MARKS)
# What stands in a row in a language of each encoding, as bytes: the frequent signs of the East (JIS X 0208 level 1 and
# kana, KS X 1001 Hangul, GB 2312 level 1), small letters of Cyrillic. Accents of Latin, read wrongly, stand alone.
_WRITTEN = (
    ("cp932", re.compile(rb"(?:[\x81-\x83\x88-\x97][\x40-\x7e\x80-\xfc]){2,}"), 2, 0.7),
    ("euc_kr", re.compile(rb"(?:[\xb0-\xc8][\xa1-\xfe]){2,}"), 2, 0.9),
    ("gb18030", re.compile(rb"(?:[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]){2,}"), 2, 0.7),
    ("cp1251", re.compile(rb"[\xe0-\xff\xb8]{2,}"), 1, 0.6),
)
# The five bytes that Windows-1252 leaves open are controls, as in Latin-1.
_WINDOWS_1252 = "".join(bytes((byte,)).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def decode(content: bytes) -> str:
    """The text: by its byte order mark, else UTF-8, else what reads like a language; every byte becomes a character."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content.decode(name, "replace")
    for name in (*_utf_16(content), "utf-8"):
        text = _strictly(content, name)
        if text is not None:
            return text
    for name, written, width, share in _WRITTEN:
        text = _strictly(content, name)
        if text is None:
            continue
        in_rows = sum(len(row) // width for row in written.findall(content))
        if in_rows >= share * len(_BEYOND_ASCII.findall(text)):
            return text
    return codecs.charmap_decode(content, "strict", _WINDOWS_1252)[0]


def _utf_16(content: bytes) -> tuple[str, ...]:
    """UTF-16 without a mark has every second byte zero in Latin text."""
    head = content[:4096]
    if head[1::2].count(0) > len(head) // 4:
        return ("utf-16-le",)
    return ("utf-16-be",) if head[::2].count(0) > len(head) // 4 else ()


def _strictly(content: bytes, name: str) -> str | None:
    try:
        return content.decode(name)
    except UnicodeDecodeError:
        return None
