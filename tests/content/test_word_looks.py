"""Word documents without Word's own headings, and what else people put into them: diagrams, printed contents, macros."""

import docx as python_docx
import pytest
from docx.shared import Pt

from tests.content.documents import pack, paragraph, parts, read, read_body, relations
from tms.content.lessons.document import LOOKED, NUMBERED
from tms.content.sniff import Kind

RELS = "word/_rels/document.xml.rels"
LONG = "An ordinary paragraph that goes on for a while and ends with a full stop, as most do. "


def bold(text, size=None):
    properties = "<w:b/>" + (f'<w:sz w:val="{size}"/>' if size else "")
    return f"<w:p><w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r></w:p>"


def titles(document):
    return [lesson.title for lesson in document.lessons]


def test_bold_lines_are_headings_where_there_are_no_others(tmp_path):
    document = read_body(tmp_path, bold("One") + paragraph(LONG) + bold("Two") + paragraph(LONG))
    assert titles(document) == ["One", "Two"]
    assert {lesson.confidence for lesson in document.lessons} == {LOOKED}


def test_larger_lines_rank_above_bold_ones_and_the_first_of_all_is_the_title(tmp_path):
    body = bold("The whole", 40)
    for chapter in ("One", "Two"):
        body += bold(chapter, 32) + paragraph(LONG) + bold("Detail") + paragraph(LONG)
    document = read_body(tmp_path, body)
    assert document.title == "The whole"
    assert titles(document) == ["One", "Two"]
    assert document.lessons[0].html == f"<p>{LONG}</p><h2>Detail</h2><p>{LONG}</p>"


def test_sizes_that_styles_give(tmp_path):
    document = python_docx.Document()
    style = document.styles.add_style("Loud", 1)
    style.font.size = Pt(18)
    for name in ("One", "Two"):
        document.add_paragraph(name, style=style)
        document.add_paragraph(LONG)
    document.save(tmp_path / "x.docx")
    assert titles(read(tmp_path / "x.docx", tmp_path)) == ["One", "Two"]


@pytest.mark.parametrize(
    "body",
    [
        bold("Only one bold line") + paragraph(LONG) * 3,
        bold("A bold sentence ends with a stop.") + bold("So does this one.") + paragraph(LONG),
        bold("All of it") + bold("is bold") + bold("from the first to the last") + bold("line"),
        f"<w:tbl><w:tr><w:tc>{bold('Head')}</w:tc><w:tc>{bold('Head 2')}</w:tc></w:tr></w:tbl>"
        + paragraph(LONG),
    ],
    ids=["one", "sentences", "everything", "cells"],
)
def test_what_is_bold_for_other_reasons(tmp_path, body):
    assert titles(read_body(tmp_path, body)) == ["made"]


def test_real_headings_rule_out_looks(tmp_path):
    body = paragraph("Real", "Heading1") + bold("Bold") + paragraph(LONG) + bold("Bold too") + paragraph(LONG)
    document = read_body(tmp_path, body)
    assert titles(document) == ["Real"]
    assert document.lessons[0].confidence == 1


def test_numbered_lines_are_headings_where_nothing_stands_out(tmp_path):
    body = "".join(paragraph(text) + paragraph(LONG) for text in ("Chapter 1 Start", "Chapter 2 Goal"))
    document = read_body(tmp_path, body)
    assert titles(document) == ["Chapter 1 Start", "Chapter 2 Goal"]
    assert {lesson.confidence for lesson in document.lessons} == {NUMBERED}


def test_the_words_of_a_diagram_are_kept(tmp_path):
    drawing = (
        "<w:p><w:r><w:t>Before</w:t><w:drawing><wp:inline><a:graphic><a:graphicData>"
        '<dgm:relIds xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" r:dm="rId5" r:lo="rId6"/>'
        "</a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>"
    )
    points = "".join(
        f"<dgm:pt><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>"
        for text in ("Plan", "Do &lt;b&gt;")
    )
    data = (
        '<dgm:dataModel xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
        f'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><dgm:ptLst>{points}</dgm:ptLst></dgm:dataModel>'
    )
    document = read_body(
        tmp_path,
        drawing,
        **{RELS: relations(rId5=("diagramData", "diagrams/data1.xml")), "word/diagrams/data1.xml": data},
    )
    assert document.lessons[0].html == "<p>Before</p><p>Plan</p><p>Do &lt;b&gt;</p>"


def test_contents_that_are_a_field(tmp_path):
    def field(kind):
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    body = (
        f"<w:p>{field('begin')}<w:r><w:instrText> TOC \\o 1-3 </w:instrText></w:r>{field('separate')}<w:r><w:t>One 1</w:t></w:r></w:p>"
        f"<w:p>{field('begin')}<w:r><w:instrText>PAGEREF x</w:instrText></w:r>{field('end')}<w:r><w:t>Two 2</w:t></w:r></w:p>"
        f"<w:p>{field('end')}</w:p>"
    )
    document = read_body(tmp_path, body + paragraph("One", "Heading1") + paragraph("a"))
    assert titles(document) == ["One"]
    assert document.lessons[0].html == "<p>a</p>"


def test_a_field_that_never_ends_takes_nothing_along(tmp_path):
    body = (
        '<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>TOC</w:instrText></w:r></w:p>'
        + paragraph("One", "Heading1")
        + paragraph("a")
    )
    assert titles(read_body(tmp_path, body)) == ["One"]


def test_contents_with_leaders(tmp_path):
    lines = "".join(paragraph(f"Chapter {number} .......... {number}") for number in range(1, 5))
    document = read_body(tmp_path, lines + paragraph("One", "Heading1") + paragraph("a ...... 3"))
    assert titles(document) == ["One"]
    assert document.lessons[0].html == "<p>a ...... 3</p>"


def test_macros_are_left_out_and_said_so(tmp_path):
    path = pack(tmp_path / "x.docm", parts(paragraph("Text")))
    assert read(path, tmp_path, kind=Kind.DOCM).warnings == [
        "The document contains macros; they were left out."
    ]
    assert read(path, tmp_path, kind=Kind.DOCX).warnings == []


def test_what_each_lesson_lacks_is_said_beside_it(tmp_path):
    body = paragraph("Same", "Heading1") + paragraph("a") + paragraph("Same", "Heading1")
    first, second = read_body(tmp_path, body).lessons
    assert first.warnings == ["Another lesson has the same title."]
    assert second.warnings == ["Another lesson has the same title.", "This lesson is empty."]


def test_the_level_is_that_of_the_heading(tmp_path):
    document = read_body(tmp_path, paragraph("a") + paragraph("One", "Heading2") + paragraph("b"))
    assert [(lesson.title, lesson.level) for lesson in document.lessons] == [("Introduction", 1), ("One", 2)]
    assert document.lessons[1].page_from is None
