"""A workbook becomes a lesson for each sheet that is shown. Formulas are never worked out: their last result is taken."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import python_calamine
from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from tms.content import archive
from tms.content.errors import CorruptDocumentError, DocumentTooComplexError, EncryptedDocumentError
from tms.content.lessons import division, titles, warnings
from tms.content.lessons.document import Document, Manuscript, Source
from tms.content.sniff import Kind
from tms.content.tables import number_formats
from tms.content.tables.number_formats import Codes, column_number
from tms.content.tables.rendering import ROWS_LIMIT, Book, Merged

_AREA_LIMIT = 4_000_000
_ROWS_OF_EXCEL = 1_048_576
_COLUMNS_OF_EXCEL = 16_384
_CHUNK = 1024 * 1024
_OVERLAP = 512
# A cell that holds something is no empty element (ECMA-376 part 1, 18.3.1.4).
_CELL = re.compile(rb'<(?:\w{1,20}:)?c\s(?:[^>]{0,200}\s)?r="([A-Z]{1,9})([0-9]{1,12})"[^>]{0,200}(?<!/)>')
_NAMED_BY_PROGRAM = re.compile(
    r"(Sheet|Tabelle|Feuil|Feuille|Hoja|Foglio|Planilha|Blad|Arkusz|Лист|Sayfa|工作表|シート)\s?\d*"
)


def read(source: Source) -> Document:
    """The lessons of an Excel workbook or an OpenDocument spreadsheet; raises a `DocumentError`."""
    codes = _look_over(source)
    try:
        with CalamineWorkbook.from_path(source.path) as workbook:
            book = _read(workbook, source, codes)
    except python_calamine.PasswordError as error:
        raise EncryptedDocumentError from error
    except (python_calamine.CalamineError, OSError, ValueError, OverflowError) as error:
        raise CorruptDocumentError from error
    if source.kind is Kind.XLSM:
        book.warnings.append(warnings.MACROS)
    return division.compose(Manuscript(book.root, warnings=book.warnings), source)


def _read(workbook: CalamineWorkbook, source: Source, codes: Mapping[str, Codes]) -> Book:
    book = Book()
    sheets = workbook.sheets_metadata
    if len(sheets) > division.LESSONS_LIMIT:
        raise DocumentTooComplexError(
            f"The workbook has {len(sheets):,} sheets, more than {division.LESSONS_LIMIT:,}; divide it into several."
        )
    for number, sheet in enumerate(sheets, start=1):
        if sheet.visible is not SheetVisibleEnum.Visible:
            book.warnings.append(f"The sheet “{sheet.name}” is hidden and was left out.")
        elif sheet.typ is not SheetTypeEnum.WorkSheet:
            book.warnings.append(f"“{sheet.name}” is no table and was left out.")
        else:
            alone = len(sheets) == 1 and _NAMED_BY_PROGRAM.fullmatch(sheet.name) is not None
            title = titles.name_of(source.filename) if alone else sheet.name
            _add(book, title, workbook.get_sheet_by_name(sheet.name), codes.get(sheet.name, {}))
        source.report(0.2 + 0.5 * number / len(sheets), f"Reading sheet {number} of {len(sheets)}")
    return book


def _add(book: Book, title: str, sheet: CalamineSheet, codes: Codes) -> None:
    top, left = sheet.start or (0, 0)
    merged = [
        Merged(first[0] - top, first[1] - left, last[0] - top, last[1] - left)
        for first, last in sheet.merged_cell_ranges or []
    ]
    title = titles.shorten(titles.plain_line(title)) or "Sheet"
    placed = {(row - top, column - left): code for (row, column), code in codes.items()}
    rows = sheet.to_python(nrows=ROWS_LIMIT)
    book.add(title, rows, height=sheet.height, merged=merged, codes=placed)


def _look_over(source: Source) -> dict[str, Codes]:
    """Refuse what would grow beyond measure: the library lays out every cell between the first and the last.

    Gives the number formats of cells by the names of their sheets, which the library does not tell; only newer workbooks
    of Excel have any.
    """
    if source.kind is Kind.XLS:
        return {}
    if source.kind is Kind.ODS:
        archive.inspect(source.path)
        return {}
    archive.inspect_office(source.path)
    with zipfile.ZipFile(source.path) as package:
        for name in package.namelist():
            if name.lower().endswith(".xml") and "/worksheets/" in name.lower():
                _check_area(package, name)
    return number_formats.read(source.path)


def _check_area(package: zipfile.ZipFile, name: str) -> None:
    last_row, last_column = 0, 0
    rest = b""
    try:
        with package.open(name) as part:
            while chunk := part.read(_CHUNK):
                text = rest + chunk
                for column, row in _CELL.findall(text):
                    last_row = max(last_row, int(row))
                    last_column = max(last_column, column_number(column))
                rest = text[-_OVERLAP:]
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise CorruptDocumentError from error
    if last_row > _ROWS_OF_EXCEL or last_column > _COLUMNS_OF_EXCEL:
        raise CorruptDocumentError
    if last_row * last_column > _AREA_LIMIT:
        raise DocumentTooComplexError(
            f"A sheet of {Path(name).stem} reaches to row {last_row:,} and column {last_column:,}; "
            "delete what stands far outside of the table, save it again and upload that file."
        )
