"""Outlines of documents with pages: split where a page begins, made lessons by first and last page, at once or not at all."""

import pytest
from pptx import Presentation

from tests.content.documents import DATA, pack
from tests.content.typesetting import WORDS
from tests.corpus.material import saved

PAGES = 12


def body(title, first=None, last=None):
    pages = {"fromPage": first, "toPage": last}
    return {"title": title, "pieces": [{name: page for name, page in pages.items() if page is not None}]}


def plan(*lessons, skip=()):
    return {
        "lessons": [body(*lesson) for lesson in lessons],
        "skip": [body(None, *pages)["pieces"][0] for pages in skip],
    }


@pytest.fixture
def waiting(admin, course):
    """`await waiting(name, content)`: the outline of a document, as `GET /uploads/{id}` shows it."""

    async def send(name, content):
        answer = await admin.post(
            f"/courses/{course}/upload-content?mode=review", files={"file": (name, content)}
        )
        return (await admin.get(f"/uploads/{answer['data']['uploadId']}"))["data"]

    return send


@pytest.fixture
async def plain(waiting, typeset, tmp_path):
    """A PDF of 12 pages, each with a number as its first word, without headings: two blocks of pages wait."""
    typeset("\n#pagebreak()\n".join(f"Number {page}. {WORDS}" for page in range(1, PAGES + 1)))
    return await waiting("plain.pdf", (tmp_path / "a book.pdf").read_bytes())


@pytest.fixture
def apply(admin):
    async def send(found, plan, status=200):
        return await admin.post(f"/uploads/{found['uploadId']}/apply", plan, status=status)

    return send


def numbers(section):
    return [page for page in range(1, PAGES + 1) if f"Number {page}." in section["content"]]


async def test_the_outline_tells_where_its_pages_begin(plain):
    assert plain["pages"] == {"first": 1, "last": PAGES}
    first, second = plain["outline"]
    assert (first["title"], first["headings"]) == ("Pages 1–10", [])
    assert [(one["part"], one["page"]) for one in first["pages"]] == [(n - 1, n) for n in range(2, 11)]
    assert first["pages"][0]["excerpt"].startswith("Number 2. Any text")
    assert len(first["pages"][0]["excerpt"]) <= 92
    assert [(one["part"], one["page"]) for one in second["pages"]] == [(1, 12)]


async def test_a_lesson_is_split_at_a_page(plain, apply, sections, course, healthy):
    first, second = plain["outline"]
    pieces = [
        {"pieces": [{"row": first["id"], "toPart": 3}]},
        {"pieces": [{"row": first["id"], "fromPart": 4}, {"row": second["id"], "toPart": 0}]},
        {"pieces": [{"row": second["id"], "fromPart": 1}], "title": "The end"},
    ]
    await apply(plain, {"lessons": pieces})
    made = await sections(course)
    assert [(section["title"], numbers(section)) for section in made] == [
        ("Pages 1–10", [1, 2, 3, 4]),
        ("Pages 1–10, page 5", [5, 6, 7, 8, 9, 10, 11]),
        ("The end", [12]),
    ]
    # What is ours stays behind: marks of pages, and titles that the text was given for want of its own.
    assert not any("data-page" in section["content"] or "<h2>" in section["content"] for section in made)
    await healthy()


async def test_lessons_by_first_and_last_page(admin, plain, apply, sections, course, healthy):
    wanted = plan(("Begin", None, 3), ("Middle", 4, 4), ("End", 6), skip=[(5, 5)])
    preview = (await admin.post(f"/uploads/{plain['uploadId']}/preview", wanted))["data"]
    assert [change["title"] for change in preview["difference"]["changes"]] == ["Begin", "Middle", "End"]
    answer = await apply(plain, wanted)
    assert answer["message"] == "Applied: 3 sections"
    assert answer["data"]["pages"] is None
    assert [(section["title"], numbers(section)) for section in await sections(course)] == [
        ("Begin", [1, 2, 3]),
        ("Middle", [4]),
        ("End", [6, 7, 8, 9, 10, 11, 12]),
    ]
    await healthy()


async def test_lessons_may_stand_in_another_order_than_their_pages(plain, apply, sections, course):
    both = {"title": "Both ends", "pieces": [{"fromPage": 11}, {"toPage": 2}]}
    await apply(plain, {"lessons": [both, body("Between", 3, 10)]})
    last, between = await sections(course)
    assert last["content"].index("Number 12.") < last["content"].index("Number 1.")
    assert numbers(between) == list(range(3, 11))


@pytest.mark.parametrize(
    ("wanted", "field", "message"),
    [
        (plan(("A", 1, 5), ("B", 5, 12)), "lessons.1.pieces.0", "page 5 is used twice"),
        (plan(("A", 1, 12), skip=[(12, 12)]), "skip.0", "page 12 is used twice"),
        (plan(("A", 1, 5), ("B", 9, 9), ("C", 11, 11)), "lessons", "pages 6 to 8, 10, 12 are neither"),
        (plan(("A", 1, 5), ("B", 7, 12)), "lessons", "page 6 is neither"),
        (plan(("A", 1, 13)), "lessons.0.pieces.0", "the pages of this document are 1 to 12"),
        (
            plan(("A", 1, 2), ("B", 5, 3)),
            "lessons.1.pieces.0",
            "the first page, 5, comes after the last one, 3",
        ),
    ],
)
async def test_pages_that_do_not_add_up(plain, apply, sections, course, healthy, wanted, field, message):
    problem = await apply(plain, wanted, status=422)
    assert problem["code"] == "plan_does_not_add_up"
    ((found, told),) = [(error["field"], error["message"]) for error in problem["errors"]]
    assert (found, told[: len(message)]) == (field, message)
    assert await sections(course) == []
    await healthy()


