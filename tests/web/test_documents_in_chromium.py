"""An editor's way from a document to a course in a real browser: dropped, watched, looked over, compared, applied."""

import base64
from pathlib import Path

import pytest
from tests.content.documents import build
from tests.web.chromium import ADMIN
from tests.web.test_pages_in_chromium import (  # noqa: F401 - fixtures
    accessible,
    chromium,
    fits,
    shoot,
    sign_in,
    site,
    tab,
)

pytestmark = pytest.mark.browser

DATA = Path(__file__).parents[1] / "data"
WORDS = (
    "Keep calm, look around for dangers, and send somebody for help.",
    "Cool the burn with running water for ten minutes and cover it loosely.",
    "Call the poison centre and keep the package of what was swallowed.",
)
FIRST = (
    ("Heading 1", "Before anything else"),
    (None, WORDS[0]),
    ("Heading 1", "Burns"),
    (None, WORDS[1]),
    ("Heading 2", "Blisters"),
    (None, "Leave them closed."),
    ("Heading 1", "Poison"),
    (None, WORDS[2]),
)
SECOND = (
    FIRST[0],
    (None, WORDS[0] + " Then wait for the ambulance."),
    *FIRST[6:],
    *FIRST[2:6],
    ("Heading 1", "Drowning"),
    (None, "Do not jump after somebody before you have called for help and found something that floats."),
)
DROP = """
([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name));
  const place = document.querySelector("[data-drop]");
  for (const kind of ["dragenter", "dragover", "drop"]) {
    place.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }
}
"""


@pytest.fixture(scope="module")
def course(site):  # noqa: F811 - the fixture
    """A published course with one section of its own."""
    made = site.api(
        "POST",
        "/courses",
        {
            "title": "First aid",
            "description": "What to do until help comes.",
            "category": "Safety",
            "templateType": "text-image",
            "difficulty": "beginner",
            "estimatedDuration": 2,
        },
    )
    site.api("POST", f"/courses/{made['id']}/sections", {"title": "Welcome", "content": "<p>Hello.</p>"})
    site.api("PUT", f"/courses/{made['id']}/publish")
    return made


@pytest.fixture
def documents(tmp_path):
    return [build(tmp_path / f"aid-{n}.docx", *blocks) for n, blocks in enumerate((FIRST, SECOND), start=1)]


async def good(page, name):
    """Looks right as far as a program can tell, also on a small screen."""
    await shoot(page, name)
    await accessible(page)
    await fits(page)
    size = page.viewport_size
    await page.set_viewport_size({"width": 360, "height": 740})
    await fits(page)
    await shoot(page, f"{name}-360")
    await page.emulate_media(color_scheme="dark")
    await shoot(page, f"{name}-360-dark")
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(size)


async def test_from_a_document_to_a_course_and_its_next_edition(site, course, tab, documents):  # noqa: F811
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=f"/staff/courses/{course['id']}")
        await page.wait_for_selector("[data-upload]")
        await good(page, "documents-course")

        # Dropped onto the form, sent, and looked over with the keyboard alone.
        content = base64.b64encode(documents[0].read_bytes()).decode()
        await page.evaluate(DROP, ["aid-1.docx", content])
        assert "aid-1.docx" in await page.inner_text("[data-drop-hint]")
        await page.click("form[data-upload] button")
        await page.wait_for_selector("ol.rows")
        await good(page, "documents-outline")
        await page.focus("#do-3")
        await page.keyboard.press("ArrowDown")
        assert await page.input_value("#do-3") == "merge"
        await page.focus("summary")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
        assert await page.is_checked("[name='split.2']")
        await shoot(page, "documents-outline-changed")
        await page.select_option("#do-3", "own")
        await page.click(".decide button")
        await page.wait_for_selector(".note.good")
        assert await page.locator("ol.outline li").count() == 4
        await good(page, "documents-result")
        first = page.url.rpartition("/")[2]

        # Somebody edits a section by hand, and somebody has learnt another; then comes the next edition.
        sections = site.api("GET", f"/courses/{course['id']}?include_sections=true")["sections"]
        titles = [section["title"] for section in sections]
        assert titles == ["Welcome", "Before anything else", "Burns", "Blisters", "Poison"]
        site.api(
            "PATCH",
            f"/courses/{course['id']}/sections/{sections[1]['id']}",
            {"content": "<p>Breathe, and only then look around.</p>"},
        )
        await page.goto(f"/staff/courses/{course['id']}")
        await page.set_input_files("#file", documents[1])
        await page.select_option("#purpose", f"edition:{first}")
        await page.click("form[data-upload] button")
        await page.wait_for_selector("ol.rows")
        await page.click(".decide button")
        await page.wait_for_selector("ol.changes")
        await good(page, "documents-difference")
        await page.check("input[value=keep]")
        await page.click(".decide button")
        await page.wait_for_selector(".note.good")
        sections = site.api("GET", f"/courses/{course['id']}?include_sections=true")["sections"]
        assert [section["title"] for section in sections][:4] == [
            "Welcome",
            "Before anything else",
            "Poison",
            "Burns",
        ]
        assert sections[1]["content"] == "<p>Breathe, and only then look around.</p>"


async def test_a_reading_is_watched_and_cancelled(site, course, tab):  # noqa: F811
    """A document that takes a while: the bar moves by events, and cancelling shows within seconds."""
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=f"/staff/courses/{course['id']}")
        await page.set_input_files("#file", DATA / "python-basics.docx")
        await page.click("form[data-upload] button")
        await page.wait_for_selector("[data-watch]")
        await shoot(page, "documents-reading")
        await page.click("text=Cancel")
        await page.wait_for_selector(".note")
        words = await page.inner_text("main")
        assert "cancelled" in words or "lessons" in words


async def test_what_is_refused_is_told_beside_the_form(site, course, tab, tmp_path):  # noqa: F811
    empty = tmp_path / "empty.docx"
    empty.write_bytes(b"")
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=f"/staff/courses/{course['id']}")
        await page.set_input_files("#file", empty)
        await page.click("form[data-upload] button")
        await page.wait_for_selector("[data-refused]:not([hidden])")
        assert "empty" in await page.inner_text("[data-refused]")
        await shoot(page, "documents-refused")
        # The browser itself notes the refusal on its console.
        assert all("422" in complaint for complaint in window.complaints)
        window.complaints.clear()
