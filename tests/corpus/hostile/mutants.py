"""Good PDFs that were changed at random, the same way in every run: whatever comes of one, it is told, and in time."""

import io
import re

import pypdf

from tests.content.documents import DATA
from tests.corpus import material
from tests.corpus.good import writers
from tests.corpus.good.known import document
from tests.corpus.hostile.case import COMPLEX, CORRUPT, ENCRYPTED, MISMATCH, NOTHING, READ, Case, seeded

OUTCOMES = frozenset({READ, CORRUPT, NOTHING, COMPLEX, ENCRYPTED, MISMATCH})
"""A change may be one that nobody notices, or take away any part of the document."""
SEEDS = 3
_NUMBER = re.compile(rb"\d{1,10}")
_STRUCTURE = re.compile(
    rb"\d{1,10} 0 (?:obj|R)|/(?:Length|Size|Count|Prev|N|First|W|Kids|Filter)\b|stream|endobj|xref|startxref"
)


def _packed():
    """With its objects in streams, as most programs write them."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(material.pdf_file()))
    for page in writer.pages:
        page.compress_content_streams()
    return material.saved(writer.write)


def _typeset():
    known = document("latin", 21, kinds=["paragraph", "heading", "list", "table"])
    # Else it would be another file each second.
    return writers.by_typst(known, "#set document(date: none)\n")


SOURCES = {
    "plain": material.pdf_file,
    "packed": _packed,
    "typst": _typeset,
    "real": (DATA / "python-basics.pdf").read_bytes,
}


def flip(content, rng):
    """Single bits, from one to two hundred."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 10, 200))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(content, rng):
    return content[: rng.randrange(len(content))]


def cut_out(content, rng):
    begin = rng.randrange(len(content))
    return content[:begin] + content[begin + rng.randrange(1, 5000) :]


def splice(content, rng):
    """A piece of another document in place of as much of this one."""
    other = SOURCES[rng.choice(sorted(SOURCES))]()
    begin, size = rng.randrange(len(content)), rng.randrange(1, 5000)
    start = rng.randrange(len(other))
    return content[:begin] + other[start : start + size] + content[begin + size :]


def repeat(content, rng):
    begin = rng.randrange(len(content))
    piece = content[begin : begin + rng.randrange(1, 2000)]
    return content[:begin] + piece * rng.randrange(2, 50) + content[begin:]


def renumber(content, rng):
    """Numbers of objects, sizes, places: others, negative, or beyond all measure."""
    places = [found.span() for found in _NUMBER.finditer(content)]
    for begin, end in sorted(rng.sample(places, min(20, len(places))), reverse=True):
        number = rng.choice(
            (b"0", b"-1", b"2147483648", b"99999999999999999999", str(rng.randrange(50)).encode())
        )
        content = content[:begin] + number + content[end:]
    return content


def exchange(content, rng):
    """Words of the structure for others of it."""
    words = list(_STRUCTURE.finditer(content))
    for _ in range(min(10, len(words))):
        one, other = rng.choice(words), rng.choice(words)
        begin, end = one.span()
        content = content[:begin] + other[0][: end - begin].ljust(end - begin) + content[end:]
    return content


CHANGES = (flip, truncate, cut_out, splice, repeat, renumber, exchange)


def pdfs():
    for source, make in SOURCES.items():
        for change in CHANGES:
            for seed in range(SEEDS):
                name = f"{source} {change.__name__} {seed}"
                yield Case(
                    "mutant", name, "lesson.pdf",
                    lambda make=make, change=change, name=name: change(make(), seeded(name)),
                    OUTCOMES,
                )  # fmt: skip
