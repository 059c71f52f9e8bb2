"""A table as text (CSV, RFC 4180, and its relatives with semicolons, tabs or bars) becomes one lesson."""

import csv
import io
import re
from collections import Counter
from itertools import islice

from tms.content import encodings
from tms.content.errors import CorruptDocumentError, DocumentTooLargeError
from tms.content.lessons import division, titles
from tms.content.lessons.document import Document, Manuscript, Source
from tms.content.tables.rendering import COLUMNS_LIMIT, ROWS_LIMIT, TEXT_LIMIT, Book, Sheet

BYTES_LIMIT = 64 * 1024 * 1024
_SEPARATORS = ",;\t|"
_SAMPLE_ROWS = 50
_SAID = re.compile(r"sep=([,;|\t])\r?\n", re.IGNORECASE)


def read(source: Source) -> Document:
    """The lesson that a table as text is; raises a `DocumentError`."""
    if source.path.stat().st_size > BYTES_LIMIT:
        raise DocumentTooLargeError(
            f"The table takes more than {BYTES_LIMIT // 1024 // 1024} MB; keep the rows that people should read."
        )
    separator, text = _said(encodings.decode(source.path.read_bytes()))
    # One value for the whole process, so it is only ever raised: who reads after us may have longer fields.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    source.report(0.3, "Reading the table")
    try:
        separator = separator or _separator(text)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        kept = [[cell[:TEXT_LIMIT] for cell in row[: COLUMNS_LIMIT + 1]] for row in islice(rows, ROWS_LIMIT)]
        height = len(kept) + sum(1 for _ in rows)
    except csv.Error as error:
        raise CorruptDocumentError from error
    book = Book()
    book.add(Sheet(titles.name_of(source.filename), kept, height))
    return division.compose(Manuscript(book.root, warnings=book.warnings), source)


def _said(text: str) -> tuple[str, str]:
    """The separator that the first line says, as Excel understands it (`sep=;`), and the text after it."""
    said = _SAID.match(text)
    return ("", text) if said is None else (said[1], text[said.end() :])


def _separator(text: str) -> str:
    """The separator that gives most rows one number of columns; of several such not the comma, which is also in figures."""
    return max(_SEPARATORS, key=lambda separator: _evenness(text, separator))


def _evenness(text: str, separator: str) -> tuple[float, bool, int]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    widths = Counter(len(row) for row in islice(rows, _SAMPLE_ROWS) if any(row))
    if not widths:
        return (1.0, False, 0)
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    return (0.0, False, 1) if width < 2 else (count / widths.total(), separator != ",", width)
