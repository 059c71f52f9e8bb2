"""Lessons as blocks: where they can be split, and the words by which they are compared."""

import pytest

from tms.content import blocks

LESSON = (
    "<p>Before\n\u2028it.</p>\n<h2>Fish &amp; <em>chips</em></h2><p>Salt.</p>"
    "<blockquote><h2>Quoted</h2></blockquote><table><tbody><tr><td><h3>In a cell</h3></td></tr></tbody></table>"
    "<h3></h3><h3>Vinegar</h3><p>x<sup>2</sup>, <code>if</code>, end<br>line</p>"
)


def test_headings_that_are_no_part_of_something_else():
    found = blocks.beginnings(LESSON)
    assert [(one.level, one.title) for one in found] == [(2, "Fish & chips"), (3, "Vinegar")]
    assert [LESSON[one.start : one.end] for one in found] == [
        "<h2>Fish &amp; <em>chips</em></h2>",
        "<h3>Vinegar</h3>",
    ]


def test_words_are_parted_by_blocks_alone():
    assert blocks.text(LESSON) == ("Before it. Fish & chips Salt. Quoted In a cell Vinegar x2, if, end line")


def test_pages_begin_with_a_heading_or_without_one():
    lesson = (
        '<p>On four.</p><h2>Still four</h2><p>Words.</p><p data-page="5">On five.</p><h2 data-page="6">Six</h2><p>Text.</p>'
        '<h3 data-page="7"></h3><p>On seven.</p><hr data-page="8"><ul><li data-page="9">Within</li></ul><h2>Eight</h2>'
    )
    found = blocks.beginnings(lesson, 4)
    assert [(one.level, one.title, one.page, one.begins_page) for one in found] == [
        (2, "Still four", 4, False),
        (0, "", 5, True),
        (2, "Six", 6, True),
        (0, "", 7, True),
        (0, "", 8, True),
        (2, "Eight", 8, False),
    ]
    assert [lesson[one.start : one.end] for one in found] == [
        "<h2>Still four</h2>",
        "",
        '<h2 data-page="6">Six</h2>',
        "",
        "",
        "<h2>Eight</h2>",
    ]
    assert lesson[found[1].start :].startswith('<p data-page="5">')
    assert lesson[found[3].start :].startswith('<h3 data-page="7">')


@pytest.mark.parametrize(
    ("words", "tokens"),
    [
        ("Fish, CHIPS & salt", ["fish", "chips", "salt"]),
        ("日本語を学ぶ", list("日本語を学ぶ")),
        ("ภาษา ok", ["ภ", "า", "ษ", "า", "ok"]),
        ("", []),
    ],
)
def test_scripts_without_spaces_are_compared_letter_by_letter(words, tokens):
    assert blocks.tokens(words) == tokens
