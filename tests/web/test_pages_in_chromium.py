"""What only a real browser shows: pictures that load, script that reports, layout, keyboard, contrast, policies."""

import asyncio
import os
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright
from tests.conftest import TEMPLATE
from tests.web.chromium import ADMIN, ARGUMENTS, CHROMIUM, Tab, require_chromium, running_site

pytestmark = pytest.mark.browser

DATA = Path(__file__).parents[1] / "data"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
CHOSEN = "seven grey herons at noon"
SHOTS = os.environ.get("PAGE_SHOTS")


@pytest.fixture(scope="module")
def site(cluster, worker_id):
    require_chromium()
    with running_site(cluster.url, TEMPLATE, f"tms_pages_{worker_id}") as running:
        yield running


@pytest.fixture(scope="module")
def course(site):
    """A course made of a real document with pictures, given to a batch with a due date."""
    made = site.api(
        "POST",
        "/courses",
        {
            "title": "Python basics",
            "description": "The language from the first line to functions, with many examples to try.",
            "category": "Programming",
            "templateType": "text-image",
            "difficulty": "beginner",
            "estimatedDuration": 2,
        },
    )
    content = (DATA / "python-basics.docx").read_bytes()
    site.api(
        "POST",
        f"/courses/{made['id']}/upload-content",
        files={"file": ("python-basics.docx", content, WORD)},
    )
    site.api("PUT", f"/courses/{made['id']}/publish")
    return made


@pytest.fixture(scope="module")
def batch(site, course):
    made = site.api(
        "POST",
        "/batches",
        {"name": "Autumn group", "startDate": "2026-10-01", "endDate": "2027-03-31", "capacity": 20},
    )
    site.api("PUT", f"/batches/{made['id']}/courses/{course['id']}", {"dueDate": "2026-11-01"})
    return made


def enrol(site, batch, first_name):
    """A new student of the batch: address and temporary password."""
    email = f"{first_name.lower()}@example.org"
    body = {"firstName": first_name, "lastName": "Learner", "email": email, "batchId": batch["id"]}
    return email, site.api("POST", "/students/enroll", body)["temporaryPassword"]


@pytest.fixture(scope="module")
async def chromium(site):
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def tab(chromium, site):
    """`async with tab(width=..., dark=...) as tab`: a window of its own, which must have no complaints at the end."""

    @asynccontextmanager
    async def make(*, width=1200, height=900, dark=False):
        context = await chromium.new_context(
            base_url=site.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
        )
        made = Tab(await context.new_page())
        try:
            yield made
        except Exception as error:
            error.add_note(f"At {made.page.url}: {(await made.page.inner_text('body'))[:2000]}")
            error.add_note(site.log.read_text()[-3000:])
            raise
        finally:
            await context.close()
        assert made.complaints == []

    return make


async def shoot(page, name):
    """A picture for people who work on the pages; none is taken otherwise."""
    if SHOTS:
        await page.screenshot(path=f"{SHOTS}/{name}.png")
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
        if await page.evaluate("scrollY > 100"):
            await page.screenshot(path=f"{SHOTS}/{name}-end.png")


