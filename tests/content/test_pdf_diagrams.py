"""Figures with words in them, kept as pictures whose alternative text the words are; and all that is drawn around text and is none."""

import re

import pytest

from tests.content.typesetting import BARS, FLOW, WORDS, html

PLOT = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 200"><rect width="300" height="200" fill="white"/>
<path d="M40 20 V160 H280" fill="none" stroke="black"/>
<path d="M40 160 L80 90 L120 110 L160 60 L200 75 L240 30 L280 35" fill="none" stroke="red"/>
<g font-family="Libertinus Serif" font-size="11"><text x="60" y="178">January</text><text x="160" y="178">June</text><text x="240" y="178">December</text>
<text x="14" y="164">0</text><text x="14" y="94">50</text><text x="14" y="24">100</text><text x="170" y="50">Degrees</text></g></svg>"""
PIE = (
    "box(width: 6cm, height: 4cm)[\n"
    "#place(curve(fill: red, curve.move((2cm, 2cm)), curve.line((2cm, 0cm)), curve.cubic((3cm, 0cm), (4cm, 1cm), (4cm, 2cm)), curve.close()))\n"
    "#place(curve(fill: aqua, curve.move((2cm, 2cm)), curve.line((4cm, 2cm)), curve.cubic((4cm, 4cm), (0cm, 4.6cm), (0cm, 2cm)), "
    "curve.cubic((0cm, 1cm), (1cm, 0cm), (2cm, 0cm)), curve.close()))\n"
    "#place(dx: 2.4cm, dy: 1cm, text(8pt)[a quarter])\n#place(dx: 1cm, dy: 2.2cm, text(8pt)[the rest])\n]"
)


def words_of(alternative):
    return sorted(alternative.split(", "))


def read_figure(typeset, figure, caption="How it goes"):
    """The alternative text; all else is what it was."""
    document = typeset(f"= One\n{WORDS}\n\n#figure({figure}, caption: [{caption}])\n\n{WORDS}")
    found = re.fullmatch(
        f'<p>{WORDS.strip()}</p><p><img src="media:1" alt="([^"]*)"></p><p>Figure 1: {caption}</p><p>{WORDS.strip()}</p>',
        html(document),
    )
    assert found, html(document)
    return found[1]


def test_a_flow_chart(typeset):
    assert words_of(read_figure(typeset, FLOW)) == [
        "Check the stock",
        "Order",
        "Send goods",
        "in stock",
        "new",
    ]


def test_a_bar_chart_with_the_labels_of_its_axes(typeset):
    assert words_of(read_figure(typeset, BARS)) == sorted(
        ["0", "2", "4", "6", "North", "South", "East", "West", "Tons sold"]
    )


def test_a_bar_chart_that_lies(typeset):
    lying = (
        "box(width: 9cm, height: 4cm)[\n"
        '#for (i, n) in ("North", "South", "East").enumerate() {\n'
        "  place(dx: 1.5cm, dy: i * 1.2cm, rect(width: (3, 7, 5).at(i) * 1cm, height: .8cm, fill: blue))\n"
        "  place(dx: .3cm, dy: .3cm + i * 1.2cm, text(8pt, n)) }\n"
        "#place(dx: 1.5cm, line(angle: 90deg, length: 3.6cm))\n]"
    )
    assert words_of(read_figure(typeset, lying)) == ["East", "North", "South"]


def test_a_plot_from_another_program(tmp_path, typeset):
    (tmp_path / "plot.svg").write_text(PLOT)
    found = read_figure(typeset, 'image("plot.svg", width: 8cm)')
    assert words_of(found) == sorted(["January", "June", "December", "0", "50", "100", "Degrees"])


def test_a_pie(typeset):
    assert words_of(read_figure(typeset, PIE)) == ["a quarter", "the rest"]


def test_the_alternative_text_of_the_file_comes_before_the_words(tmp_path, typeset):
    (tmp_path / "plot.svg").write_text(PLOT)
    assert read_figure(typeset, 'image("plot.svg", width: 8cm, alt: "A curve")').startswith("A curve (")


def test_charts_side_by_side_are_one_figure(tmp_path, typeset):
    (tmp_path / "plot.svg").write_text(PLOT.replace('<rect width="300" height="200" fill="white"/>', ""))
    found = read_figure(
        typeset, 'grid(columns: 2, image("plot.svg", width: 5cm), image("plot.svg", width: 5cm))'
    )
    assert words_of(found).count("Degrees") == 2


def test_the_picture_holds_the_labels_beside_it(typeset):
    document = typeset(f"= One\n{WORDS}\n\n#{BARS}\n\n{WORDS}")
    (picture,) = document.pictures
    # Two pixels for each point of 8.4 x 4.5 cm.
    assert 455 <= picture.width <= 485
    assert 255 <= picture.height <= 275


def test_words_of_a_drawing_that_comes_back_on_all_pages_stay_text(typeset):
    page = f"#page[\n{WORDS}\n\n#place(bottom)[#{FLOW}]]\n"
    document = typeset(f"= One\n{page * 3}")
    assert document.pictures == []
    assert html(document).count("in stock") == 3


def test_other_words_at_the_same_place_of_all_pages_are_other_figures(typeset):
    pages = [
        f"#page[\n{WORDS}\n\n#place(bottom)[#{FLOW.replace('Order', word)}]]\n"
        for word in ("One", "Two", "Six")
    ]
    document = typeset(f"= One\n{''.join(pages)}")
    assert len(document.pictures) == 3


def test_words_of_a_drawing_on_a_picture_stay_text(typeset):
    document = typeset(f'= One\n{WORDS}\n\n#box[#place(image("grey.png", width: 9cm))#{FLOW}]')
    assert len(document.pictures) == 1
    assert "Send goods" in html(document)


ICON = "box(circle(radius: 6pt, stroke: blue)[#align(center + horizon)[#text(7pt)[i]]])"
TEXTS = {
    "a table with rules": "#table(columns: 3, [nut], [3], [steel], [bolt], [4], [brass], [pin], [5], [tin])",
    "a table with grounds": "#table(columns: 3, stroke: none, fill: (x, y) => if calc.odd(y) { silver } else { aqua }, [nut], [3], [steel], [bolt], [4], [brass], [pin], [5], [tin])",
    "a table with rows of many heights": "#table(columns: 2, fill: silver, [nut], [one \\\n two \\\n three], [bolt], [four], [pin], [five \\\n six])",
    "a table with empty cells": "#table(columns: (1cm, 2cm, 3cm, 4cm), fill: (x, y) => if x > 0 { silver }, [a], [], [], [], [b], [], [c], [], [d], [], [], [e])",
    "a table with drawn marks": "#table(columns: 3, [nut], [#curve(stroke: green, curve.move((0pt, 3pt)), curve.line((3pt, 6pt)), curve.line((9pt, 0pt)))], [steel], [bolt], [#circle(radius: 4pt)], [brass], [pin], [], [tin])",
    "a table on a drawn ground": "#block[#place(curve(fill: silver, curve.move((0pt, 0pt)), curve.cubic((90pt, 40pt), (30pt, 80pt), (200pt, 70pt)), curve.line((150pt, 0pt)), curve.close()))#table(columns: 3, [nut], [3], [steel], [bolt], [4], [brass], [pin], [5], [tin])]",
    "a boxed paragraph": f"#rect[{WORDS}]",
    "a boxed paragraph with round corners": f"#rect(radius: 6pt, fill: silver)[{WORDS}]",
    "boxes below each other": f"#rect(radius: 4pt)[{WORDS}]\n#v(-8pt)\n#rect(radius: 4pt)[{WORDS}]",
    "boxes side by side": "#grid(columns: 3, gutter: 4pt, rect(height: 2cm)[Low], rect(height: 3cm)[Middle], rect(height: 4cm)[High and so on])",
    "boxes with a rule between": "#grid(columns: 3, gutter: 4pt, rect[Left], line(angle: 90deg, length: 1cm), rect[Right])",
    "a single box with a word": "#rect(radius: 4pt)[Remember]",
    "code on a ground": "#block(fill: silver, radius: 4pt, inset: 6pt)[```\nfor x in y:\n    print(x)\n```]",
    "a highlighted sentence": f"Some. #highlight[{WORDS}] More.",
    "underlined words": f"#underline[{WORDS}] and #strike[others]",
    "a callout": f"#block(fill: aqua, radius: 4pt, inset: 6pt)[#{ICON} *Note* {WORDS}]",
    "a callout with a bar": f"#block(stroke: (left: 4pt + blue), inset: 6pt)[#{ICON} Take care.]",
    "a banner": "#block[#place(polygon(fill: aqua, (0cm, 0cm), (6cm, 0cm), (6.5cm, .6cm), (6cm, 1.2cm), (0cm, 1.2cm), (.4cm, .6cm)))#pad(6pt, text(14pt)[1 #h(1cm) A heading])]",
    "a sentence over a drawing": f"#block[#place(curve(stroke: red, curve.move((0pt, 0pt)), curve.cubic((90pt, 40pt), (30pt, 80pt), (200pt, 20pt))))#box(width: 7cm)[{WORDS}]]",
    "lines to write on": "Name: #box(width: 4cm, stroke: (bottom: 1pt))\n\nTown: #box(width: 4cm, stroke: (bottom: 1pt))\n\n#rect(width: 3cm)[Signed]",
    "a formula": '$ sqrt(frac(a + b, c + d)) + cancel(x y z) + overbrace(a + b, "sum") $',
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_drawn_around_text_is_no_figure(typeset, tmp_path, name):
    document = typeset(f"= One\nBefore.\n\n{TEXTS[name]}\n\nAfter.")
    assert "<img" not in html(document)
    shown = re.sub(r"<[^>]*>", " ", html(document))
    sources = re.findall(r"\[([^][#]*)\]", TEXTS[name])
    assert [word for text in sources for word in re.findall(r"[a-zA-Z]{2,}", text) if word not in shown] == []


def test_a_title_page_on_a_drawn_ground_is_no_figure(typeset):
    ground = "#place(curve(fill: aqua, curve.move((0pt, 0pt)), curve.cubic((60pt, 50pt), (40pt, 90pt), (150pt, 110pt)), curve.line((190pt, 0pt)), curve.close()))#place(dx: 150pt, circle(radius: 30pt))"
    document = typeset(f"#page[{ground}#text(26pt)[Measures]\n\n#text(26pt)[A course]]\n= One\n{WORDS}")
    assert document.pictures == []
    assert "Measures" in str(document)


def test_a_border_around_the_page_is_no_figure(typeset):
    border = "#set page(background: rect(width: 90%, height: 90%, radius: 9pt))\n"
    document = typeset(f"{border}= One\n{WORDS}\n\nShort.")
    assert html(document) == f"<p>{WORDS.strip()}</p><p>Short.</p>"


def test_a_border_is_no_hindrance_to_a_figure(typeset):
    border = "#set page(background: rect(width: 90%, height: 90%, radius: 9pt))\n"
    document = typeset(f"{border}= One\n{WORDS}\n\n#{FLOW}\n\n{WORDS}")
    assert len(document.pictures) == 1
