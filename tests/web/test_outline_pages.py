"""An outline on the pages without script: read lesson by lesson, split at pages, divided by first and last page."""

import pytest
from tests.content.documents import build
from tests.content.typesetting import WORDS, typeset
from tests.web.test_document_pages import course, send, sound  # noqa: F401 - fixtures

PAGES = 12


@pytest.fixture
def book(tmp_path):
    """A PDF of 12 pages without headings, each with its number as its first words."""
    typeset(tmp_path, "\n#pagebreak()\n".join(f"Number {page}. {WORDS}" for page in range(1, PAGES + 1)))
    return (tmp_path / "a book.pdf").read_bytes()


@pytest.fixture
def waiting(admin, browser, course, send, book):  # noqa: F811 - the fixtures
    """`await waiting()`: the page of the book's outline."""

    async def bring():
        await browser.sign_in(admin.email)
        return await send(course, book, name="book.pdf")

    return bring


@pytest.fixture
def contents(admin, course):  # noqa: F811 - the fixture
    """`await contents()`: title and numbers of pages of each section."""

    async def read():
        found = (await admin.get(f"/courses/{course}?include_sections=true"))["data"]["sections"]
        return [
            (one["title"], [page for page in range(1, PAGES + 1) if f"Number {page}." in one["content"]])
            for one in found
        ]

    return read


def values(form, name):
    return [form.fields[f"{name}.{place}"] for place in range(1, 100) if f"{name}.{place}" in form.fields]


async def test_a_lesson_is_split_where_a_page_begins(browser, waiting, contents, sound):  # noqa: F811
    page = await waiting()
    assert "The document shows no headings" in page.words
    assert "Cut by pages, no heading found" in page.words
    assert "Page 2: Number 2." in page.words
    form = page.form("title.1")
    assert form.fields["title.1.4"] == "Pages 1–10, page 5"
    await browser.submit(page, form, **{"split.1": "4", "title.1.4": "The other half", "do.2": "merge"})
    assert await contents() == [("Pages 1–10", [1, 2, 3, 4]), ("The other half", list(range(5, 13)))]


async def test_lessons_by_first_and_last_page(browser, waiting, contents, sound):  # noqa: F811
    page = await browser.open((await waiting()).path + "?by=pages")
    form = page.form("first.1")
    assert (values(form, "first")[:3], values(form, "last")[:3]) == (["1", "11", ""], ["10", "12", ""])
    # The third line is one of those that stand empty; a lesson without its last page goes on to the next.
    await browser.submit(
        page,
        form,
        **{
            "title.1": "Begin",
            "last.1": "4",
            "title.2": " The middle & more",
            "first.2": " 5",
            "last.2": "",
            "first.3": "9",
        },
    )
    assert await contents() == [
        ("Begin", [1, 2, 3, 4]),
        ("The middle & more", [5, 6, 7, 8]),
        ("Pages 1–10, page 9", [9, 10, 11, 12]),
    ]


async def test_evenly_and_without_the_rest(browser, waiting, contents, sound):  # noqa: F811
    page = await waiting()
    page = await browser.open(f"{page.path}?by=pages&size=5")
    form = page.form("first.1")
    assert values(form, "title")[:3] == ["Pages 1 to 5", "Pages 6 to 10", "Pages 11 to 12"]
    emptied = {"title.2": "", "first.2": "", "last.2": ""}
    refused = await browser.submit(page, form, status=422, **emptied)
    assert "Pages 6 to 10 are neither in a lesson" in refused.words
    await browser.submit(refused, refused.form("first.1"), rest="skip")
    assert await contents() == [("Pages 1 to 5", [1, 2, 3, 4, 5]), ("Pages 11 to 12", [11, 12])]


@pytest.mark.parametrize(
    ("change", "told", "marked"),
    [
        ({"last.1": "11"}, "Page 11 is used twice.", "first.2"),
        ({"last.2": "13"}, "The pages of this document are 1 to 12.", "last.2"),
        ({"first.1": "one"}, "Its first page is not a number.", "first.1"),
        ({"first.1": "0"}, "Its first page is not a number.", "first.1"),
        ({"last.1": "²"}, "Its last page is not a number.", "last.1"),
        ({"first.3": "12", "last.3": "11"}, "The first page, 12, comes after the last one, 11.", "first.3"),
        ({"title.2": "x" * 300}, "Its title is too long", "first.2"),
    ],
)
async def test_what_is_wrong_is_told_beside_the_lesson_and_nothing_typed_is_lost(
    browser,
    waiting,
    contents,
    sound,  # noqa: F811
    change,
    told,
    marked,
):
    page = await browser.open((await waiting()).path + "?by=pages")
    refused = await browser.submit(page, page.form("first.1"), status=422, **({"title.1": "Mine"} | change))
    assert told in refused.words
    (wrong,) = refused.document.xpath("//p[@class='wrong']")
    (field,) = refused.document.xpath(f"//input[@name='{marked}']")
    assert field.get("aria-invalid") == "true"
    assert field.get("aria-describedby") == wrong.get("id")
    form = refused.form("first.1")
    assert form.fields["title.1"] == "Mine"
    assert {name: form.fields[name] for name in change} == change
    assert await contents() == []


