"""Workbooks and tables as text: each sheet that is shown becomes a lesson with a table."""

import datetime as dt
import time

import openpyxl
import pytest

from tests.content.reading import read_file
from tests.corpus.material import members, saved, with_parts
from tms.content.errors import DocumentTooComplexError


@pytest.fixture
def book():
    found = openpyxl.Workbook()
    found.active.title = "Figures"
    return found


@pytest.fixture
def read(tmp_path, book):
    return lambda: read_file(tmp_path, "book.xlsx", saved(book.save))


def test_each_sheet_is_a_lesson_with_a_head(book, read):
    book.active.append(["Name", "Degrees"])
    book.active.append(["steam", 100])
    book.create_sheet("More").append([1, 2.5])
    document = read()
    assert [lesson.title for lesson in document.lessons] == ["Figures", "More"]
    assert document.lessons[0].html == (
        '<table><tbody><tr><th scope="col">Name</th><th scope="col">Degrees</th></tr>'
        "<tr><td>steam</td><td>100</td></tr></tbody></table>"
    )
    assert "<td>1</td><td>2.5</td>" in document.lessons[1].html


def test_values_as_people_read_them(book, read):
    moment = dt.datetime(2026, 10, 1, 9, 30)  # noqa: DTZ001  workbooks know no time zones
    book.active.append([moment, dt.date(2026, 10, 1), True, 0.1 + 0.2, "a\nb", "<b>", "=1+1"])
    cells = read().lessons[0].html
    assert (
        "<td>2026-10-01 9:30:00</td><td>2026-10-01</td><td>TRUE</td><td>0.3</td><td>a<br>b</td><td>&lt;b&gt;</td>"
        in cells
    )
    assert "1+1" not in cells


def test_merged_cells_are_one(book, read):
    book.active["A1"] = "wide"
    book.active["A2"], book.active["B2"] = "left", "right"
    book.active.merge_cells("A1:B1")
    assert (
        '<th colspan="2" scope="col">wide</th></tr><tr><td>left</td><td>right</td>' in read().lessons[0].html
    )


def test_hidden_and_empty_sheets_are_left_out_and_said_so(book, read):
    book.active["A1"] = "shown"
    book.create_sheet("Secret")["A1"] = "secret"
    book["Secret"].sheet_state = "hidden"
    book.create_sheet("Nothing")
    document = read()
    assert [lesson.title for lesson in document.lessons] == ["Figures"]
    assert document.warnings == [
        "The sheet “Secret” is hidden and was left out.",
        "The sheet “Nothing” is empty and was left out.",
    ]


def test_a_long_and_wide_sheet_is_cut_and_said_so(book, read):
    for number in range(1100):
        book.active.append([number] * 60)
    document = read()
    assert document.lessons[0].html.count("<tr>") == 1000
    assert document.lessons[0].html.count("<td>") == 50_000
    assert len(document.warnings) == 2


def test_a_cell_far_away_is_refused_with_its_place(book, read):
    book.active["XFD1048576"] = 1
    with pytest.raises(DocumentTooComplexError, match="row 1,048,576"):
        read()


def test_a_sheet_that_a_program_named_is_called_as_its_file(book, read):
    book.active.title = "Tabelle1"
    book.active["A1"] = "text"
    assert read().lessons[0].title == "book"


def test_hidden_rows_and_columns_are_left_out_and_said_so(book, read):
    for line in (["a", "secret", "b"], ["secret"], ["c"], [None, None, "d"]):
        book.active.append(line)
    book.active.row_dimensions[2].hidden = True
    book.active.column_dimensions["B"].hidden = True
    book.active.merge_cells("A3:B4")
    document = read()
    assert "secret" not in document.lessons[0].html
    assert document.lessons[0].html.endswith(
        '<td rowspan="2">c</td><td></td></tr><tr><td>d</td></tr></tbody></table>'
    )
    assert "The sheet “Figures” has hidden rows or columns, which were left out" in document.warnings[0]


def with_areas(content, areas):
    """The workbook with these areas of merged cells in its first sheet, which its library would take minutes for."""
    sheet = members(content)["xl/worksheets/sheet1.xml"].decode()
    merged = "".join(f'<mergeCell ref="{area}"/>' for area in areas)
    changed = sheet.replace("</sheetData>", f"</sheetData><mergeCells>{merged}</mergeCells>")
    return with_parts(content, **{"xl/worksheets/sheet1.xml": changed})


def test_thousands_of_merged_cells_take_no_time(tmp_path, book):
    for _ in range(1000):
        book.active.append(["x"] * 50)
    pairs = zip("ACEGIKMOQSUWY", "BDFHJLNPRTVXZ", strict=True)
    areas = [f"{left}{row}:{right}{row}" for left, right in pairs for row in range(1, 1001)]
    content = with_areas(saved(book.save), areas)
    began = time.process_time()
    html = read_file(tmp_path, "book.xlsx", content).lessons[0].html
    # Each area against all others took many times as long.
    assert time.process_time() - began < 4
    assert html.count('colspan="2"') == 13_000


def test_of_areas_that_cover_each_other_the_first_counts(tmp_path, book):
    for _ in range(1000):
        book.active.append(["x"] * 50)
    content = with_areas(saved(book.save), ["B2:C2", *["C2:AX1000"] * 50_000])
    began = time.process_time()
    html = read_file(tmp_path, "book.xlsx", content).lessons[0].html
    assert time.process_time() - began < 4
    assert (html.count("colspan"), html.count("rowspan")) == (1, 0)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("sep=;\r\nName;Size\r\na,b;1\r\n", ["Name", "Size", "a,b", "1"]),
        ("1,5;2,5\n3,5;4,5\n", ["1,5", "2,5", "3,5", "4,5"]),
        ("sep=a\nb\n", ["sep=a", "b"]),
    ],
)
def test_separators(tmp_path, text, cells):
    html = read_file(tmp_path, "figures.csv", text.encode()).lessons[0].html
    assert all(f">{cell}</t" in html for cell in cells)
    assert html.count("</td>") + html.count("</th>") == len(cells)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_tables_as_text(tmp_path, encoding, separator):
    text = f'Größe{separator}Zahl\r\n"ält;er, so|o"{separator}1\r\n'
    html = read_file(tmp_path, "figures.csv", text.encode(encoding)).lessons[0].html
    assert '<th scope="col">Größe</th><th scope="col">Zahl</th>' in html
    assert "<td>ält;er, so|o</td><td>1</td>" in html


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp932", "名前,数\n日本語,1"),
        ("gb18030", "名称,数\n中文,1"),
        ("euc_kr", "이름,숫자\n한국어,1"),
        ("cp1251", "Имя,Число\nвода,1"),  # noqa: RUF001  Cyrillic is what it is about
        ("cp1252", "it’s “naïve”,1\ncafé,2"),  # noqa: RUF001  as typed by word processors
    ],
)
def test_encodings_that_do_not_say_so(tmp_path, encoding, text):
    html = read_file(tmp_path, "figures.csv", text.encode(encoding)).lessons[0].html
    assert all(f">{cell}</t" in html for line in text.split("\n") for cell in line.split(","))