async def accessible(page):
    """The rules of WCAG and of good practice that a program can check; both colour schemes."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        found = (await Axe().run(page)).response["violations"]
        faults = [(fault["id"], [node["html"][:200] for node in fault["nodes"][:3]]) for fault in found]
        assert faults == [], f"{page.url} {scheme}"


async def fits(page):
    """Nobody has to scroll sideways."""
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    inner, outer = await page.evaluate(widths)
    assert inner <= outer, f"{page.url}: {inner} in {outer}"


async def sign_in(page, email, password, address="/login"):
    await page.goto(address)
    await page.fill("[name=username]", email)
    await page.fill("[name=password]", password)
    await page.click("main button")


async def choose_password(page):
    await page.fill("[name=password-new]", CHOSEN)
    await page.fill("[name=password-confirm]", CHOSEN)
    await page.click("main button")


async def test_a_student_learns(site, course, batch, tab):
    email, temporary = enrol(site, batch, "Nora")
    async with tab() as window:
        page = window.page
        await page.goto("/")
        await shoot(page, "sign-in")
        await sign_in(page, email, temporary)
        await page.wait_for_selector("[name=password-new]")
        await shoot(page, "new-password")
        await choose_password(page)
        await page.wait_for_url("**/my")
        await shoot(page, "my-new")
        assert await page.inner_text("h1") == "My courses"
        assert "Overdue since 1 November 2026" in await page.inner_text("main")
        await page.click(".course .primary")
        await page.wait_for_url("**/sections/*")
        images = await page.eval_on_selector_all(
            ".prose img", "all => all.map(image => [image.complete, image.naturalWidth])"
        )
        assert images
        assert all(complete and width > 0 for complete, width in images), images
        await shoot(page, "section")
        title = await page.inner_text("h1")
        # The script tells that the section was opened, before anything was marked; nobody waits for its answer.
        await page.goto("/my")
        for _ in range(40):
            if "In progress" in await page.inner_text(".course"):
                break
            await asyncio.sleep(0.25)
            await page.reload()
        assert "In progress" in await page.inner_text(".course")
        await page.click(".course .primary")
        assert await page.inner_text("h1") == title
        await page.click("button.primary")
        await page.wait_for_function(f"document.querySelector('h1').innerText !== {title!r}")
        await shoot(page, "section-two")
        await page.goto("/my")
        assert await page.get_attribute("progress", "value") == "16"
        assert "1 of 6 sections done" in await page.inner_text("main")
        await page.click("text=Sign out")
        await page.wait_for_selector("[name=username]")
        await page.goto("/my")
        assert await page.is_visible("[name=password]")


@pytest.fixture(scope="module")
async def learner(site, batch, chromium):
    """A student who has chosen a password, done a section, and left."""
    email, temporary = enrol(site, batch, "Lena")
    context = await chromium.new_context(base_url=site.url)
    page = await context.new_page()
    await sign_in(page, email, temporary)
    await choose_password(page)
    await page.wait_for_url("**/my")
    await page.click(".course .primary")
    await page.click("button.primary")
    await page.wait_for_load_state()
    await context.close()
    return email


async def pages_of(page, start, wanted):
    """Addresses of the pages to look at: those given, and the first link of each pattern found on the way."""
    addresses = [start]
    for where, pattern in wanted:
        await page.goto(where)
        links = await page.eval_on_selector_all("main a", "all => all.map(a => a.getAttribute('href'))")
        addresses.append(next(link for link in links if pattern in link))
    return addresses


async def look_at(page, addresses, name):
    for number, address in enumerate(addresses):
        await page.goto(address)
        await page.emulate_media(color_scheme="dark" if number % 2 else "light")
        await shoot(page, f"{name}-{number}")
        await fits(page)
        await accessible(page)


@pytest.mark.parametrize("width", [360, 1200])
async def test_a_learners_pages_are_for_everybody(site, course, learner, tab, width):
    async with tab(width=width) as window:
        page = window.page
        await page.goto("/login")
        await fits(page)
        await accessible(page)
        await sign_in(page, learner, CHOSEN)
        await page.wait_for_url("**/my")
        addresses = await pages_of(page, "/my", [("/my", "/my/courses/")])
        sections = await pages_of(page, addresses[1], [(addresses[1], "/sections/")])
        await look_at(page, [*addresses, sections[1], f"{addresses[1]}/continue"], f"learner-{width}")
        await look_at(page, [f"{site.url}/realms/tms/account"], f"account-{width}")


@pytest.mark.parametrize("width", [360, 1200])
async def test_the_staffs_pages_are_for_everybody(site, course, batch, learner, tab, width):
    async with tab(width=width) as window:
        page = window.page
        await sign_in(page, *ADMIN)
        await page.wait_for_url("**/staff")
        addresses = [
            "/staff",
            f"/staff/batches/{batch['id']}",
            "/staff/courses",
            f"/staff/courses/{course['id']}",
            "/staff/emails",
        ]
        more = await pages_of(
            page,
            addresses[0],
            [("/staff/emails", "/staff/emails/"), (f"/staff/courses/{course['id']}", "/sections/")],
        )
        await look_at(page, [*addresses, *more[1:]], f"staff-{width}")


async def test_problems_are_for_everybody(learner, tab):
    async with tab(width=360) as window:
        page = window.page
        await sign_in(page, learner, CHOSEN)
        await page.wait_for_url("**/my")
        for address, heading in (
            ("/nothing", "There is no such page"),
            ("/staff", "This page is for trainers"),
        ):
            answer = await page.goto(address)
            assert answer.status in {403, 404}
            assert (await page.inner_text("h1")).startswith(heading)
            await fits(page)
            await accessible(page)
            await shoot(page, f"problem-{answer.status}")
        # The browser notes answers with such a status in its console by itself.
        window.complaints = [text for text in window.complaints if "the server responded with" not in text]


async def test_everything_can_be_done_with_the_keyboard(learner, tab):
    async with tab() as window:
        page = window.page
        await page.goto("/login")
        await focus(page, "username")
        await page.keyboard.type(learner)
        await page.keyboard.press("Tab")
        await page.keyboard.type(CHOSEN)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/my")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        await page.keyboard.press("Enter")
        for _ in range(20):
            await page.keyboard.press("Tab")
            if (await page.evaluate("document.activeElement.innerText")).startswith("Continue"):
                break
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/sections/*")


async def focus(page, name):
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.name") == name:
            return
    raise AssertionError(f"the keyboard does not reach {name}")


async def test_hostile_content_runs_nothing(site, batch, learner, tab):
    made = site.api(
        "POST",
        "/courses",
        {
            "title": "<img src=x onerror=window.__ran=1>",
            "description": "<script>window.__ran=1</script>",
            "category": "Tests",
            "templateType": "text-only",
            "difficulty": "beginner",
            "estimatedDuration": 1,
        },
    )
    content = (
        "<p>before</p><script>window.__ran=1</script><img src=x onerror='window.__ran=1'>"
        "<svg onload='window.__ran=1'></svg><a href='javascript:window.__ran=1'>click</a>"
        "<iframe srcdoc='<script>parent.__ran=1</script>'></iframe><style>body{display:none}</style>"
    )
    body = {"title": "</title><script>window.__ran=1</script>", "content": content}
    section = site.api("POST", f"/courses/{made['id']}/sections", body)
    site.api("PUT", f"/courses/{made['id']}/publish")
    site.api("PUT", f"/batches/{batch['id']}/courses/{made['id']}", {})
    async with tab() as window:
        page = window.page
        await sign_in(page, learner, CHOSEN)
        for address in (
            "/my",
            f"/my/courses/{made['id']}",
            f"/my/courses/{made['id']}/sections/{section['id']}",
        ):
            await page.goto(address)
            assert await page.evaluate("window.__ran === undefined")
        assert "before" in await page.inner_text(".prose")
        await page.click("text=click")
        assert await page.evaluate("window.__ran === undefined")
        # The detector detects: the browser itself would refuse what slipped through.
        await page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<img src=/static/icon.svg onload=window.__ran=1>')"
        )
        await page.wait_for_timeout(300)
        assert await page.evaluate("window.__ran === undefined")
        assert any("Content Security Policy" in text for text in window.complaints)
        window.complaints.clear()