@pytest.mark.parametrize(
    ("piece", "code"),
    [
        ({}, "plan_does_not_add_up"),
        ({"fromPart": 1}, "plan_does_not_add_up"),
        ({"fromPage": 1, "toPart": 1}, "plan_does_not_add_up"),
        ({"row": "00000000-0000-7000-8000-000000000000", "fromPage": 1}, "plan_does_not_add_up"),
        ({"fromPage": 0}, "validation_failed"),
        ({"fromPage": "1"}, "validation_failed"),
    ],
)
async def test_a_piece_is_of_a_row_or_of_pages(plain, apply, piece, code):
    problem = await apply(plain, {"lessons": [{"pieces": [piece]}]}, status=422)
    assert problem["code"] == code
    assert problem["errors"][0]["field"].startswith("lessons.0.pieces.0")


async def test_a_page_on_which_nothing_begins(waiting, typeset, tmp_path, apply, course, sections):
    typeset("\n#pagebreak()\n".join([f"Number 1. {WORDS}", "#v(1cm)", f"Number 3. {WORDS}"]))
    found = await waiting("gap.pdf", (tmp_path / "a book.pdf").read_bytes())
    problem = await apply(found, plan(("A", 1, 1), ("B", 2, 2), ("C", 3, 3)), status=422)
    assert problem["errors"][0] == {
        "field": "lessons.1.pieces.0",
        "message": "no text begins on page 2; take a page before or behind along",
    }
    await apply(found, plan(("A", 1, 2), ("C", 3, 3)))
    assert [numbers(section) for section in await sections(course)] == [[1], [3]]


async def test_a_paragraph_stays_on_the_page_on_which_it_begins(
    waiting, typeset, tmp_path, apply, course, sections
):
    typeset(f"Number 1. {WORDS * 12}\n\nNumber 2. {WORDS}")
    found = await waiting("long.pdf", (tmp_path / "a book.pdf").read_bytes())
    assert found["pages"]["last"] == 2
    await apply(found, plan(("A", 1, 1), ("B", 2, 2)))
    one, two = await sections(course)
    assert one["content"].count("Any text") == 12
    assert two["content"].startswith("<p>Number 2.")


async def test_headings_of_the_document_stay_in_lessons_by_pages(
    waiting, typeset, tmp_path, apply, course, sections
):
    typeset("\n#pagebreak()\n".join(f"= Chapter {n}\nNumber {n}. {WORDS}" for n in (1, 2, 3)))
    found = await waiting("chapters.pdf", (tmp_path / "a book.pdf").read_bytes())
    assert [row["title"] for row in found["outline"]] == ["Chapter 1", "Chapter 2", "Chapter 3"]
    await apply(found, plan(("Both", 1, 2), ("Chapter 3", 3, 3)))
    both, third = await sections(course)
    assert both["content"].startswith("<h2>Chapter 1</h2><p>Number 1.")
    assert "<h2>Chapter 2</h2><p>Number 2." in both["content"]
    assert third["content"].startswith("<p>Number 3.")


async def test_slides_are_pages(waiting, apply, course, sections, healthy):
    deck = Presentation()
    for number in range(1, 6):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = f"Slide {number} title", f"Number {number}."
    found = await waiting("deck.pptx", saved(deck.save))
    assert found["pages"] == {"first": 1, "last": 5}
    (row,) = found["outline"]
    assert next((one["title"], one["page"]) for one in row["headings"]) == ("Slide 2 title", 2)
    assert [one["part"] for one in row["headings"]] == [one["part"] for one in row["pages"]]
    await apply(found, plan((None, 1, 2), (None, 3, 5)))
    first, second = await sections(course)
    assert (first["title"], numbers(first)) == ("Slide 1 title", [1, 2])
    assert (second["title"], numbers(second)) == ("Slide 3 title", [3, 4, 5])
    await healthy()


async def test_documents_without_pages_of_their_own(waiting, apply, tmp_path):
    found = await waiting("databases.docx", (DATA / "databases.docx").read_bytes())
    assert found["pages"] is None
    problem = await apply(found, plan(("A", 1, 2)), status=422)
    assert "no pages that could be told apart" in problem["errors"][0]["message"]


async def test_documents_of_an_archive_count_their_pages_each_for_itself(
    waiting, typeset, tmp_path, apply, course, sections, healthy
):
    books = {}
    for name in ("a.pdf", "b.pdf"):
        typeset(f"Number 1. {WORDS}\n#pagebreak()\nNumber 2. {WORDS}\n#pagebreak()\nNumber 3. In {name}.")
        books[name] = (tmp_path / "a book.pdf").read_bytes()
    found = await waiting("both.zip", pack(tmp_path / "both.zip", books).read_bytes())
    assert found["pages"] is None
    first, second = found["outline"]
    assert [one["page"] for one in second["pages"]] == [2, 3]
    problem = await apply(found, plan(("A", 1, 3)), status=422)
    assert "no pages that could be told apart" in problem["errors"][0]["message"]
    pieces = (
        [{"row": first["id"]}, {"row": second["id"], "toPart": 0}],
        [{"row": second["id"], "fromPart": 1}],
    )
    await apply(found, {"lessons": [{"pieces": one} for one in pieces]})
    assert [numbers(section) for section in await sections(course)] == [[1, 2, 3], [2, 3]]
    await healthy()


async def test_a_document_that_is_not_looked_over_keeps_no_marks_of_pages(admin, course, upload, sections):
    await upload(admin, course, "loops.pptx")
    assert all("data-page" not in section["content"] for section in await sections(course))