async def test_nothing_at_all_is_no_plan(browser, waiting, contents):
    page = await browser.open((await waiting()).path + "?by=pages")
    form = page.form("first.1")
    nothing = {name: "" for name in form.fields if name.startswith(("title.", "first.", "last."))}
    refused = await browser.submit(page, form, status=422, rest="skip", **nothing)
    assert "No lesson is named; discard the document if none of it is wanted." in refused.words
    assert await contents() == []


async def test_a_new_edition_by_pages(admin, browser, course, send, book, contents, waiting, sound):  # noqa: F811
    page = await browser.open((await waiting()).path + "?by=pages")
    page = await browser.submit(page, page.form("first.1"), **{"title.1": "One", "title.2": "Two"})
    first = page.path.rpartition("/")[2]
    page = await send(course, book + b"\n", purpose=f"edition:{first}", name="book.pdf")
    page = await browser.open(f"{page.path}?by=pages")
    refused = await browser.submit(page, page.form("first.1"), status=422, **{"last.1": "9"})
    assert "Page 10 is neither in a lesson" in refused.words
    page = await browser.submit(refused, refused.form("first.1"), **{"title.1": "One", "last.1": "10"})
    assert page.heading == "What the new edition changes"
    page = await browser.submit(page, page.form("plan"), back="1")
    form = page.form("first.1")
    assert (values(form, "title")[:2], values(form, "last")[:2]) == (["One", "Pages 11–12"], ["10", "12"])
    page = await browser.submit(page, form)
    await browser.submit(page, page.form("plan"))
    assert [title for title, _ in await contents()] == ["One", "Pages 11–12"]


async def test_a_document_without_pages_is_divided_by_headings_alone(admin, browser, course, send, tmp_path):  # noqa: F811
    await browser.sign_in(admin.email)
    page = await send(course)
    assert not [link for link in page.links() if "by=pages" in link]
    page = await browser.open(f"{page.path}?by=pages")
    refused = await browser.submit(page, page.form("title.1"), status=422, by="pages")
    assert "no pages by which it could be divided" in refused.words
    await browser.open(f"{page.path}?by=chance", status=422)
    await browser.open(f"{page.path}?by=pages&size=0", status=422)


async def test_a_lesson_of_an_outline_is_read_with_its_pages(browser, waiting):
    page = await waiting()
    address = page.path
    page = await browser.open(f"{address}/lessons/2")
    assert page.heading == "Pages 11–12"
    assert "Lesson 2 of 2 in the outline of book.pdf" in page.words
    marks = page.document.xpath("//p[@class='page-mark']")
    assert [mark.text for mark in marks] == ["Page 11", "Page 12"]
    assert page.words.index("Page 12") < page.words.index("Number 12.")
    assert f"{address}/lessons/1" in page.links()
    await browser.open(f"{address}/lessons/3", status=404)
    await browser.open(f"{address}/lessons/0", status=400)
    outline = await browser.open(address)
    await browser.submit(outline, outline.form("title.1"))
    assert (await browser.open(f"{address}/lessons/1", status=404)).heading == "This lesson is not here"


async def test_what_a_lesson_shows_is_clean(admin, browser, course, send, tmp_path):  # noqa: F811
    await browser.sign_in(admin.email)
    content = build(
        tmp_path / "b.docx", ("Heading 1", "<b>Tags</b>"), (None, "<script>alert(1)</script>")
    ).read_bytes()
    page = await send(course, content)
    page = await browser.open(f"{page.path}/lessons/1")
    assert page.heading == "<b>Tags</b>"
    (lesson,) = page.document.xpath("//div[@data-lesson]")
    assert lesson.text_content().strip() == "<script>alert(1)</script>"
    assert not page.document.xpath("//p[@class='page-mark']")


async def test_lessons_are_read_by_editors_alone(admin, trainer, student, browser, browsers, waiting):
    address = f"{(await waiting()).path}/lessons/1"
    for person, status in ((trainer, 404), (student, 403)):
        other = browsers()
        await other.sign_in(person.email)
        await other.open(address, status=status)
