"""PowerPoint presentations become lessons: sections, section headers, or one; and nothing on a slide is lost."""

import copy
import datetime as dt
import io
import re
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree
from pptx import Presentation
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches, Pt

from tests.content.documents import DATA
from tests.content.reading import read_file
from tests.corpus.material import png, saved, with_parts
from tms.content import archive, opc
from tms.content.errors import DocumentTooComplexError
from tms.content.pptx import charts

A = "http://schemas.openxmlformats.org/drawingml/2006/main"
FORMULA = (
    '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:a14="http://schemas.microsoft.com/office/drawing/2010/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"><mc:Choice Requires="a14"><a14:m><m:oMath>{}'
    "</m:oMath></a14:m></mc:Choice></mc:AlternateContent>"
)
TITLE, CONTENT, HEADER, BLANK = 0, 1, 2, 6
SECTIONS = (
    '<p:extLst xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"><p:ext uri="{521415D9-36F7-43E2-AB2F-B90AF26B5E84}">'
    '<p14:sectionLst xmlns:p14="http://schemas.microsoft.com/office/powerpoint/2010/main">%s</p14:sectionLst></p:ext></p:extLst>'
)
SECTION = '<p14:section name="{}" id="{{00000000-0000-0000-0000-00000000000{}}}"><p14:sldIdLst>{}</p14:sldIdLst></p14:section>'


@pytest.fixture
def deck():
    return Presentation()


def add(deck, layout, title="", body=""):
    slide = deck.slides.add_slide(deck.slide_layouts[layout])
    if title:
        slide.shapes.title.text = title
    if body:
        slide.placeholders[1].text = body
    return slide


@pytest.fixture
def read(tmp_path, deck):
    return lambda name="course.pptx": read_file(tmp_path, name, saved(deck.save))


def name_sections(deck, **sections):
    """`name=(first, last)`, slides counted from 1."""
    ids = [slide.slide_id for slide in deck.slides]
    written = "".join(
        SECTION.format(name, number, "".join(f'<p14:sldId id="{one}"/>' for one in ids[first - 1 : last]))
        for number, (name, (first, last)) in enumerate(sections.items())
    )
    deck.part._element.append(etree.fromstring(SECTIONS % written))


def test_named_sections_are_lessons(deck, read):
    for number in range(1, 5):
        add(deck, CONTENT, f"Slide {number} title", f"text {number}")
    name_sections(deck, Heat=(1, 1), Water=(2, 4))
    document = read()
    assert [lesson.title for lesson in document.lessons] == ["Heat", "Water"]
    assert document.lessons[1].html.startswith("<h2>Slide 2 title</h2><ul><li>text 2</li></ul><h2>Slide 3")
    assert (document.lessons[1].page_from, document.lessons[1].page_to) == (2, 4)


def test_section_headers_begin_lessons_and_the_title_page_names_the_course(deck, read):
    add(deck, TITLE, "Measures", "by Ada")
    add(deck, HEADER, "Heat", "what warms")
    add(deck, CONTENT, "Steam", "hot")
    add(deck, HEADER, "Water")
    add(deck, CONTENT, "Ice", "cold")
    document = read()
    assert document.title == "Measures"
    assert [lesson.title for lesson in document.lessons] == ["Heat", "Water"]
    assert document.lessons[0].html == "<p>what warms</p><h2>Steam</h2><ul><li>hot</li></ul>"
    assert "Left out before the first heading: by Ada" in document.warnings


def test_else_there_is_one_lesson_with_the_slides_as_its_parts(deck, read):
    add(deck, CONTENT, "Heat", "one")
    add(deck, CONTENT, "Heat", "two")
    add(deck, BLANK).shapes.add_textbox(0, 0, 1, 1).text_frame.text = "three"
    document = read()
    assert [lesson.title for lesson in document.lessons] == ["Heat"]
    assert (
        document.lessons[0].html == "<ul><li>one</li></ul><ul><li>two</li></ul><h2>Slide 3</h2><p>three</p>"
    )


