"""A browser without script, for the sign-in pages: it keeps cookies, reads forms, and sends them as they stand."""

import base64
import hashlib
import secrets
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import httpx2

from tms.identity import passwords, providers
from tms.platform import db

REALM = "/realms/tms"
PROTOCOL = f"{REALM}/protocol/openid-connect"
LOOPBACK = "http://127.0.0.1:49152/callback"


class _Forms(HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms = []
        self.text = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form":
            self.forms.append((attributes["action"], {}))
        elif tag == "input" and self.forms:
            self.forms[-1][1][attributes["name"]] = attributes.get("value", "")

    def handle_data(self, data):
        self.text.append(data)


def read(answer):
    """All forms of a page as (action, fields), and its text."""
    parser = _Forms()
    parser.feed(answer.text)
    return parser.forms, " ".join(" ".join(parser.text).split())


class Browser:
    """One browser; `address` is where it comes from."""

    def __init__(self, app, address="127.0.0.1"):
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=True, client=(address, 4321))
        self.http = httpx2.AsyncClient(transport=transport, base_url="http://tms.test")

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.http.aclose()

    async def open(self, path, **options):
        return await self.http.get(path, **options)

    async def send(self, answer, *, form=0, headers=None, **typed):
        """Fill in and send a form of a page; names are spelled with `_` for `-`."""
        action, fields = read(answer)[0][form]
        for name, value in typed.items():
            field = name.replace("_", "-") if name.startswith("password") else name
            fields[field] = value
        return await self.http.post(action, data=fields, headers=headers)

    async def sign_in(self, email, password, **asked):
        """From the authorization address to the answer of the sign-in form."""
        page = await self.open(f"{PROTOCOL}/auth", params=asked) if asked else await self.open_account()
        return await self.send(page, username=email, password=password)

    async def open_account(self):
        answer = await self.open(f"{REALM}/account")
        return await self.open(answer.headers["location"]) if answer.is_redirect else answer


def proof():
    """A PKCE verifier and its challenge."""
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def asked(challenge, **changes):
    """What `tms-cli` asks for."""
    wanted = {
        "client_id": "tms-cli",
        "response_type": "code",
        "redirect_uri": LOOPBACK,
        "scope": "openid",
        "state": "a-state",
        "nonce": "a-nonce",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def told(answer):
    """What a redirect tells the program."""
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def exchange(code, verifier, **changes):
    """The token request of `tms-cli` for a code."""
    return {
        "grant_type": "authorization_code",
        "client_id": "tms-cli",
        "code": code,
        "redirect_uri": LOOPBACK,
        "code_verifier": verifier,
        **changes,
    }


def password_grant(email, password, **changes):
    return {
        "grant_type": "password",
        "client_id": "tms-cli",
        "scope": "openid",
        "username": email,
        "password": password,
        **changes,
    }


async def give_temporary_password(person):
    async with db.transaction() as session:
        view = await passwords.issue(session, person.id)
    await providers.current().set_password(person.account_id, view.password, temporary=True)
    return view.password
