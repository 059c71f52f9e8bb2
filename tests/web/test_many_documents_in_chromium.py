"""Several documents at once in a real browser: put in order with the keyboard, sent one after the other, each with its end."""

import pytest
from tests.content.documents import build
from tests.web.chromium import ADMIN
from tests.web.test_documents_in_chromium import good, long_workbook
from tests.web.test_pages_in_chromium import (  # noqa: F401 - fixtures
    accessible,
    chromium,
    shoot,
    sign_in,
    site,
    tab,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def course(site):  # noqa: F811 - the fixture
    made = site.api(
        "POST",
        "/courses",
        {
            "title": "Many things",
            "category": "Safety",
            "templateType": "text-image",
            "difficulty": "beginner",
            "estimatedDuration": 2,
        },
    )
    return f"/staff/courses/{made['id']}"


@pytest.fixture
def sections(site, course):  # noqa: F811 - the fixture
    path = f"/courses/{course.rpartition('/')[2]}?include_sections=true"
    return lambda: [section["title"] for section in site.api("GET", path)["sections"]]


@pytest.fixture
def document(tmp_path):
    """`document("a.docx")`: a Word document with one lesson, called like the file."""

    def write(name, content=None):
        path = tmp_path / name
        if content is None:
            build(path, ("Heading 1", path.stem), (None, f"All about {path.stem}."))
        else:
            path.write_bytes(content)
        return path

    return write


async def names(page):
    return [await place.inner_text() for place in await page.locator(".queued [data-name]").all()]


async def states(page):
    return [await row.get_attribute("data-state") for row in await page.locator(".queued").all()]


async def finished(page):
    await page.wait_for_selector("[data-outcome]:not([hidden])", timeout=60_000)
    return await page.inner_text("[data-outcome] p")


async def test_in_the_order_that_was_chosen_and_one_that_fails_stops_nobody(
    site,  # noqa: F811
    course,
    sections,
    document,
    tab,  # noqa: F811
):
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=course)
        files = [
            document("10 Ten.docx"),
            document("9 Nine.docx"),
            document("bad.docx", b"\x00no"),
            document("A.docx"),
        ]
        await page.set_input_files("#file", files)
        assert await names(page) == ["10 Ten.docx", "9 Nine.docx", "bad.docx", "A.docx"]
        assert await page.inner_text("form[data-upload] .primary") == "Upload 4 documents"
        # As people count, then by the keyboard alone; the button that was pressed keeps the focus.
        await page.click("[data-sort]")
        assert await names(page) == ["9 Nine.docx", "10 Ten.docx", "A.docx", "bad.docx"]
        await page.focus(".queued >> nth=3 >> [data-up]")
        for _ in range(5):
            await page.keyboard.press("Enter")
        assert await names(page) == ["bad.docx", "9 Nine.docx", "10 Ten.docx", "A.docx"]
        assert await page.evaluate("document.activeElement.matches('.queued:first-child [data-up]')")
        assert await page.inner_text("[data-said]") == "bad.docx is number 1 of 4 now."
        await page.focus(".queued >> nth=3 >> [data-up]")
        await page.keyboard.press("Space")
        # What is chosen again is there already; what is chosen besides comes behind.
        await page.set_input_files("#file", [files[0], document("Last.docx"), document("Never.docx")])
        await page.click(".queued >> nth=5 >> [data-remove]")
        assert await names(page) == ["bad.docx", "9 Nine.docx", "A.docx", "10 Ten.docx", "Last.docx"]
        await good(page, "many-chosen")
        await page.select_option("#purpose", "apply")
        await page.click("form[data-upload] .primary")
        told = await finished(page)
        assert told.startswith(
            "4 of 5 documents were read. Their lessons stand at the end of the course, in this order."
        )
        assert "1 failed, and nothing was added of it. The others did not wait for that." in told
        assert await states(page) == ["failed", "done", "done", "done", "done"]
        assert "it is a plain text; rename it to end in .txt" in await page.inner_text(".queued >> nth=0")
        assert "1 section of the course comes from this document." in await page.inner_text(
            ".queued >> nth=1"
        )
        await good(page, "many-sent")
        assert sections() == ["9 Nine", "A", "10 Ten", "Last"]
        await page.click("text=Show the course as it is now")
        await page.wait_for_selector(".documents")
        assert await page.locator(".documents tbody tr").count() == 5


async def test_outlines_of_several_documents_wait(course, sections, document, tab):  # noqa: F811
    async with tab(dark=True) as window:
        page = window.page
        await sign_in(page, *ADMIN, address=course)
        await page.set_input_files("#file", [document("One.docx"), document("Two.docx")])
        await page.click("form[data-upload] .primary")
        told = await finished(page)
        assert "in the order in which you add them" in told
        assert "1 lesson found; nothing is in the course yet." in await page.inner_text(".queued >> nth=1")
        await accessible(page)
        await page.click(".queued >> nth=1 >> [data-link]")
        await page.wait_for_selector("ol.rows")
        assert await page.input_value("#title-1") == "Two"
        assert sections() == []


async def test_what_is_taken_off_while_others_are_sent_is_not_sent(course, sections, document, tab, tmp_path):  # noqa: F811
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=course)
        await page.set_input_files("#file", [long_workbook(tmp_path / "groups.xlsx"), document("Two.docx")])
        await page.click("form[data-upload] .primary")
        await page.wait_for_selector(".queued[data-state=reading]")
        await page.click(".queued >> nth=1 >> [data-remove]")
        assert "1 of 1 document was read." in await finished(page)
        assert await page.is_hidden("[data-refused]")
        assert "lessons found" in await page.inner_text(".queued >> nth=0")
        assert sections() == []