def test_what_stands_on_a_slide(deck, read):
    slide = add(deck, CONTENT, "All", "first")
    frame = slide.placeholders[1].text_frame
    inner = frame.add_paragraph()
    inner.text, inner.level = "nested", 1
    table = slide.shapes.add_table(2, 2, 0, 0, Inches(2), Inches(1)).table
    for number, text in enumerate(("Name", "Degrees", "steam", "100")):
        table.cell(number // 2, number % 2).text = text
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 1, 1).text_frame.text = "in a group"
    picture = slide.shapes.add_picture(io.BytesIO(png(9, 9)), 0, 0)
    picture._element.nvPicPr.cNvPr.set("descr", "a grey square")
    run = slide.shapes.add_textbox(0, 0, 1, 1).text_frame.paragraphs[0].add_run()
    run.text, run.hyperlink.address, run.font.bold = "a link", "https://example.org/", True
    code = slide.shapes.add_textbox(0, 0, 1, 1).text_frame
    code.text = "if a < b:\n    print(a)"
    for paragraph in code.paragraphs:
        paragraph.runs[0].font.name = "Courier New"
    slide.notes_slide.notes_text_frame.text = "Say this aloud."
    html = read().lessons[0].html
    assert "<ul><li>first<ul><li>nested</li></ul></li></ul>" in html
    assert '<th scope="col">Name</th><th scope="col">Degrees</th></tr><tr><td>steam</td><td>100</td>' in html
    assert "<p>in a group</p>" in html
    assert '<img alt="a grey square" src="media:1">' in html
    assert 'href="https://example.org/"' in html
    assert "<strong>a link</strong>" in html
    assert "<pre><code>if a &lt; b:\n    print(a)</code></pre>" in html
    assert html.endswith("<details><summary>Notes</summary><p>Say this aloud.</p></details>")


def test_a_chart_is_the_table_of_its_figures(deck, read):
    data = CategoryChartData()
    data.categories = ["spring", "summer"]
    data.add_series("rain", (1.5, 2))
    add(deck, BLANK).shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 9999, 9999, data)
    html = read().lessons[0].html
    assert '<th scope="col">rain</th></tr><tr><th scope="row">spring</th><td>1.5</td></tr>' in html


DIAGRAM = (
    '<dgm:dataModel xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><dgm:ptLst><dgm:pt modelId="0" type="doc"><dgm:t/></dgm:pt>'
    '<dgm:pt modelId="1"><dgm:t><a:p><a:r><a:t>cause</a:t></a:r></a:p></dgm:t></dgm:pt>'
    '<dgm:pt modelId="2"><dgm:t><a:p><a:r><a:t>effect</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:ptLst><dgm:cxnLst>'
    '<dgm:cxn modelId="8" srcId="0" destId="1" srcOrd="0"/><dgm:cxn modelId="9" srcId="1" destId="2" srcOrd="0"/>'
    '<dgm:cxn modelId="7" srcId="2" destId="1" srcOrd="0"/></dgm:cxnLst></dgm:dataModel>'
)


def test_a_diagram_is_the_list_of_its_words_even_one_that_loops(deck, tmp_path):
    slide = add(deck, BLANK)
    slide.shapes._spTree.append(
        etree.fromstring(
            '<p:graphicFrame xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
            'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><p:nvGraphicFramePr><p:cNvPr id="9" name=""/>'
            "<p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr><a:graphic><a:graphicData uri='x'>"
            '<dgm:relIds xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
            'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:dm="rId77"/>'
            "</a:graphicData></a:graphic></p:graphicFrame>"
        )
    )
    content = saved(deck.save)
    rels = "ppt/slides/_rels/slide1.xml.rels"
    relation = (
        '<Relationship Id="rId77" Target="../diagrams/data1.xml" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/diagramData"/></Relationships>'
    )
    from tests.corpus.material import members  # noqa: PLC0415  beside its only use

    old = members(content)[rels].decode()
    changed = with_parts(
        content, **{rels: old.replace("</Relationships>", relation), "ppt/diagrams/data1.xml": DIAGRAM}
    )
    assert (
        "<ul><li>cause<ul><li>effect</li></ul></li></ul>"
        in read_file(tmp_path, "a.pptx", changed).lessons[0].html
    )


def diagram(points, connections):
    told = "".join(
        f'<dgm:pt modelId="{one}"><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>'
        for one, text in points.items()
    )
    led = "".join(
        f'<dgm:cxn modelId="c{above}-{below}" srcId="{above}" destId="{below}"/>'
        for above, below in connections
    )
    return etree.fromstring(
        '<dgm:dataModel xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" xmlns:a="http://schemas.'
        f'openxmlformats.org/drawingml/2006/main"><dgm:ptLst>{told}</dgm:ptLst><dgm:cxnLst>{led}</dgm:cxnLst></dgm:dataModel>'
    )


