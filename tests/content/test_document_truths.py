"""The two real documents come out whole: every heading, code paragraph, table, picture and word."""

import html as entities
import re
import zipfile
from collections import Counter

import pytest
from lxml import etree
from lxml import html as lxml_html

from tests.content.documents import DATA, W, read

BASICS = [
    "Python Fundamentals",
    "Analyzing Patient Data",
    "Storing Multiple Values in Lists",
    "Repeating Actions with Loops",
    "Making Choices",
    "Creating Functions",
]
DATABASES = [
    "Selecting Data",
    "Sorting and Removing Duplicates",
    "Filtering",
    "Calculating New Values",
    "Missing Data",
    "Aggregation",
    "Combining Data",
    "Data Hygiene",
    "Creating and Modifying Data",
]


@pytest.fixture(scope="module")
def basics(tmp_path_factory):
    return read(DATA / "python-basics.docx", tmp_path_factory.mktemp("basics"))


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    return read(DATA / "databases.docx", tmp_path_factory.mktemp("databases"))


def tree(document):
    return lxml_html.fromstring(f"<div>{''.join(lesson.html for lesson in document.lessons)}</div>")


def source_paragraphs(name, *styles):
    """The text of each paragraph of the source that has one of the styles; all paragraphs if none is named."""
    with zipfile.ZipFile(DATA / name) as archive:
        root = etree.fromstring(archive.read("word/document.xml"))
    for paragraph in root.iter(f"{{{W}}}p"):
        style = paragraph.find(f"{{{W}}}pPr/{{{W}}}pStyle")
        own = None if style is None else style.get(f"{{{W}}}val")
        if not styles or own in styles:
            yield (
                own,
                "".join(
                    "\n" if element.tag == f"{{{W}}}br" else element.text or ""
                    for element in paragraph.iter(f"{{{W}}}t", f"{{{W}}}br")
                ),
            )


def words_of_source(name):
    return Counter(
        word
        for style, text in source_paragraphs(name)
        if style != "Heading1"
        for word in re.findall(r"\w+", text)
    )


def words_of(document):
    markup = "".join(lesson.html for lesson in document.lessons)
    spaced = re.sub(r"</?(p|li|td|th|pre|h\d|figcaption|ul|ol|br)\b", r" \g<0>", markup)
    return Counter(re.findall(r"\w+", entities.unescape(re.sub(r"<[^>]*>", "", spaced))))


def test_lessons_in_order(basics, databases):
    assert [lesson.title for lesson in basics.lessons] == BASICS
    assert [lesson.title for lesson in databases.lessons] == DATABASES


def test_sub_headings(basics, databases):
    assert len(tree(basics).findall(".//h2")) == 96
    assert len(tree(databases).findall(".//h2")) == 55
    assert tree(basics).find(".//h1") is None


@pytest.mark.parametrize(
    ("name", "fixture", "count"),
    [("python-basics.docx", "basics", 285), ("databases.docx", "databases", 113)],
)
def test_every_paragraph_of_code_with_its_lines(name, fixture, count, request):
    document = request.getfixturevalue(fixture)
    found = [block.text_content() for block in tree(document).findall(".//pre")]
    expected = [text for _, text in source_paragraphs(name, "SourceCode")]
    assert len(found) == count
    assert found == expected
    assert all([child.tag for child in block] == ["code"] for block in tree(document).findall(".//pre"))


def test_every_picture(basics, databases):
    assert Counter(picture.content_type for picture in basics.pictures) == {
        "image/png": 8,
        "image/svg+xml": 7,
    }
    assert [lesson.pictures for lesson in basics.lessons] == [
        [1, 2, 3],
        [4, 5],
        [6, 7, 8, 9],
        [10, 11],
        [12, 13, 14],
        [15],
    ]
    addresses = [picture.get("src") for picture in tree(basics).findall(".//img")]
    assert addresses == [f"media:{number}" for number in range(1, 16)]
    assert Counter(picture.content_type for picture in databases.pictures) == {"image/png": 4}


def test_every_table(databases):
    tables = tree(databases).findall(".//table")
    assert len(tables) == 75
    assert sum(table.find("thead") is not None for table in tables) == 74
    first = tables[0]
    assert [cell.text for cell in first.findall(".//th")] == ["id", "personal", "family"]
    assert [cell.text for cell in first.findall(".//tbody/tr")[0]] == ["dyer", "William", "Dyer"]


def test_no_word_is_lost_and_none_is_added(basics, databases):
    assert words_of(databases) == words_of_source("databases.docx")
    formula = Counter({"ax": 1, "bx": 1, "cx": 1, "0": 1, "1": 1, "2": 1})
    assert words_of(basics) == words_of_source("python-basics.docx") + formula


def test_what_an_author_is_told(basics):
    assert basics.warnings == [
        "44 link(s) lead neither to a web page nor to an e-mail address; their text was kept.",
        "14 picture(s) have no alternative text for people who cannot see them.",
    ]
    assert [lesson.minutes for lesson in basics.lessons] == [11, 19, 10, 8, 10, 20]
