"""Figures that a PDF draws with lines and areas: kept as pictures where no words stand in them; all else that is drawn is none."""

import pytest

from tests.content.documents import read
from tests.content.typesetting import WORDS, html, objects
from tms.content.sniff import Kind

CURVE = (
    "#box(width: 5cm, height: 3cm)["
    "#place(curve(stroke: red, curve.move((0pt, 60pt)), curve.cubic((20pt, 0pt), (60pt, 90pt), (120pt, 5pt))))"
    "#place(line(end: (0pt, 70pt)))#place(line(start: (0pt, 70pt), end: (130pt, 70pt)))]"
)


def test_a_figure_stands_where_it_was_drawn(typeset):
    document = typeset(f"= One\nBefore.\n\n{CURVE}\n\nAfter.")
    assert html(document) == '<p>Before.</p><p><img src="media:1" alt=""></p><p>After.</p>'
    # With its axes, and with the points that bend the curve, at two pixels for each point.
    picture = document.pictures[0]
    assert picture.content_type == "image/png"
    assert 260 <= picture.width <= 270
    assert 180 <= picture.height <= 190


def test_a_drawing_keeps_its_alternative_text(typeset, tmp_path):
    (tmp_path / "star.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 60"><path d="M30 5 L37 23 L56 23 L41 35 L47 54 L30 43 L13 54 L19 35 L4 23 L23 23 Z"/></svg>'
    )
    document = typeset('= One\nBefore.\n\n#image("star.svg", width: 3cm, alt: "A star")\n\nAfter.')
    assert html(document) == '<p>Before.</p><p><img src="media:1" alt="A star"></p><p>After.</p>'


@pytest.mark.parametrize(
    "drawn",
    [
        "#line(length: 100%)",
        "#block(fill: silver, radius: 5pt, inset: 6pt)[Words in a box.]",
        "#table(columns: 2, [a], [b], [c], [d])",
        "#rect(width: 3cm, height: 2cm)",
        "#circle(radius: 3pt, fill: blue)",
        "#underline[Words] and #strike[others]",
        '#box(stroke: red, image("grey.png", width: 3cm))',
        "#box(width: 4cm, height: 3cm, fill: white, radius: 4pt)",
    ],
)
def test_what_is_drawn_beside_figures(typeset, drawn):
    document = typeset(f"= One\nBefore.\n\n{drawn}\n\nAfter.")
    assert html(document).count("<img") == drawn.count("image(")


def test_a_drawn_logo_on_all_pages_is_no_figure(typeset):
    logo = "#set page(background: place(top + left, circle(radius: 20pt, fill: red)))\n"
    document = typeset(f"{logo}= One\n{WORDS}\n#pagebreak()\n" + f"{WORDS}\n#pagebreak()\n" * 4)
    assert document.pictures == []


def test_many_separate_dots_are_an_ornament(tmp_path):
    dots = "".join(
        f"{x} {y} m {x + 9} {y + 4} {x + 4} {y + 9} {x} {y + 9} c f\n"
        for x in range(0, 600, 20)
        for y in range(0, 600, 20)
    )
    content = f"{dots}BT /F1 12 Tf 1 0 0 1 50 700 Tm (Some words) Tj ET"
    path = tmp_path / "dots.pdf"
    path.write_bytes(
        objects(
            "<</Type/Catalog/Pages 2 0 R>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R"
            "/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
            f"<</Length {len(content)}>>stream\n{content}\nendstream",
        )
    )
    assert html(read(path, tmp_path, kind=Kind.PDF)) == "<p>Some words</p>"