def test_points_of_a_diagram_thousands_deep_stand_beside_each_other():
    deep = charts.words_of(diagram({n: f"p{n}" for n in range(5000)}, [(n, n + 1) for n in range(4999)]))
    assert [item.text for item in deep.iter("li")] == [f"p{n}" for n in range(5000)]
    assert max(sum(1 for _ in item.iterancestors("ul")) for item in deep.iter("li")) == charts.DEEPEST


def test_a_title_of_two_lines_is_one_line_with_a_space(deck, read):
    add(deck, CONTENT, "Heat\vand cold", "one\vtwo")
    document = read()
    assert document.title == "Heat and cold"
    assert document.lessons[0].html == "<ul><li>one<br>two</li></ul>"


def test_numbers_of_lists_begin_where_they_do(deck, read):
    frame = add(deck, CONTENT, "Steps").placeholders[1].text_frame
    for text, start in (("one", None), ("two", None), ("five", "5"), ("six", "5")):
        paragraph = frame.paragraphs[0] if text == "one" else frame.add_paragraph()
        paragraph.text = text
        numbered = etree.SubElement(paragraph._p.get_or_add_pPr(), f"{{{A}}}buAutoNum", type="arabicPeriod")
        if start:
            numbered.set("startAt", start)
    assert (
        read().lessons[0].html
        == '<ol><li>one</li><li>two</li></ol><ol start="5"><li>five</li><li>six</li></ol>'
    )


def test_hidden_shapes_are_left_out_and_said_so(deck, read):
    slide = add(deck, CONTENT, "Heat", "shown")
    for text in ("secret", ""):
        box = slide.shapes.add_textbox(0, 0, 1, 1)
        box.text_frame.text = text
        box._element.nvSpPr.cNvPr.set("hidden", "1")
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 1, 1).text_frame.text = "secret"
    group._element.nvGrpSpPr.cNvPr.set("hidden", "1")
    document = read()
    assert document.lessons[0].html == "<ul><li>shown</li></ul>"
    assert "2 hidden passage(s) were left out" in document.warnings[0]


def test_the_number_of_the_slide_in_a_box_of_its_own_is_no_content(deck, read):
    slide = add(deck, CONTENT, "Heat", "shown")
    for before in ("", "Page ", "There are as many as "):
        paragraph = slide.shapes.add_textbox(0, 0, 1, 1).text_frame.paragraphs[0]
        if before:
            paragraph.add_run().text = before
        paragraph._p.append(
            etree.fromstring(f'<a:fld xmlns:a="{A}" id="{{0}}" type="slidenum"><a:t>7</a:t></a:fld>')
        )
    assert read().lessons[0].html == "<ul><li>shown</li></ul><p>There are as many as 7</p>"


def test_shapes_and_pictures_that_are_links(deck, read):
    slide = add(deck, BLANK)
    box = slide.shapes.add_textbox(0, 0, 1, 1)
    box.text_frame.text = "Look there."
    box.click_action.hyperlink.address = "https://example.org/a"
    picture = slide.shapes.add_picture(io.BytesIO(png(9, 9)), 0, 0)
    picture.click_action.hyperlink.address = "https://example.org/b"
    html = read().lessons[0].html
    assert re.search(r'<p><a href="https://example.org/a"[^>]*>Look there.</a></p>', html)
    # A file's name is no alternative text.
    assert re.search(r'<p><a href="https://example.org/b"[^>]*><img alt="" src="media:1"></a></p>', html)


def test_merged_cells(deck, read):
    table = add(deck, BLANK).shapes.add_table(3, 3, 0, 0, Inches(3), Inches(2)).table
    table.cell(0, 0).merge(table.cell(0, 1))
    table.cell(1, 0).merge(table.cell(2, 0))
    for (row, column), text in {(0, 0): "wide", (0, 2): "c", (1, 0): "tall", (2, 2): "end"}.items():
        table.cell(row, column).text = text
    html = read().lessons[0].html
    assert (
        '<th colspan="2" scope="col">wide</th><th scope="col">c</th></tr><tr><td rowspan="2">tall</td>'
        in html
    )
    assert html.endswith("<tr><td></td><td>end</td></tr></tbody></table>")


