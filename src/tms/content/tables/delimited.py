"""A table as text (CSV, RFC 4180, and its relatives with semicolons, tabs or bars) becomes one lesson."""

import csv
import io
from collections import Counter
from itertools import islice

from tms.content import encodings
from tms.content.errors import CorruptDocumentError, DocumentTooLargeError
from tms.content.lessons import division, titles
from tms.content.lessons.document import Document, Manuscript, Source
from tms.content.tables.rendering import COLUMNS_LIMIT, ROWS_LIMIT, TEXT_LIMIT, Book

BYTES_LIMIT = 64 * 1024 * 1024
_SEPARATORS = ",;\t|"
_SAMPLE_ROWS = 50


def read(source: Source) -> Document:
    """The lesson that a table as text is; raises a `DocumentError`."""
    if source.path.stat().st_size > BYTES_LIMIT:
        raise DocumentTooLargeError(
            f"The table takes more than {BYTES_LIMIT // 1024 // 1024} MB; keep the rows that people should read."
        )
    text = encodings.decode(source.path.read_bytes())
    # One value for the whole process, so it is only ever raised: who reads after us may have longer fields.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    source.report(0.3, "Reading the table")
    try:
        separator = _separator(text)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        kept = [[cell[:TEXT_LIMIT] for cell in row[: COLUMNS_LIMIT + 1]] for row in islice(rows, ROWS_LIMIT)]
        height = len(kept) + sum(1 for _ in rows)
    except csv.Error as error:
        raise CorruptDocumentError from error
    book = Book()
    book.add(titles.name_of(source.filename), kept, height=height)
    return division.compose(Manuscript(book.root, warnings=book.warnings), source)


def _separator(text: str) -> str:
    """The separator that gives most rows one number of columns, and more than one of these."""
    return max(_SEPARATORS, key=lambda separator: _evenness(text, separator))


def _evenness(text: str, separator: str) -> tuple[float, int]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    widths = Counter(len(row) for row in islice(rows, _SAMPLE_ROWS) if any(row))
    if not widths:
        return (1.0, 0)
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    return (0.0, 1) if width < 2 else (count / widths.total(), width)
