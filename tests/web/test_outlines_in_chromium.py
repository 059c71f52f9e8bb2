"""Outlines of long documents in a real browser: seen at a glance, read where they stand, split and divided by pages."""

import pytest
from tests.web.chromium import ADMIN
from tests.web.test_documents_in_chromium import DATA, good
from tests.web.test_many_documents_in_chromium import course, sections  # noqa: F401 - fixtures
from tests.web.test_pages_in_chromium import (  # noqa: F401 - fixtures
    chromium,
    sign_in,
    site,
    tab,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def outline(site, course):  # noqa: F811 - the fixtures
    """`outline("loops.pptx")`: the address of the page of its outline."""

    def wait(name):
        path = f"/courses/{course.rpartition('/')[2]}/upload-content?mode=review"
        made = site.api("POST", path, files={"file": (name, (DATA / name).read_bytes())})
        while site.api("GET", f"/uploads/{made['uploadId']}")["status"] == "processing":
            pass
        return f"/staff/uploads/{made['uploadId']}"

    return wait


async def summary(page):
    return await page.inner_text("[data-summary]")


async def test_a_long_pdf_is_looked_over_with_the_keyboard(outline, sections, tab):  # noqa: F811
    address = outline("python-basics.pdf")
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=address)
        assert await summary(page) == "6 lessons will be made."
        # Its text is read where it stands, with marks where pages begin; wide code scrolls within it.
        await page.focus(".preview summary >> nth=1")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".preview [data-lesson]")
        assert "Loading data into Python" in await page.inner_text(".preview [data-lesson]")
        assert "Page 9" in await page.inner_text(".preview [data-lesson]")
        # Split at a page and at a heading, merged, skipped: the summary follows.
        await page.focus(".splitting summary >> nth=0")
        await page.keyboard.press("Enter")
        await page.check("text=Page 2: In the example above")
        await page.check("text=Getting Help")
        assert await summary(page) == "8 lessons will be made."
        await page.select_option("#do-3", "merge")
        await page.select_option("#do-6", "skip")
        assert await summary(page) == "6 lessons will be made, 1 skipped."
        await good(page, "outline-pdf")
        await page.fill("[name^='title.1.']:visible >> nth=0", "Variables in use")
        await page.click(".decide button")
        await page.wait_for_selector(".note.good")
        assert sections() == [
            "Python Fundamentals",
            "Variables in use",
            "Getting Help",
            "Analyzing Patient Data",
            "Repeating Actions with Loops",
            "Making Choices",
        ]


async def test_lessons_by_pages(outline, sections, tab):  # noqa: F811
    address = outline("python-basics.pdf")
    async with tab(dark=True) as window:
        page = window.page
        await sign_in(page, *ADMIN, address=address)
        await page.click("text=By pages")
        await page.fill("#size", "30")
        await page.click("text=Divide evenly")
        await page.wait_for_selector("[name='title.6']")
        assert await summary(page) == "3 lessons will be made."
        await page.fill("#last-1", "31")
        await page.fill("#first-3", "62")
        assert (
            await summary(page) == "3 lessons will be made. In two lessons: page 31. In no lesson: page 61."
        )
        await page.click(".decide button")
        await page.wait_for_selector("[role=alert]")
        assert await page.inner_text(".wrong") == "Page 31 is used twice."
        await good(page, "outline-by-pages-refused")
        # The browser itself notes the refusal on its console.
        assert all("422" in complaint for complaint in window.complaints)
        window.complaints.clear()
        await page.fill("#last-1", "30")
        # One more lesson has a line of its own, with the focus in it.
        lines = await page.locator(".range").count()
        await page.click("text=One more lesson")
        assert await page.evaluate("document.activeElement.name") == f"title.{lines + 1}"
        await page.keyboard.type("Page sixty-one")
        await page.keyboard.press("Tab")
        await page.keyboard.type("61")
        await page.keyboard.press("Tab")
        await page.keyboard.type("61")
        assert await summary(page) == "4 lessons will be made."
        await good(page, "outline-by-pages")
        await page.click(".decide button")
        await page.wait_for_selector(".note.good")
        assert sections() == ["Pages 1 to 30", "Pages 31 to 60", "Pages 61 to 63", "Page sixty-one"]


@pytest.mark.parametrize("name", ["databases.docx", "loops.pptx"])
async def test_outlines_of_other_kinds(outline, tab, name):  # noqa: F811
    address = outline(name)
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=address)
        await page.click(".preview summary >> nth=0")
        await page.wait_for_selector(".preview [data-lesson]")
        await good(page, f"outline-{name}")
        await page.goto(f"{address}/lessons/1")
        await good(page, f"outline-lesson-{name}")
        if name.endswith(".pptx"):
            await page.goto(f"{address}?by=pages")
            assert await page.inner_text("label[for=first-1]") == "First slide"
            await good(page, "outline-by-slides")
