"""An editor's way from a document to a course in a real browser: dropped, watched, looked over, compared, applied."""

import base64
import json
from pathlib import Path

import pytest
from openpyxl import Workbook
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

from tms.content import formats

pytestmark = pytest.mark.browser

DATA = Path(__file__).parents[1] / "data"
SHEETS = 100
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
    await page.emulate_media(color_scheme="light")
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
        assert "aid-1.docx" in await page.inner_text("[data-queue]")
        await page.click("form[data-upload] .primary")
        await page.wait_for_selector("ol.rows")
        await good(page, "documents-outline")
        await page.focus("#do-3")
        await page.keyboard.press("ArrowDown")
        assert await page.input_value("#do-3") == "merge"
        await page.focus(".splitting summary")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
        assert await page.is_checked("[name='split.2']")
        # The name of what is split off shows once it is, and comes next.
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.name") == "title.2.1"
        assert await page.input_value("[name='title.2.1']") == "Blisters"
        await page.keyboard.press("ControlOrMeta+a")
        await page.keyboard.type("About blisters")
        await good(page, "documents-outline-split")
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
        assert titles == ["Welcome", "Before anything else", "Burns", "About blisters", "Poison"]
        site.api(
            "PATCH",
            f"/courses/{course['id']}/sections/{sections[1]['id']}",
            {"content": "<p>Breathe, and only then look around.</p>"},
        )
        await page.goto(f"/staff/courses/{course['id']}")
        await page.set_input_files("#file", documents[1])
        await page.select_option("#purpose", f"edition:{first}")
        await page.click("form[data-upload] .primary")
        await page.wait_for_selector("ol.rows")
        await page.click(".decide button")
        await page.wait_for_selector("ol.changes")
        await good(page, "documents-difference")
        assert "Then wait for the ambulance" in await page.inner_text("details.wording ins")
        assert "Breathe" in await page.inner_text("details.wording del")
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


def long_workbook(path):
    """A workbook of a hundred sheets, which takes some seconds to read, sheet by sheet."""
    book = Workbook(write_only=True)
    for number in range(1, SHEETS + 1):
        sheet = book.create_sheet(f"Group {number}")
        sheet.append(["Name", "Task", "Hours", "Done", "Place"])
        for row in range(400):
            sheet.append(
                [f"Person {row}", f"Task {number}-{row}", row % 40, row % 3 == 0, f"Room {row % 17}"]
            )
    book.save(path)
    return path


# What the bar of a page has shown, noted in the browser whenever it moves; the page is loaded anew at the end.
NOTE_BAR = """
addEventListener("DOMContentLoaded", () => {
  const bar = document.querySelector("[data-watch] progress");
  if (!bar) return;
  const note = () => {
    const seen = JSON.parse(sessionStorage.getItem("seen") ?? "[]");
    const words = document.querySelector("[data-watch-message]").textContent;
    sessionStorage.setItem("seen", JSON.stringify([...seen, [bar.value, words]]));
  };
  note();
  new MutationObserver(note).observe(bar, { attributes: true, attributeFilter: ["value"] });
});
"""


async def test_the_bar_moves_while_a_document_is_read(site, course, tab, tmp_path):  # noqa: F811
    path = long_workbook(tmp_path / "groups.xlsx")
    async with tab() as window:
        page = window.page
        await page.add_init_script(NOTE_BAR)
        await sign_in(page, *ADMIN, address=f"/staff/courses/{course['id']}")
        await page.set_input_files("#file", path)
        await page.click("form[data-upload] .primary")
        await page.wait_for_selector("ol.rows", timeout=120_000)
        seen = json.loads(await page.evaluate("sessionStorage.getItem('seen')"))
        values = [value for value, _ in seen]
        assert values == sorted(values), seen
        assert len({value for value in values if 0 < value < 100}) >= 2, seen
        assert any("sheet" in words for _, words in seen), seen
        assert await page.locator("ol.rows > li").count() == SHEETS


