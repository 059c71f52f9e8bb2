"""The corpus of well-formed documents: name, file name, what is known, and how it is written."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.corpus.good import writers
from tests.corpus.good.known import UNSPACED, WORDS, Known, document
from tests.office import PROGRAM

TABLES = ["table"]
SLIDES = ["paragraph", "heading", "list", "paragraph", "heading", "table", "note", "heading", "code"]
BOOK = ["paragraph", "list", "heading", "paragraph", "numbers", "heading", "code", "quote"]
COLUMNS = "#set page(columns: 2)\n#set par(justify: true)\n"
# Typst brings fonts for these scripts along.
PRINTABLE = ("latin", "greek", "cyrillic")


@dataclass(frozen=True, slots=True)
class Good:
    writer: str
    filename: str
    known: Known
    write: Callable[[], bytes]

    @property
    def id(self):
        return f"{self.writer}/{self.known.name}/{self.filename}"


def _good(writer, suffix, known, write):
    return Good(writer, f"course.{suffix}", known, write)


def in_all_scripts():
    for script in WORDS:
        known = document(script)
        yield _good("python-docx", "docx", known, lambda known=known: writers.by_python_docx(known))
        for kind in ("docx", "epub", "html"):
            yield _good("pandoc", kind, known, lambda known=known, kind=kind: _pandoc(known, kind))
        yield _good("by hand", "md", known, lambda known=known: writers.markdown(known).encode())
        slides = document(script, 2, kinds=SLIDES)
        yield _good("python-pptx", "pptx", slides, lambda known=slides: writers.by_python_pptx(known))
        table = document(script, 3, lessons=1, kinds=TABLES)
        # A table as text has no title but its file's name.
        table.lessons[0].title = "course"
        yield _good("by hand", "csv", table, lambda known=table: writers.csv(known))


def _pandoc(known, kind):
    options = ["--standalone", "--embed-resources"] if kind == "html" else []
    return writers.by_pandoc(known, kind, *options)


def others():
    for script in PRINTABLE:
        known = document(script, 4, lessons=4, kinds=BOOK)
        yield _good("typst", "pdf", known, lambda known=known: writers.by_typst(known))
        plain = document(script, 5, kinds=["paragraph"] * 12)
        yield _good("typst in columns", "pdf", plain, lambda known=plain: writers.by_typst(known, COLUMNS))
        drawn = document(script, 13, kinds=["paragraph", "list", "table", "paragraph"])
        yield _good(
            "typst with figures", "pdf", drawn, lambda known=drawn: writers.by_typst_with_figures(known)
        )
        sheets = document(script, 6, kinds=TABLES)
        yield _good("openpyxl", "xlsx", sheets, lambda known=sheets: writers.by_openpyxl(known))
        text = document(script, 7, kinds=["paragraph", "paragraph", "list"])
        for number, lesson in enumerate(text.lessons, 1):
            lesson.title = f"Chapter {number} {lesson.title}"
        yield _good("by hand", "txt", text, lambda known=text: writers.plain(known))
    for seed in (8, 9):
        known = document("latin", seed, lessons=5, kinds=["paragraph", "paragraph", "list"])
        yield _good("by look", "docx", known, lambda known=known: writers.by_hand_in_docx(known))
        yield _good("by outline", "docx", known, lambda known=known: writers.by_outline_in_docx(known))
        yield _good("with pictures", "docx", known, lambda known=known: writers.pictures_in_docx(known))


def by_libreoffice():
    """What LibreOffice saved, and what only LibreOffice opens."""
    for script in ("latin", "arabic", "chinese"):
        known = document(script, 10, kinds=BOOK)
        for kind in ("docx", "odt", "doc", "pdf", "rtf"):
            yield _good(
                "libreoffice", kind, known, lambda known=known, kind=kind: _saved(known, "docx", kind)
            )
        # LibreOffice keeps no kinds of layouts, so that nothing but the slides' titles is left of the division.
        slides = document(script, 11, lessons=1, kinds=SLIDES)
        for kind in ("pptx", "ppt", "odp"):
            yield _good(
                "libreoffice", kind, slides, lambda known=slides, kind=kind: _saved(known, "pptx", kind)
            )
        sheets = document(script, 12, kinds=TABLES)
        for kind in ("xlsx", "xls", "ods"):
            yield _good(
                "libreoffice", kind, sheets, lambda known=sheets, kind=kind: _saved(known, "xlsx", kind)
            )


def _saved(known, suffix, to):
    write = {"docx": writers.by_python_docx, "pptx": writers.by_python_pptx, "xlsx": writers.by_openpyxl}[
        suffix
    ]
    return writers.by_libreoffice(write(known), suffix, to, PROGRAM)


DOCUMENTS = [*in_all_scripts(), *others()]
OFFICE_DOCUMENTS = list(by_libreoffice())
SPACED = [script for script in WORDS if script not in UNSPACED]
