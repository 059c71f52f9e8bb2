"""TMS on a port of this machine, with its accounts in the genuine Keycloak; and people who use both with a browser."""

import asyncio
import contextlib
from html.parser import HTMLParser
from urllib.parse import urlsplit

import httpx2
import uvicorn

from tests.people import Client
from tms.identity import administrators
from tms.identity.keycloak import realm as realms
from tms.platform.settings import Settings

BOSS = "boss@example.org"
PASSWORD = "nine grey herons at noon 9"


class _Server(uvicorn.Server):
    """Says when it listens, and leaves the signals of the test process alone."""

    def __init__(self, config):
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self.listens.set()

    def capture_signals(self):
        return contextlib.nullcontext()


@contextlib.asynccontextmanager
async def listening(app, port):
    """Serve the application on a port of this machine, from this very process."""
    server = _Server(uvicorn.Config(app, port=port, lifespan="off", log_level="error", access_log=False))
    task = asyncio.create_task(server.serve())
    await server.listens.wait()
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def set_up(at_keycloak, **changed):
    """Tell the realm's clients TMS's address, as `tms keycloak setup` does."""
    known = at_keycloak.settings.model_dump(exclude_unset=True)
    settings = Settings(**known | changed)
    async with realms.opened(settings) as admin:
        async for _ in realms.set_up(admin, settings):
            pass


class _Forms(HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms = []
        self.links = []
        self.words = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "a":
            self.links.append(attributes.get("href", ""))
        elif tag == "form":
            self.forms.append((attributes.get("action", ""), {}))
        elif tag in {"input", "button"} and self.forms and attributes.get("name"):
            self.forms[-1][1][attributes["name"]] = attributes.get("value", "")

    def handle_data(self, data):
        self.words.append(data)


class Page:
    """A page, of TMS or of Keycloak, as a browser shows it."""

    def __init__(self, response):
        self.response = response
        self.url = str(response.url)
        self.path = urlsplit(self.url).path
        parser = _Forms()
        parser.feed(response.text)
        self.forms = parser.forms
        self.links = parser.links
        self.words = " ".join(" ".join(parser.words).split())

    def form(self, *, having):
        """The form with this field, as (action, fields)."""
        for action, fields in self.forms:
            if having in fields:
                return action, dict(fields)
        raise AssertionError(f"{self.url} has no form with {having}: {self.words}")


class Person:
    """One browser, without script, that goes between TMS and Keycloak as it is led."""

    def __init__(self, url):
        self.url = url
        self.http = httpx2.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=30, headers={"Accept": "text/html"}
        )

    async def close(self):
        await self.http.aclose()

    async def open(self, path):
        return await self._follow(await self.http.get(f"{self.url}{path}" if path.startswith("/") else path))

    async def submit(self, page, *, having, **typed):
        action, fields = page.form(having=having)
        fields |= {
            name.replace("_", "-") if name.startswith("password_") else name: value
            for name, value in typed.items()
        }
        address = str(httpx2.URL(page.url).join(action))
        return await self._follow(await self.http.post(address, data=fields))

    async def _follow(self, response):
        for _ in range(12):
            self._keep_cookies()
            if not response.has_redirect_location:
                return Page(response)
            response = await self.http.get(response.url.join(response.headers["location"]))
        raise AssertionError(f"led in circles at {response.url}")

    def _keep_cookies(self):
        # Browsers send cookies that are marked as secure to a loopback address too; Python's cookie jar does not.
        for cookie in self.http.cookies.jar:
            cookie.secure = False

    async def sign_in(self, email, password, address="/login"):
        page = await self.open(address)
        return await self.submit(page, having="username", username=email, password=password)

    async def is_in(self, path="/my"):
        response = await self.http.get(f"{self.url}{path}")
        assert response.status_code in {200, 303}, response.text
        return response.status_code == 200


class Site:
    """TMS at work, its first administrator, and browsers."""

    def __init__(self, app, url, at_keycloak):
        self.app = app
        self.url = url
        self.keycloak = at_keycloak
        self.held = contextlib.AsyncExitStack()

    def browser(self):
        made = Person(self.url)
        self.held.push_async_callback(made.close)
        return made

    async def token(self, email, password):
        for _ in range(3):
            answer = await self.keycloak.password_grant(email, password)
            if answer.status_code == 200:
                break
            # Perhaps an attempt that went before is still under way; two failures within a second would lock them out.
            await asyncio.sleep(1)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    async def client(self, email, password):
        """Requests to the API with a token of Keycloak's."""
        made = Client(self.app, None, None, email, await self.token(email, password))
        made.http.base_url = self.url
        self.held.push_async_callback(made.http.aclose)
        return made

    async def boss(self):
        """The first administrator, as `TMS_ADMIN_*` make one."""
        await administrators.ensure_first(BOSS, PASSWORD)
        return await self.client(BOSS, PASSWORD)

    async def enrol(self, boss, email, first_name="Nora", **fields):
        """A new student; what the API answers."""
        body = {"firstName": first_name, "lastName": "Newcomer", "email": email, **fields}
        return (await boss.post("/students/enroll", body))["data"]

    async def enter(self, browser, enrolled, password=PASSWORD):
        """The first sign-in at Keycloak's own pages, with the forced change of the password."""
        page = await browser.sign_in(enrolled["email"], enrolled["temporaryPassword"])
        return await browser.submit(
            page, having="password-new", password_new=password, password_confirm=password
        )