async def test_the_same_document_twice_and_a_new_edition_of_one(course, sections, document, tab):  # noqa: F811
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=course)
        one = document("One.docx")
        twin = document("Twin.docx", one.read_bytes())
        await page.set_input_files("#file", [one, twin])
        await page.select_option("#purpose", "apply")
        await page.click("form[data-upload] .primary")
        await finished(page)
        assert "The same document as One.docx: nothing more was added." in await page.inner_text(
            ".queued >> nth=1"
        )
        await page.reload()
        await page.set_input_files("#file", [twin, document("Two.docx")])
        await page.select_option("#purpose", label=await page.inner_text("#purpose option >> nth=2"))
        await page.click("form[data-upload] .primary")
        assert "A new edition is one document" in await page.inner_text("[data-refused]")
        await page.select_option("#purpose", "apply")
        await page.click("form[data-upload] .primary")
        await finished(page)
        assert "It is in the course already: nothing was changed." in await page.inner_text(
            ".queued >> nth=0"
        )
        assert sections() == ["One", "Two"]


async def test_a_connection_that_breaks_off_stops_the_queue_until_somebody_goes_on(
    course,
    sections,
    document,
    tab,  # noqa: F811
):
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=course)
        sent = []

        async def second_breaks(route):
            sent.append(route.request.url)
            await (route.abort("connectionreset") if len(sent) == 2 else route.continue_())

        await page.route("**/uploads", second_breaks)
        await page.set_input_files("#file", [document(f"{name}.docx") for name in ("One", "Two", "Three")])
        await page.select_option("#purpose", "apply")
        await page.click("form[data-upload] .primary")
        assert "2 were not sent" in await finished(page)
        assert await states(page) == ["done", "waiting", "waiting"]
        assert "The connection broke off" in await page.inner_text(".queued >> nth=1")
        await shoot(page, "many-broken-off")
        assert await page.inner_text("form[data-upload] .primary") == "Go on"
        await page.click("form[data-upload] .primary")
        await page.wait_for_selector(".queued[data-state=done] >> nth=2", timeout=60_000)
        assert sections() == ["One", "Two", "Three"]
        assert len(sent) == 4
        # The browser itself notes the broken connection.
        assert all("reset" in complaint.lower() for complaint in window.complaints), window.complaints
        window.complaints.clear()


async def test_a_limit_delays_the_queue_and_a_lost_session_stops_it(course, sections, document, tab):  # noqa: F811
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=course)
        tries = []

        async def too_many(route):
            tries.append(await page.inner_text(".queued >> nth=0 >> [data-state-text]"))
            if len(tries) == 1:
                body = "<main><h1>Too many uploads</h1><p>Wait a little.</p></main>"
                headers = {"Retry-After": "1", "Content-Type": "text/html"}
                await route.fulfill(status=429, body=body, headers=headers)
            else:
                if len(tries) == 3:
                    await page.context.clear_cookies()
                await route.continue_()

        await page.route("**/uploads", too_many)
        await page.set_input_files("#file", [document("One.docx"), document("Two.docx")])
        await page.select_option("#purpose", "apply")
        await page.click("form[data-upload] .primary")
        await page.wait_for_selector(
            "text=Too many uploads. Wait a little. It goes on by itself in 1 second."
        )
        assert "1 of 2 documents was read" in await finished(page)
        assert await states(page) == ["done", "waiting"]
        assert "Sign in again" in await page.inner_text(".queued >> nth=1")
        assert sections() == ["One"]
        # Signed in again in another window, it goes on where it was.
        other = await page.context.new_page()
        await sign_in(other, *ADMIN, address=course)
        await page.click("form[data-upload] .primary")
        await page.wait_for_selector(".queued[data-state=done] >> nth=1", timeout=60_000)
        assert sections() == ["One", "Two"]
        # The browser itself notes the refusal on its console.
        assert all("429" in complaint for complaint in window.complaints), window.complaints
        window.complaints.clear()


async def test_leaving_the_page_loses_nothing_that_was_sent(course, sections, document, tab):  # noqa: F811
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=course)
        asked = []

        async def leave(dialog):
            asked.append(dialog.type)
            await dialog.accept()

        page.on("dialog", leave)
        sent = []

        async def hold_the_second(route):
            sent.append(route)
            if len(sent) == 1:
                await route.continue_()

        await page.route("**/uploads", hold_the_second)
        await page.set_input_files("#file", [document("One.docx"), document("Two.docx")])
        await page.select_option("#purpose", "apply")
        await page.click("form[data-upload] .primary")
        await page.wait_for_selector(".queued[data-state=done]", timeout=60_000)
        await page.goto("/staff/courses")
        assert asked == ["beforeunload"]
        assert sections() == ["One"]


async def test_one_that_is_being_read_is_cancelled_and_the_next_one_goes_on(
    course,
    sections,
    document,
    tab,  # noqa: F811
    tmp_path,
):
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=course)
        await page.set_input_files("#file", [long_workbook(tmp_path / "groups.xlsx"), document("Two.docx")])
        await page.select_option("#purpose", "apply")
        await page.click("form[data-upload] .primary")
        await page.wait_for_selector(".queued[data-state=reading]")
        await page.click(".queued >> nth=0 >> [data-remove]")
        await finished(page)
        assert await states(page) == ["failed", "done"]
        assert "This was cancelled" in await page.inner_text(".queued >> nth=0")
        assert sections() == ["Two"]
