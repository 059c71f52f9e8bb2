"""Cells of workbooks as people see them: number formats of figures and of moments."""

import datetime as dt

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.content.reading import read_file
from tests.corpus.material import saved
from tms.content.tables import figures, xlsx_looks

ACCOUNTS = r'_(* #,##0.00_);_(* \(#,##0.00\);_(* "-"??_);_(@_)'
AT = dt.datetime(2026, 10, 1, 9, 5, 7)  # noqa: DTZ001  workbooks know no time zones


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (0.256, "0%", "26%"),
        (0.256, "0.0%", "25.6%"),
        (-0.05, "0 %", "-5 %"),
        (1234567.891, "#,##0", "1,234,568"),
        (1234567.891, "#,##0.00", "1,234,567.89"),
        (12, "#,##0", "12"),
        (999.999, "#,##0.00", "1,000.00"),
        (1234.5, "#,##0.00 [$€-407]", "1,234.50 €"),
        (1234.5, '#,##0.00 "kr"', "1,234.50 kr"),
        (1234.5, "€ #,##0.00", "€ 1,234.50"),
        (-1234.5, "[$$-409]#,##0.00", "-$1,234.50"),
        (-1234.5, "$#,##0.00;[Red]($#,##0.00)", "($1,234.50)"),
        (1234.5, ACCOUNTS, "1,234.50"),
        (-1234.5, ACCOUNTS, "(1,234.50)"),
        (0, ACCOUNTS, "-"),
        (7, "000", "007"),
        (12345678, "000-00-0000", "012-34-5678"),
        (1234567890, "(###) ###-####", "(123) 456-7890"),
        (1234567, "0.0,,", "1.2"),
        (1234567, '#,##0,"k"', "1,235k"),
        (123456, "0.00E+00", "1.23E+05"),
        (0.00012, "0.0E-0", "1.2E-4"),
        (5, '0 "days"', "5 days"),
        (5, r"0 \d\a\y\s", "5 days"),
        (3.1, "0.0#", "3.1"),
        (3, "#.##", "3"),
        (0.5, "#.##", ".5"),
        # Halves go away from zero, as in a spreadsheet, not to the even one.
        (2.5, "0", "3"),
        (1.005, "0.00", "1.01"),
        (-0.001, "0.00", "0.00"),
        (1, '"Yes";"No"', "Yes"),
        (-1, '"Yes";"No"', "No"),
        (5, ";;;", ""),
        (1e20, "#,##0", "100,000,000,000,000,000,000"),
    ],
)
def test_numbers(value, code, shown):
    assert figures.written(value, code) == shown


@pytest.mark.parametrize("code", ["General", "@", "# ?/?", "[>=100]0;0.0", "0" * 300, "[DBNum1]0", "yyyy"])
def test_formats_that_are_not_told(code):
    assert figures.written(5, code) is None


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("d mmm yyyy", "1 Oct 2026"),
        ("dd.mm.yyyy", "01.10.2026"),
        ("m/d/yy h:mm", "10/1/26 9:05"),
        ("dddd, d mmmm", "Thursday, 1 October"),
        ("ddd d mmm", "Thu 1 Oct"),
        ("mmmmm", "O"),
        ("h:mm AM/PM", "9:05 AM"),
        ("hh:mm;@", "09:05"),
        ("mm:ss.0", "05:07.0"),
        (r"yyyy\-mm\-dd", "2026-10-01"),
        ('yyyy"年"m"月"d"日"', "2026年10月1日"),
        ("[$-409]d. mmmm yyyy", "1. October 2026"),
        ("[$-407]dd.mm.yyyy", "01.10.2026"),
        # Names in another language, the machine's own order, other calendars: as ISO 8601 writes them.
        ("[$-407]d. mmmm yyyy", None),
        ("[$-F800]dddd, mmmm dd, yyyy", None),
        ("ggge", None),
        ("General", None),
        ("0.00", None),
    ],
)
def test_moments(code, shown):
    assert figures.written(AT, code) == shown


def test_durations_and_times_of_day():
    assert figures.written(dt.timedelta(days=1, hours=18, minutes=5), "[h]:mm") == "42:05"
    assert figures.written(dt.timedelta(minutes=90), "[mm]:ss") == "90:00"
    assert figures.written(dt.time(0, 30), "h:mm AM/PM") == "12:30 AM"
    assert figures.written(dt.date(2026, 1, 2), "d/m/yyyy") == "2/1/2026"


codes = st.text(st.sampled_from(list('0#?.,%;E+-/@_*\\"[]$ymdhs AP€()')), max_size=30) | st.text(max_size=40)
values = (
    st.floats()
    | st.integers()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.timedeltas(min_value=dt.timedelta(0), max_value=dt.timedelta(days=100_000))
)


@given(values, codes)
@settings(max_examples=1000, deadline=None)
def test_whatever_a_format_says(value, code):
    shown = figures.written(value, code)
    assert shown is None or (isinstance(shown, str) and len(shown) < 2000)


def test_in_a_workbook(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Plan"
    # Not from the first cell on, so that places are counted from where the table begins.
    cells = {
        "C4": (0.5, "0%"),
        "D4": (1234567.5, "#,##0.00 [$€-407]"),
        "E4": (dt.date(2026, 10, 1), "d mmm yyyy"),
        "C5": ("text", "0%"),
        "D5": (12, "General"),
        "E5": (True, "0%"),
        "C6": (AT, "mm-dd-yy"),
        "D6": (dt.time(9, 30), "h:mm AM/PM"),
        "E6": (0.075, "# ?/?"),
    }
    for place, (value, code) in cells.items():
        book.active[place] = value
        book.active[place].number_format = code
    book.create_sheet("Other")["A1"] = 0.5
    first, other = read_file(tmp_path, "book.xlsx", saved(book.save)).lessons
    assert "<td>50%</td><td>1,234,567.50 €</td><td>1 Oct 2026</td>" in first.html
    assert "<td>text</td><td>12</td><td>TRUE</td>" in first.html
    # The fourteenth format is the machine's own order of day and month, which a page cannot know.
    assert "<td>2026-10-01 09:05:07</td><td>9:30 AM</td><td>0.075</td>" in first.html
    assert "<td>0.5</td>" in other.html


def test_beyond_measure_cells_are_shown_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(xlsx_looks, "CELLS_LIMIT", 2)
    book = openpyxl.Workbook()
    for row in range(1, 7):
        book.active.cell(row, 1, row / 10).number_format = "0%"
    html = read_file(tmp_path, "book.xlsx", saved(book.save)).lessons[0].html
    assert [cell.partition("<")[0] for cell in html.split("<td>")[1:]] == [
        "10%",
        "20%",
        "30%",
        "40%",
        "0.5",
        "0.6",
    ]
