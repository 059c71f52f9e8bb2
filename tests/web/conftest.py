"""Browsers of people who use the pages: cookies, forms, redirects; and courses for them to read."""

import httpx2
import pytest
from lxml import html

from tms.courses.doctor import CHECKS as COURSE_CHECKS
from tms.operations import doctor
from tms.progress.doctor import CHECKS as PROGRESS_CHECKS

SITE = "http://tms.test"
PASSWORD = "a long and quiet river"


class Page:
    """A page as a browser has it."""

    def __init__(self, response):
        self.response = response
        self.status = response.status_code
        self.path = response.url.raw_path.decode()
        self.text = response.text
        self.document = html.fromstring(response.text) if response.text else None

    @property
    def heading(self):
        return " ".join(self.document.findtext(".//h1").split())

    @property
    def words(self):
        return " ".join(self.document.text_content().split())

    def links(self):
        return [link.get("href") for link in self.document.iter("a")]

    def form(self, having=None, action=None):
        """The form with a field of that name, or with that action."""
        for form in self.document.forms:
            if (having is None or having in form.fields) and (action is None or form.action == action):
                return form
        raise AssertionError(f"no form with {having or action} in {self.text}")


class Browser:
    """What a person does with a browser without script."""

    def __init__(self, app, site):
        self.site = site
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, raise_app_exceptions=True),
            base_url=site,
            follow_redirects=True,
            headers={"Accept": "text/html,application/xhtml+xml"},
        )

    async def open(self, address, status=200, **options):
        return self._page(await self.http.get(address, **options), status)

    async def submit(self, page, form, status=200, headers=None, **values):
        """Fill the form in and send it, as a browser does: with our own `Origin`."""
        fields = dict(form.form_values()) | values
        address = str(httpx2.URL(str(page.response.url)).join(form.action))
        origin = {"Origin": self.site} if headers is None else headers
        return self._page(await self.http.post(address, data=fields, headers=origin), status)

    def _page(self, response, status):
        if response.status_code != status:
            raise AssertionError(f"{response.url}: {response.status_code}: {response.text[:3000]}")
        return Page(response)

    async def sign_in(self, email, password=PASSWORD, address="/login"):
        """Sign in at the provider's own page, on the way to `address`."""
        page = await self.open(address)
        return await self.submit(page, page.form("username"), username=email, password=password)


@pytest.fixture
async def browsers(app, database):
    """`browsers()` gives one more browser, with cookies of its own; `browsers("https://...")` one at that address."""
    made = []

    def make(site=SITE):
        made.append(Browser(app, site))
        return made[-1]

    yield make
    for browser in made:
        await browser.http.aclose()


@pytest.fixture
async def browser(browsers):
    return browsers()


@pytest.fixture
async def admin(people):
    """An administrator who can sign in at the pages; after the test the data keep their promises."""
    yield await people.admin(password=PASSWORD, first_name="Ines", last_name="Admin")
    assert await doctor.examine([*COURSE_CHECKS, *PROGRESS_CHECKS]) == []


@pytest.fixture
async def student(people):
    return await people.student(password=PASSWORD, first_name="Sami", last_name="Student")


@pytest.fixture
async def trainer(people):
    return await people.trainer(password=PASSWORD, first_name="Toni", last_name="Trainer")


class Lessons:
    """Courses as an administrator makes them."""

    def __init__(self, admin):
        self.admin = admin

    async def course(self, *sections, published=True, **fields):
        """A course with these sections (titles or whole bodies); its id and theirs."""
        body = {
            "title": "First aid",
            "description": "What to do until help comes.",
            "category": "Safety",
            "templateType": "text-image",
            "difficulty": "beginner",
            "estimatedDuration": 2,
        }
        course = (await self.admin.post("/courses", body | fields, status=201))["data"]
        ids = []
        for section in sections:
            given = {"title": section, "content": f"<p>About {section}.</p>"}
            made = given if isinstance(section, str) else section
            ids.append((await self.admin.post(f"/courses/{course['id']}/sections", made))["data"]["id"])
        if published:
            await self.admin.put(f"/courses/{course['id']}/publish")
        return course["id"], ids

    async def assign(self, course_id, *students, due=None):
        body = {"studentIds": [str(student.id) for student in students], "dueDate": due}
        await self.admin.post(f"/courses/{course_id}/assignments", body, status=201)


@pytest.fixture
async def lessons(admin):
    return Lessons(admin)