def test_a_chart_is_shown_with_its_titles_and_in_its_formats(deck, read):
    data = CategoryChartData(number_format="0%")
    data.categories = [dt.date(2026, 1, 1), dt.date(2026, 2, 1)]
    data.add_series("rain", (0.25, 0.5))
    drawn = add(deck, BLANK).shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 9999, 9999, data).chart
    drawn.has_title = True
    drawn.chart_title.text_frame.text = "Shares"
    for axis, title in ((drawn.value_axis, "of all"), (drawn.category_axis, "month")):
        axis.has_title = True
        axis.axis_title.text_frame.text = title
    html = read().lessons[0].html
    assert "<caption>Shares (of all)</caption>" in html
    assert '<th scope="col">month</th><th scope="col">rain</th>' in html
    assert (
        '<th scope="row">2026-01-01</th><td>25%</td></tr><tr><th scope="row">2026-02-01</th><td>50%</td>'
        in html
    )


def test_points_of_series_with_places_of_their_own(deck, read):
    data = XyChartData()
    for name, points in {"cold": ((1, 10), (2, 20)), "warm": ((1, 11), (3, 33))}.items():
        series = data.add_series(name)
        for point in points:
            series.add_data_point(*point)
    add(deck, BLANK).shapes.add_chart(XL_CHART_TYPE.XY_SCATTER, 0, 0, 9999, 9999, data)
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td>', read().lessons[0].html)
    assert rows == [("1", "10", ""), ("2", "20", ""), ("1", "", "11"), ("3", "", "33")]


@pytest.mark.parametrize(
    ("markup", "written"),
    [
        ("<m:func><m:fName>{sin}</m:fName><m:e>{x}</m:e></m:func>", "sin x"),
        ("<m:eqArr><m:e>{a=1}</m:e><m:e>{b=2}</m:e></m:eqArr>", "a=1; b=2"),
        ("<m:limLow><m:e>{lim}</m:e><m:lim>{n→0}</m:lim></m:limLow>", "lim_(n→0)"),
        ("<m:limUpp><m:e>{x}</m:e><m:lim>{y}</m:lim></m:limUpp>", "x^y"),
        ('<m:acc><m:accPr><m:chr m:val="→"/></m:accPr><m:e>{v}</m:e></m:acc>', "v\u20d7"),
        ("<m:acc><m:e>{x}</m:e></m:acc>", "x\u0302"),
        ('<m:bar><m:barPr><m:pos m:val="top"/></m:barPr><m:e>{x}</m:e></m:bar>', "x\u0305"),
        ("<m:sPre><m:sub>{6}</m:sub><m:sup>{14}</m:sup><m:e>{C}</m:e></m:sPre>", "_6^(14)C"),
    ],
)
def test_formulas_on_slides(deck, read, markup, written):
    text = re.sub(r"\{(.*?)\}", r"<m:r><m:t>\1</m:t></m:r>", markup)
    paragraph = add(deck, BLANK).shapes.add_textbox(0, 0, 1, 1).text_frame.paragraphs[0]._p
    paragraph.append(etree.fromstring(FORMULA.format(text)))
    assert read().lessons[0].html.endswith(f"<p>{written}</p>")


def test_what_all_slides_share_is_read_once(deck, read, monkeypatch):
    for number in range(40):
        add(deck, BLANK, "").shapes.add_picture(io.BytesIO(png(200, 200)), 0, 0).name = str(number)
    asked = Counter()
    of_archive = opc.OfficePackage.read

    def count(package, name):
        asked[name] += 1
        return of_archive(package, name)

    monkeypatch.setattr(opc.OfficePackage, "read", count)
    assert read().lessons[0].html.count("<img") == 40
    assert {name: times for name, times in asked.items() if times > 2} == {}


def test_thousands_of_references_to_one_large_part_are_refused(deck, read, monkeypatch):
    monkeypatch.setattr(archive, "READ_LIMIT", 200_000)
    data = CategoryChartData()
    data.categories = ["spring", "summer"]
    data.add_series("rain", (1.5, 2))
    frame = add(deck, BLANK).shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 9999, 9999, data)._element
    for _ in range(100):
        frame.addnext(copy.deepcopy(frame))
    with pytest.raises(DocumentTooComplexError):
        read()


