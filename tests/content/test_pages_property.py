"""Whatever a document looks like: lessons by pages hold every word once, in the lesson of the page on which it begins."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tms.content import blocks, plans
from tms.content.errors import PlanError
from tms.content.pieces import Pages, Row, Wanted

BLOCKS = (
    "<p{}>{}</p>",
    "<h2{}>{}</h2>",
    "<ul{}><li>{}</li></ul>",
    "<table{}><tr><td><p>{}</p></td></tr></table>",
)


@st.composite
def documents(draw):
    """Rows of an outline, and the page on which each of their words begins."""
    page, number, words, rows = 1, 0, {}, []
    for place in range(1, draw(st.integers(1, 4)) + 1):
        page += draw(st.integers(0, 2)) if rows else 0
        first, current, content = page, page, ""
        for shape in draw(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=6)):
            page += draw(st.sampled_from((0, 0, 1, 3)))
            mark = f' data-page="{page}"' if page > current else ""
            current, number = page, number + 1
            words[f"w{number}"] = page
            content += shape.format(mark, f"w{number}")
        beginnings = tuple(blocks.beginnings(content, first))
        rows.append(Row(UUID(int=place), f"Row {place}", 1, content, 1, beginnings, first, page))
    return rows, words


@given(documents(), st.data())
def test_every_word_is_in_the_lesson_of_its_page(document, data):
    rows, words = document
    last = rows[-1].last_page
    begins = sorted(
        {1, *data.draw(st.sets(st.integers(2, last), max_size=5) if last > 1 else st.just(set()))}
    )
    ends = [*(begin - 1 for begin in begins[1:]), last]
    wanted = [Wanted([Pages(begin, end)], f"Lesson {begin}") for begin, end in zip(begins, ends, strict=True)]
    empty = [
        not any(begin <= page <= end for page in words.values())
        for begin, end in zip(begins, ends, strict=True)
    ]
    if any(empty):
        with pytest.raises(PlanError) as refused:
            plans.drafts(rows, wanted)
        assert refused.value.fields[0].field == f"lessons.{empty.index(True)}.pieces.0"
        return
    made = plans.drafts(rows, wanted)
    found = [re.findall(r"\bw\d+\b", draft.content) for draft in made]
    assert [word for of in found for word in of] == list(words)
    for of, begin, end in zip(found, begins, ends, strict=True):
        assert all(begin <= words[word] <= end for word in of)


@given(documents(), st.data())
def test_what_overlaps_or_is_left_out_is_refused(document, data):
    rows, words = document
    begun = sorted(set(words.values()))
    page = data.draw(st.sampled_from(begun))
    lessons = [Wanted([Pages(rows[0].page, rows[-1].last_page)])]
    with pytest.raises(PlanError) as refused:
        plans.drafts(rows, [*lessons, Wanted([Pages(page, page)])])
    assert refused.value.fields[0].message == f"page {page} is used twice"
    if len(begun) > 1:
        with pytest.raises(PlanError) as refused:
            plans.drafts(rows, [Wanted([Pages(page, page)])])
        assert "neither in a lesson nor among `skip`" in refused.value.fields[0].message
