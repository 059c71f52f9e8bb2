"""Footnotes of PDFs: found by their raised marks at the foot of a page, and linked from the text."""

import re

import pytest

from tests.content.documents import read
from tests.content.typesetting import WORDS, html, objects, titles
from tms.content.sniff import Kind

FOOT = "#place(bottom, block(width: 100%, text(8.5pt, par(justify: true)[{}])))\n"


def mark(name, number):
    return f'<sup><a href="#doc-note-{name}" rel="noopener noreferrer">[{number}]</a></sup>'


def test_footnotes_are_linked_and_stand_at_the_end_of_their_lessons(typeset):
    document = typeset(
        f"= One\nA word#footnote[The first note, {WORDS}which goes on.] and more#footnote[A second one.].\n"
        f"= Two\nAnother#footnote[Of another lesson.]."
    )
    assert titles(document) == ["One", "Two"]
    assert document.lessons[0].html == (
        f"<p>A word{mark('1-1', 1)} and more{mark('1-2', 2)}.</p>"
        f'<hr><ol><li id="doc-note-1-1">The first note, {WORDS}which goes on.</li>'
        '<li id="doc-note-1-2">A second one.</li></ol>'
    )
    assert document.lessons[1].html == (
        f'<p>Another{mark("1-3", 1)}.</p><hr><ol><li id="doc-note-1-3">Of another lesson.</li></ol>'
    )


def test_a_paragraph_goes_on_over_the_notes_at_the_end_of_a_page(typeset):
    document = typeset(f"= One\n{WORDS * 8}#footnote[The note.] {WORDS * 8}")
    assert document.lessons[0].page_to == 2
    assert html(document).startswith(f"<p>{(WORDS * 8).strip()}<sup>")
    assert re.search(
        f"</sup> {(WORDS * 8).strip()}</p><hr><ol><li id=[^>]*>The note.</li></ol>$", html(document)
    )


def test_exponents_are_raised_and_no_marks(typeset):
    document = typeset("= One\nA length x#super[1] and a word#footnote[The note.].")
    assert html(document) == (
        f"<p>A length x<sup>1</sup> and a word{mark('1-1', 1)}.</p>"
        '<hr><ol><li id="doc-note-1-1">The note.</li></ol>'
    )


def test_a_note_whose_mark_stands_in_a_heading_stays_where_it_was(typeset):
    document = typeset(
        f"= One#footnote[Of the heading.]\n{WORDS}\n#pagebreak()\n= Two\n{WORDS}", bookmarks=False
    )
    assert "Of the heading." in document.lessons[0].html
    assert "<ol>" not in document.lessons[0].html


def test_marks_in_smaller_type_before_notes_as_large_as_the_text(tmp_path):
    """As word processors set them."""
    marked = "7 0 0 7 {} {} Tm (1) Tj 12 0 0 12 {} {} Tm ({}) Tj\n"
    text = (
        "BT /F1 1 Tf 12 0 0 12 72 700 Tm (Some words) Tj\n"
        + marked.format(135, 704.6, 139, 700, " of the text.")
        + marked.format(72, 104.6, 76, 100, " The note.")
        + "ET"
    )
    path = tmp_path / "notes.pdf"
    path.write_bytes(
        objects(
            "<</Type/Catalog/Pages 2 0 R>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R"
            "/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
            f"<</Length {len(text)}>>stream\n{text}\nendstream",
        )
    )
    assert html(read(path, tmp_path, kind=Kind.PDF)) == (
        f'<p>Some words{mark("1-1", 1)} of the text.</p><hr><ol><li id="doc-note-1-1">The note.</li></ol>'
    )


def test_raised_marks_at_the_top_of_a_page_begin_no_notes(typeset):
    """The places where authors work stand below their names."""
    authors = "Ada#super[1] and Blaise#super[2]\n\n#text(8pt)[#super[1]University of Here]\n\n#text(8pt)[#super[2]University of There]"
    document = typeset(f"= One\n{authors}\n#v(1cm)\n{WORDS * 3}")
    assert html(document).startswith(
        "<p>Ada<sup>1</sup> and Blaise<sup>2</sup></p><p><sup>1</sup>University of Here</p><p><sup>2</sup>University of There</p>"
    )


def test_a_note_that_runs_over_to_the_next_page_comes_before_the_notes_of_that(typeset):
    document = typeset(
        f"= One\n{WORDS * 4}A word#footnote[The first note, {WORDS * 14}and its end.] and {WORDS * 9}another"
        f"#footnote[The second note.]."
    )
    assert document.lessons[0].page_to >= 2
    assert notes_of(document) == [f"The first note, {WORDS * 14}and its end.", "The second note."]
    assert html(document).startswith(f"<p>{WORDS * 4}A word{mark('1-1', 1)} and {WORDS * 9}another<sup>")


def test_a_note_may_stand_at_the_feet_of_several_pages(typeset):
    rests = [f"{WORDS} and so on {number} #linebreak(justify: true)" for number in (1, 2)]
    feet = [f"#super[1] {rests[0]}", rests[1], f"{WORDS} and its end."]
    document = typeset(
        '#set page(numbering: "1")\n= One\n'
        + "#pagebreak()\n".join(
            f"A word{'' if page else '#super[1]'}. {WORDS * 4} {FOOT.format(foot)}"
            for page, foot in enumerate(feet)
        )
    )
    assert notes_of(document) == [f"{WORDS}and so on 1 {WORDS}and so on 2 {WORDS}and its end."]
    assert WORDS.strip() in html(document).partition("<hr>")[0]
    assert document.warnings == ["Running heads and page numbers were left out."]


def test_a_note_may_begin_on_the_page_after_its_mark(typeset):
    document = typeset(f"= One\n{WORDS * 9}A word#footnote[The note.]. {WORDS * 5}Two#footnote[Another.].")
    assert notes_of(document) == ["The note.", "Another."]


def test_a_note_may_run_over_to_the_next_column(typeset):
    columns = "#set page(columns: 2, width: 20cm)\n#set text(size: 8pt)\n"
    document = typeset(
        f"{columns}= One\n{WORDS * 3}A word#footnote[The note, {WORDS * 14}and its end.]. {WORDS * 14}"
    )
    assert document.lessons[0].page_to == 1
    assert notes_of(document) == [f"The note, {WORDS * 14}and its end."]


@pytest.mark.parametrize(
    ("first", "goes_on"),
    [
        (f"{WORDS} and so #linebreak(justify: true)", True),
        (f"{WORDS * 2} #linebreak(justify: true)", True),
        ("As told above", False),
        (WORDS, False),
    ],
)
def test_small_type_at_the_foot_of_the_next_page_is_the_rest_of_a_note_whose_last_line_is_full(
    typeset, first, goes_on
):
    small = "Taken by the author of this, who was there."
    document = typeset(
        f"= One\n{WORDS}A word#super[1] of it.\n{FOOT.format(f'#super[1] The note {first}')}#pagebreak()\n{WORDS}\n{FOOT.format(small)}"
    )
    (note,) = notes_of(document)
    assert note.endswith(small) is goes_on
    assert (f"<p>{small}</p>" in html(document)) is not goes_on


def notes_of(document):
    return re.findall(r"<li id=[^>]*>(.*?)</li>", html(document))
