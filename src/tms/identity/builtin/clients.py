"""The two programs that people sign in to: our own pages, and scripts on somebody's machine."""

import base64
import hmac
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from tms.platform.settings import SCRIPTS_CLIENT_ID, get_settings

SCRIPTS = SCRIPTS_CLIENT_ID
CALLBACK_PATH = "/login/callback"
"""Where our own pages, or a front end at `FRONTEND_URL`, take the code."""
LONGEST_REDIRECT = 2000

# RFC 8252, 7.3: a native program listens on a free port of the loopback interface, so any port is good.
_LOOPBACK = re.compile(
    r"http://(?:127\.0\.0\.1|\[::1\]|localhost)(?::([0-9]{1,5}))?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?"
    r"(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
)


@dataclass(frozen=True, slots=True)
class Client:
    """A program; a confidential one proves itself with its secret."""

    id: str
    confidential: bool
    takes_passwords: bool


def find(client_id: str | None) -> Client | None:
    """The program of this id."""
    if client_id == get_settings().keycloak_client_id:
        return Client(client_id, confidential=True, takes_passwords=False)
    if client_id == SCRIPTS:
        return Client(client_id, confidential=False, takes_passwords=True)
    return None


def secret() -> str:
    """The secret of our own pages: `KEYCLOAK_CLIENT_SECRET`, or one that every process derives alike."""
    settings = get_settings()
    if settings.keycloak_client_secret:
        return settings.keycloak_client_secret.get_secret_value()
    return base64.urlsafe_b64encode(settings.key("client secret")).decode().rstrip("=")


def is_authentic(client: Client, given: str | None) -> bool:
    """Whether the program is who it says; a public one has nothing to prove."""
    if not client.confidential:
        return True
    return given is not None and hmac.compare_digest(given.encode(), secret().encode())


def accepts_redirect(client: Client, uri: str) -> bool:
    """Whether codes may be sent there: exactly our callbacks, or for scripts any port of this machine."""
    if len(uri) > LONGEST_REDIRECT:
        return False
    if client.confidential:
        settings = get_settings()
        return uri in {f"{base}{CALLBACK_PATH}" for base in (settings.public_url, settings.links_url)}
    match = _LOOPBACK.fullmatch(uri)
    return match is not None and int(match[1] or 80) <= 65_535


def accepts_landing(uri: str) -> bool:
    """Whether a browser may be sent there after signing out: pages of ours, or of the front end."""
    if len(uri) > LONGEST_REDIRECT or not uri.isascii() or not uri.isprintable() or "\\" in uri:
        return False
    settings = get_settings()
    return any(
        uri == base or uri.startswith(f"{base}/") for base in (settings.public_url, settings.links_url)
    )


def form_target(uri: str) -> str:
    """The source expression (CSP 3, 2.3.1) that lets a form's answer redirect there; brackets cannot be expressed."""
    parts = urlsplit(uri)
    return f"{parts.scheme}:" if "[" in parts.netloc else f"{parts.scheme}://{parts.netloc}"