def test_comments_are_counted(deck, tmp_path):
    add(deck, CONTENT, "Heat", "shown")
    comments = '<p:cmLst xmlns:p="x"><p:cm><p:text>a</p:text></p:cm><p:cm><p:text>b</p:text></p:cm></p:cmLst>'
    content = with_parts(saved(deck.save), **{"ppt/comments/comment1.xml": comments})
    assert "2 comment(s) of reviewers were left out." in read_file(tmp_path, "a.pptx", content).warnings


def boxes(deck, *lines, pictures=()):
    """A slide without placeholders: `(text, top in inches, size in points)` of each box, and pictures from `top` on."""
    slide = add(deck, BLANK)
    for text, top, size in lines:
        frame = slide.shapes.add_textbox(Inches(1), Inches(top), Inches(6), Inches(0.5)).text_frame
        frame.text = text
        frame.paragraphs[0].runs[0].font.size = size and Pt(size)
    for top in pictures:
        slide.shapes.add_picture(io.BytesIO(png(4, 4)), Inches(5), Inches(top), Inches(1), Inches(1))
    return slide


@pytest.mark.parametrize(
    ("lines", "pictures", "expected"),
    [
        # The order in the file says nothing; where it stands does.
        ([("Below it.", 3, None), ("Steam", 1, None)], (), "<h2>Steam</h2><p>Below it.</p>"),
        ([("Steam", 1, 32), ("Below it.", 3, 18)], (), "<h2>Steam</h2><p>Below it.</p>"),
        ([("Steam", 1, 32), ("Below it.", 3, 18)], (1,), "<h2>Steam</h2><p>Below it.</p><p><img"),
        # Letters tell more than places.
        ([("Chapter 3", 1, 12), ("Steam", 3, 32)], (), "<h2>Steam</h2><p>Chapter 3</p>"),
        ([("Steam", 1, 40)], (), "<h2>Steam</h2>"),
        # A sentence, letters that are little smaller, what stands beside it, a caption: none of these is a heading.
        ([("Water boils.", 1, None), ("Below it", 3, None)], (), "<h2>Slide 2</h2><p>Water boils.</p>"),
        ([("Steam", 1, 28), ("Words", 3, 30)], (), "<h2>Slide 2</h2><p>Steam</p>"),
        ([("Left", 1, None), ("Right", 1, None)], (), "<h2>Slide 2</h2><p>Left</p>"),
        ([("Of a boiler", 4, None), ("More", 6, None)], (1,), "<h2>Slide 2</h2><p>Of a boiler</p>"),
        ([("Alone", 1, None)], (), "<h2>Slide 2</h2><p>Alone</p>"),
        ([("x" * 101, 1, None), ("Below", 3, None)], (), "<h2>Slide 2</h2><p>xxx"),
    ],
)
def test_a_slide_without_a_title_is_called_by_the_line_above_all_else(deck, read, lines, pictures, expected):
    add(deck, TITLE, "Heat")
    boxes(deck, *lines, pictures=pictures)
    assert read().lessons[0].html.startswith(expected)


def test_what_every_slide_has_is_no_heading_and_hinders_none(deck, read):
    add(deck, TITLE, "Heat")
    slide = boxes(deck, ("Steam", 1, None), ("Below it.", 3, None))
    date = slide.shapes.add_textbox(Inches(1), Inches(0), Inches(2), Inches(0.5))
    date.text_frame.text = "1 October"
    date._element.nvSpPr.nvPr.append(
        etree.fromstring(
            '<p:ph xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" type="dt" idx="10"/>'
        )
    )
    assert read().lessons[0].html == "<h2>Steam</h2><p>Below it.</p>"


def test_hidden_slides_are_left_out_and_said_so(deck, read):
    add(deck, CONTENT, "Shown", "text")
    add(deck, CONTENT, "Secret", "text")._element.set("show", "0")
    document = read()
    assert "Secret" not in document.lessons[0].html
    assert "1 hidden slide(s) were left out; show them if students should see them." in document.warnings


def test_the_real_presentation(tmp_path):
    document = read_file(tmp_path, "loops.pptx", (Path(DATA) / "loops.pptx").read_bytes())
    assert [lesson.title for lesson in document.lessons] == ["Repeating Actions with Loops"]
    html = document.lessons[0].html
    assert [html.count(part) for part in ("<h2>", "<img", "<pre>", "<ol>")] == [2, 2, 27, 1]
    assert (document.lessons[0].page_from, document.lessons[0].page_to) == (1, 3)
