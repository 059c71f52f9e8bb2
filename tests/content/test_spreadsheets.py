"""Workbooks of OpenDocument and of Excel 97-2003, whose cells are shown as those of newer ones are."""

import datetime as dt

import openpyxl
import pytest

from tests.content.reading import read_file
from tests.content.spreadsheets import (
    cell,
    hidden_columns,
    hidden_row,
    label,
    number,
    numbers,
    ods,
    row,
    xls,
)
from tests.corpus.good.writers import by_libreoffice
from tests.corpus.material import saved
from tests.office import PROGRAM, needs_office
from tms.content.errors import (
    CorruptDocumentError,
    DocumentTooComplexError,
    EncryptedDocumentError,
)
from tms.content.tables import compound, xls_looks

HIDDEN = "The sheet “Plan” has hidden rows or columns, which were left out; show them if students should read them."


@pytest.fixture
def read(tmp_path):
    def read_sheets(content):
        return read_file(tmp_path, "book.ods" if content.startswith(b"PK") else "book.xls", content)

    return read_sheets


def rows_of(document, lesson=0):
    """The texts of a table's cells, row by row."""
    html = document.lessons[lesson].html.replace("</th>", "</td>")
    return [
        [piece.rpartition(">")[2] for piece in line.split("</td>")[:-1]] for line in html.split("<tr>")[1:]
    ]


def test_cells_of_an_open_document_are_shown_as_the_file_says(read):
    content = ods(
        (
            "Plan",
            row(cell("Share"), cell("Date"), cell("Hours"))
            + row(cell("25,6 %", "percentage", 0.256), cell("1. Okt. 2026", "date", "2026-10-01"))
            + row(
                cell("007", "float", 7), cell("WAHR", "boolean", "true"), cell("42:05", "time", "PT42H05M00S")
            ),
        )
    )
    document = read(content)
    assert rows_of(document) == [
        ["Share", "Date", "Hours"],
        ["25,6 %", "1. Okt. 2026", ""],
        ["007", "WAHR", "42:05"],
    ]
    assert "<th" in document.lessons[0].html


def test_figures_are_no_heads_of_columns(read):
    assert "<th" not in read(ods(("Plan", row(cell("1 €", "currency", 1)) + row(cell("x"))))).lessons[0].html


def test_bare_values_where_a_program_wrote_no_text(read):
    content = ods(
        (
            "Plan",
            row(
                cell(kind="float", value="7.50"),
                cell(kind="percentage", value="0.075"),
                cell(kind="boolean", value="true"),
                cell(kind="time", value="PT26H05M09S"),
                cell(kind="date", value="2026-10-01T09:30:00"),
                cell(kind="float", value="much"),
                cell("end"),
            ),
        )
    )
    assert rows_of(read(content)) == [["7.5", "7.5%", "TRUE", "26:05:09", "2026-10-01 09:30:00", "", "end"]]


def test_what_stands_in_a_cell_but_is_not_its_text(read):
    remark = "<office:annotation><dc:date>2026</dc:date><text:p>a remark</text:p></office:annotation>"
    drawn = "<draw:frame><draw:text-box><text:p>a box</text:p></draw:text-box></draw:frame>"
    inside = f'{remark}<text:p>one<text:s text:c="3"/>two<text:line-break/>three</text:p><text:p>four</text:p>{drawn}'
    content = ods(("Plan", row(f'<table:table-cell office:value-type="string">{inside}</table:table-cell>')))
    assert "<td>one two<br>three<br>four</td>" in read(content).lessons[0].html


def test_merged_cells_of_an_open_document(read):
    covered = "<table:covered-table-cell><text:p>behind</text:p></table:covered-table-cell>"
    wide = row(cell("wide", number_columns_spanned=2), covered, cell("x"))
    html = read(ods(("Plan", row() * 3 + wide + row(cell(), cell("y"))))).lessons[0].html
    assert '<th colspan="2" scope="col">wide</th><th scope="col">x</th></tr><tr><td></td><td>y</td>' in html
    assert "behind" not in html


def test_hidden_sheets_rows_and_columns_of_an_open_document(read):
    columns = '<table:table-column/><table:table-column table:visibility="collapse"/><table:table-column/>'
    shown = row(cell("a"), cell("secret"), cell("b"))
    filtered = row(cell("secret", number_columns_repeated=3), visibility="filter", number_rows_repeated=2)
    document = read(
        ods(
            ("Plan", columns + shown + filtered + row(cell("c"))),
            ("Secret", row(cell("secret")), "hidden"),
            ("'file:///a.ods'#Sheet1", row(cell("secret"))),
        )
    )
    assert rows_of(document) == [["a", "b"], ["c", ""]]
    assert document.warnings == [HIDDEN, "The sheet “Secret” is hidden and was left out."]
    assert len(document.lessons) == 1


def test_rows_and_cells_that_repeat_a_million_times(read):
    everywhere = row(cell("a", number_columns_repeated=16_384), number_rows_repeated=1_048_576)
    document = read(ods(("Plan", everywhere)))
    assert [len(cells) for cells in rows_of(document)] == [50] * 1000
    assert "The sheet “Plan” has 1,048,576 rows; the first 1,000 were taken." in document.warnings
    far = row(number_rows_repeated=1_000_000) + row(cell(number_columns_repeated=9_000), cell("far"))
    assert rows_of(read(ods(("Plan", far)))) == [["far"]]
    with pytest.raises(DocumentTooComplexError, match="400,000 cells"):
        read(ods(*((f"Sheet {number}", everywhere) for number in range(9))))