# The browser itself makes the film: some seconds of a canvas whose colour changes.
RECORD = """
async (type) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [320, 240];
  const brush = canvas.getContext("2d");
  const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: type });
  const pieces = [];
  recorder.ondataavailable = (event) => pieces.push(event.data);
  const ended = new Promise((done) => { recorder.onstop = done; });
  recorder.start();
  for (let frame = 0; frame < 75; frame++) {
    brush.fillStyle = `hsl(${frame * 7} 80% 50%)`;
    brush.fillRect(0, 0, 320, 240);
    await new Promise((done) => setTimeout(done, 40));
  }
  recorder.stop();
  await ended;
  let text = "";
  for (const byte of new Uint8Array(await new Blob(pieces).arrayBuffer())) text += String.fromCharCode(byte);
  return btoa(text);
}
"""
PLAYED = """
async (video) => {
  const moments = [video.currentTime];
  await video.play();
  for (let look = 0; look < 100 && moments.at(-1) < 0.5; look++) {
    await new Promise((done) => setTimeout(done, 100));
    moments.push(video.currentTime);
  }
  video.pause();
  return { moments, width: video.videoWidth, error: video.error && video.error.message };
}
"""


@pytest.mark.parametrize(
    ("kind", "name"), [("video/webm;codecs=vp8", "colours.webm"), ("video/mp4;codecs=vp9", "colours.mp4")]
)
async def test_the_video_of_a_lesson_plays(site, course, chromium, tab, tmp_path, kind, name):  # noqa: F811
    maker = await chromium.new_page()
    film = base64.b64decode(await maker.evaluate(RECORD, kind))
    await maker.close()
    (tmp_path / name).write_bytes(film)
    async with tab(width=400) as window:
        page = window.page
        await page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => { console.error(event.violatedDirective); });"
        )
        await sign_in(page, *ADMIN, address=f"/staff/courses/{course['id']}")
        await page.set_input_files("#file", tmp_path / name)
        await page.select_option("#purpose", "apply")
        await page.click("form[data-upload] .primary")
        await page.wait_for_selector(".note.good")
        await page.click("ol.outline a")
        video = page.locator("main video")
        await video.wait_for()
        found = await video.evaluate(PLAYED)
        assert found["error"] is None
        assert found["width"] == 320
        assert found["moments"][0] == 0
        assert found["moments"][-1] >= 0.5, found
        # Seeking asks for a part of the file.
        await video.evaluate(
            "(video) => new Promise((done) => { video.onseeked = done; video.currentTime = 0.1; })"
        )
        await good(page, f"documents-video-{name}")
        # With the keyboard alone, too.
        await video.focus()
        await page.keyboard.press("Space")
        await video.evaluate(
            "(video) => new Promise((done) => { video.ontimeupdate = () => video.currentTime > 0.3 && done(); })"
        )


async def test_the_original_comes_back(site, course, tab, tmp_path):  # noqa: F811
    path = build(tmp_path / "Erste Hilfe – Übung „1“.docx", *FIRST[:2])
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=f"/staff/courses/{course['id']}")
        await page.set_input_files("#file", path)
        await page.click("form[data-upload] .primary")
        await page.wait_for_selector("ol.rows")
        async with page.expect_download() as caught:
            await page.click("text=Save the original")
        download = await caught.value
        assert download.suggested_filename == path.name
        await download.save_as(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == path.read_bytes()


async def test_the_chooser_shows_what_is_read(site, course, tab):  # noqa: F811
    async with tab(width=400) as window:
        page = window.page
        await sign_in(page, *ADMIN, address=f"/staff/courses/{course['id']}")
        await page.wait_for_selector(".drop.ready")
        accepted = await page.evaluate("document.querySelector('#file').accept")
        assert accepted.split(",") == list(formats.accepted_suffixes())
        await page.evaluate(DROP, ["film.MOV", base64.b64encode(b"moov").decode()])
        assert "does not read files that are called like that" in await page.inner_text(".queued >> nth=0")
        await page.evaluate(DROP, ["aid.DOCX", base64.b64encode(b"PK").decode()])
        assert await page.inner_text(".queued >> nth=1 >> [data-state-text]") == "1 kB"
        await page.locator(".upload").scroll_into_view_if_needed()
        await good(page, "documents-form")


async def test_a_reading_is_watched_and_cancelled(site, course, tab):  # noqa: F811
    """A document that takes a while: the bar moves by events, and cancelling shows within seconds."""
    async with tab() as window:
        page = window.page
        await sign_in(page, *ADMIN, address=f"/staff/courses/{course['id']}")
        await page.set_input_files("#file", DATA / "python-basics.docx")
        await page.click("form[data-upload] .primary")
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
        await page.click("form[data-upload] .primary")
        await page.wait_for_selector("[data-refused]:not([hidden])")
        assert "empty" in await page.inner_text("[data-refused]")
        await shoot(page, "documents-refused")
        # The browser itself notes the refusal on its console.
        assert all("422" in complaint for complaint in window.complaints)
        window.complaints.clear()
