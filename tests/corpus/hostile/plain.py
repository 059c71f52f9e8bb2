"""Files cut short, called by wrong names, and files with nothing in them."""

from tests.corpus import material
from tests.corpus.hostile.case import CORRUPT, EMPTY, MISMATCH, NOTHING, READ, UNSUPPORTED, Case, seeded

WHOLE = {
    "pdf": material.pdf_file,
    "docx": material.docx_file,
    "pptx": material.pptx_file,
    "xlsx": material.xlsx_file,
    "epub": material.epub_file,
    "mp4": material.mp4_file,
    "webm": material.webm_file,
    "csv": lambda: material.csv_file(200),
}
CUTS = {"0": 0.0, "1": 0.01, "4": 0.04, "25": 0.25, "50": 0.5, "75": 0.75, "99": 0.99, "last byte": 1.0}
# So little is left that nothing tells what it was; or so much that nothing is missing.
ODD_CUTS = {
    **dict.fromkeys((("mp4", "1"), ("webm", "1"), ("webm", "4")), MISMATCH),
    **dict.fromkeys((("pdf", "99"), ("pdf", "last byte")), READ),
}
# Of pictures and recordings the content alone counts: browsers go by it too.
SAME = {("gif", "png"), ("webm", "mp4")}
WRONG = ("docx", "pdf", "png", "mp4")
ODD = {("one byte", "docx"): CORRUPT, ("mark alone", "txt"): NOTHING}
CONTENTS = {
    "docx": material.docx_file,
    "pptx": material.pptx_file,
    "xlsx": material.xlsx_file,
    "pdf": material.pdf_file,
    "epub": material.epub_file,
    "html": material.html_file,
    "png": material.png,
    "gif": material.gif,
    "mp4": material.mp4_file,
    "webm": material.webm_file,
}


def cut(make, share):
    def made():
        whole = make()
        return whole[: len(whole) - 1 if share == 1.0 else int(len(whole) * share)]

    return made


def truncated():
    for kind, make in WHOLE.items():
        for name, share in CUTS.items():
            expected = ODD_CUTS.get((kind, name), READ if kind == "csv" else CORRUPT)
            yield Case(
                "truncated",
                f"{kind} {name}",
                f"lesson.{kind}",
                cut(make, share),
                expected if share else EMPTY,
            )


def wrong_type():
    for kind, make in CONTENTS.items():
        for suffix in WRONG:
            if suffix != kind:
                expected = READ if (kind, suffix) in SAME else MISMATCH
                yield Case("wrong type", f"{kind} as {suffix}", f"lesson.{suffix}", make, expected)
        yield Case("wrong type", f"{kind} as nothing", "lesson", make, MISMATCH)
    yield Case("wrong type", "double", "lesson.pdf.exe", material.pdf_file, MISMATCH)
    yield Case("wrong type", "upper case", "LESSON.PDF", material.pdf_file, READ)
    yield Case("wrong type", "program", "lesson.exe", lambda: b"MZ\x90\x00" + b"\x00" * 300, UNSUPPORTED)
    yield Case("wrong type", "program as docx", "a.docx", lambda: b"\x7fELF" + b"\x02" * 300, MISMATCH)


def nothing():
    contents = {
        "empty": lambda: b"",
        "one byte": lambda: b"P",
        "mark alone": lambda: b"\xef\xbb\xbf",
        "nuls": lambda: b"\x00" * 5000,
        "ten million nuls": lambda: b"\x00" * 10_000_000,
        "random": lambda: seeded("random").randbytes(100_000),
    }
    for name, make in contents.items():
        for suffix in ("docx", "pdf", "txt", "mp4"):
            expected = EMPTY if name == "empty" else ODD.get((name, suffix), MISMATCH)
            yield Case("nothing", f"{name} as {suffix}", f"lesson.{suffix}", make, expected)