def test_the_rows_that_no_page_shows_are_counted(read):
    lines = "".join(row(cell(str(number), "float", number)) for number in range(1200))
    document = read(ods(("Plan", lines + row(cell()) * 50)))
    assert rows_of(document)[-1] == ["999"]
    assert document.warnings == ["The sheet “Plan” has 1,200 rows; the first 1,000 were taken."]


def test_an_open_document_that_is_damaged_or_built_to_mislead(read):
    declared = '<!DOCTYPE a [<!ENTITY b "secret">]>'
    for content in (ods(("Plan", "<table:table-row>")), ods(("Plan", row(cell("&b;"))), head=declared)):
        with pytest.raises(CorruptDocumentError):
            read(content)
    with pytest.raises(EncryptedDocumentError):
        read(ods(("Plan", row(cell("a"))), manifest="<encryption-data/>"))


@pytest.mark.parametrize("pad", [4096, 0], ids=["alone", "within the root's stream"])
def test_cells_of_an_old_workbook_are_shown_by_their_formats(read, pad):
    records = [number(2, 1, 0.256, 1), numbers(2, 2, (7, 2), (8, 0)), label(3, 1, "word"), number(3, 2, 1.5)]
    assert rows_of(read(xls(records, formats=("0.0%", "000"), pad=pad))) == [
        ["25.6%", "007", "8"],
        ["word", "1.5", ""],
    ]


def test_hidden_rows_and_columns_of_an_old_workbook(read):
    records = [hidden_columns(1, 1), hidden_row(1)]
    records += [
        label(0, 0, "a"),
        label(0, 1, "secret"),
        label(0, 2, "b"),
        label(1, 0, "secret"),
        label(2, 0, "c"),
    ]
    document = read(xls(records))
    assert rows_of(document) == [["a", "b"], ["c", ""]]
    assert HIDDEN in document.warnings


def test_a_far_cell_of_an_old_workbook_is_refused_with_its_place(read):
    with pytest.raises(DocumentTooComplexError, match="row 65,536 and column 256"):
        read(xls([number(0, 0, 1), label(65_535, 255, "far")]))


def test_a_damaged_old_workbook_has_no_looks(tmp_path):
    content = xls([number(0, 0, 0.256, 1)], formats=("0.0%",))
    path = tmp_path / "book.xls"
    for at in range(0, len(content), 7):
        path.write_bytes(content[:at] + bytes((content[at] ^ 0xFF,)) + content[at + 1 :])
        looks, reach = xls_looks.read(path)
        assert len(looks) <= 1
        assert len(reach) <= 1


def test_sheets_that_share_their_records_have_no_looks(tmp_path):
    path = tmp_path / "book.xls"
    records = [number(at, 0, 0.256, 1) for at in range(500)]
    path.write_bytes(xls(records, formats=("0.0%",), names=("Plan",)))
    assert len(xls_looks.read(path)[0]["Plan"].codes) == 500
    path.write_bytes(xls(records, formats=("0.0%",), names=[f"Plan {one}" for one in range(20)]))
    assert xls_looks.read(path) == ({}, {})


def test_a_chain_of_sectors_that_never_ends_is_damage():
    content = bytearray(xls([number(0, 0, 1)]))
    # The stream's first sector follows itself.
    content[-512:-508] = bytes(4)
    with pytest.raises(ValueError, match="never ends"):
        compound.stream(bytes(content), "Workbook")


@needs_office
@pytest.mark.parametrize("kind", ["ods", "xls"])
def test_libreoffice_saves_what_is_shown_alike(tmp_path, kind):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Plan"
    sheet.append(["Name", "Price", "Date", "Time", "Hours", "Share", "Number", "Error", "Secret"])
    sheet.append(
        ["tea", 1234.5, dt.date(2026, 10, 1), dt.time(9, 5), dt.timedelta(hours=42), 0.256, 7, "=1/0", "s"]
    )
    codes = ("#,##0.00 [$€-407]", "d mmm yyyy", "h:mm AM/PM", "[h]:mm", "0.0%", "000")
    for place, code in zip("BCDEFG", codes, strict=True):
        sheet[f"{place}2"].number_format = code
    sheet.append(["wide", None, None, True, "two\nlines"])
    sheet.merge_cells("A3:C3")
    sheet.append(["secret"])
    sheet.row_dimensions[4].hidden = True
    sheet.column_dimensions["I"].hidden = True
    content = saved(book.save)
    expected = read_file(tmp_path, "book.xlsx", content)
    assert (
        "<td>1,234.50 €</td><td>1 Oct 2026</td><td>9:05 AM</td><td>42:00</td><td>25.6%</td>"
        in expected.lessons[0].html
    )
    made = read_file(tmp_path, f"book.{kind}", by_libreoffice(content, "xlsx", kind, PROGRAM))
    assert made.lessons == expected.lessons
    assert made.warnings == expected.warnings == [HIDDEN]
