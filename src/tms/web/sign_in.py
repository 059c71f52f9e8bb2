"""Our part of OpenID Connect: authorization code with PKCE (RFC 7636), refresh, and sign-out at the provider."""

import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth
from itsdangerous import BadSignature, URLSafeTimedSerializer
from joserfc.errors import JoseError
from starlette.types import ASGIApp

from tms.identity import access
from tms.identity.builtin import clients
from tms.identity.patience import CONNECT_SECONDS, READ_SECONDS
from tms.identity.verifier import ALGORITHMS
from tms.platform.caller import Caller
from tms.platform.errors import UnavailableError
from tms.platform.settings import get_settings
from tms.web.errors import SignInFailedError
from tms.web.sessions import ProviderSilentError, Tokens

CALLBACK = "/login/callback"
SCOPE = "openid profile email"
PROTOCOL = "protocol/openid-connect"
UNDER_WAY_SECONDS = 3600
"""How long somebody may take to sign in: reading the rules of a new password and finding the mail takes its time."""
MOST_UNDER_WAY = 4
"""Tabs in which a sign-in was begun and not ended; the oldest is forgotten first."""
LONGEST_ADDRESS = 1000
EARLIER = timedelta(seconds=30)
"""Tokens are renewed this long before they end."""

UnderWay = dict[str, dict[str, str]]
"""By `state`: nonce, verifier and where to go then. Kept in a signed cookie until the browser comes back."""


class SignInUnavailableError(UnavailableError):
    """The identity provider gave no answer that we could use."""

    code = "identity_unavailable"
    title = "The sign-in server does not answer at the moment; try again shortly"


def client(app: ASGIApp) -> Any:
    """Authlib's client of the provider.

    The built-in provider is part of this application and is asked in-process: a call through the network would leave
    the machine and come back through the proxy. Made anew each time: that costs a millisecond and leaves no state behind.
    Its addresses are Keycloak's, which are known: those for browsers, and those at which we reach it ourselves.
    """
    settings = get_settings()
    browsers, ours = (f"{base}/{PROTOCOL}" for base in (settings.issuer, settings.issuer_inside))
    return OAuth().register(
        "tms",
        client_id=settings.keycloak_client_id,
        client_secret=clients.secret(),
        issuer=settings.issuer,
        authorization_endpoint=f"{browsers}/auth",
        end_session_endpoint=f"{browsers}/logout",
        token_endpoint=f"{ours}/token",
        jwks_uri=f"{ours}/certs",
        id_token_signing_alg_values_supported=sorted(ALGORITHMS),
        client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", **_transport(app)},
    )


def _transport(app: ASGIApp) -> dict[str, Any]:
    if get_settings().keycloak_server_url is None:
        return {"transport": httpx2.ASGITransport(app=app, raise_app_exceptions=False), "timeout": 10}
    # Proxies of the environment are for the world outside, and the sign-in server is not there.
    return {"timeout": httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS), "trust_env": False}


def safe_path(path: str | None) -> str | None:
    """`path` if it is an address of our own pages, else none; a link must not lead to somebody else after sign-in."""
    if not path or len(path) > LONGEST_ADDRESS or not path.isascii() or not path.isprintable():
        return None
    if not path.startswith("/") or path.startswith("//") or "\\" in path or " " in path:
        return None
    try:
        parts = urlsplit(path)
    except ValueError:
        return None
    own = not parts.scheme and not parts.netloc and not parts.path.startswith("//")
    return urlunsplit(parts) if own and parts.path not in {"/login", CALLBACK} else None


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(get_settings().key("sign-ins under way"))


def read_under_way(cookie: str | None) -> UnderWay:
    """The sign-ins that this browser has begun."""
    if not cookie:
        return {}
    try:
        found: UnderWay = _signer().loads(cookie, max_age=UNDER_WAY_SECONDS)
    except BadSignature:
        return {}
    return found


def write_under_way(under_way: UnderWay) -> str:
    """The cookie's value."""
    newest = list(under_way.items())[-MOST_UNDER_WAY:]
    return str(_signer().dumps(dict(newest)))


def callback_address() -> str:
    """Where the provider sends browsers back to."""
    return f"{get_settings().public_url}{CALLBACK}"


async def start(app: ASGIApp, under_way: UnderWay, back_to: str | None) -> str:
    """Begin a sign-in: notes it in `under_way` and returns the provider's address for the browser."""
    oauth = client(app)
    try:
        prepared = await oauth.create_authorization_url(callback_address())
    except (httpx2.HTTPError, OAuthError, ValueError) as error:
        raise SignInUnavailableError from error
    under_way[prepared["state"]] = {
        "nonce": prepared["nonce"],
        "verifier": prepared["code_verifier"],
        "next": back_to or "",
    }
    return str(prepared["url"])


async def finish(
    app: ASGIApp, begun: dict[str, str], *, code: str, issuer: str | None
) -> tuple[Caller, Tokens]:
    """Trade the code for tokens and check whose they are.

    Raises `SignInFailedError`, `SignInUnavailableError`, and what `identity.access.authenticate` raises: the person
    is not known here, or disabled.
    """
    if issuer is not None and not secrets.compare_digest(issuer.encode(), get_settings().issuer.encode()):
        # RFC 9207: the answer of another provider.
        raise SignInFailedError("The answer did not come from our sign-in server. Start again.")
    oauth = client(app)
    try:
        token = await oauth.fetch_access_token(
            redirect_uri=callback_address(), code=code, code_verifier=begun["verifier"]
        )
        claims = await oauth.parse_id_token(token, nonce=begun["nonce"])
    except httpx2.HTTPError as error:
        raise SignInUnavailableError from error
    except (OAuthError, JoseError, ValueError, KeyError) as error:
        raise SignInFailedError("The sign-in was used already or took too long. Start again.") from error
    if claims is None or "refresh_token" not in token:
        raise SignInFailedError("The sign-in server's answer is not complete. Start again.")
    caller = await access.authenticate(token["access_token"])
    return caller, Tokens(token["refresh_token"], token["id_token"], _lifetime(token), claims.get("sid"))


async def refresh(app: ASGIApp, refresh_token: str, id_token: str) -> Tokens | None:
    """New tokens for a session, or none where the provider says that its sign-in is over."""
    oauth = client(app)
    try:
        token = await oauth.fetch_access_token(grant_type="refresh_token", refresh_token=refresh_token)
    except OAuthError as error:
        if error.error in {"invalid_grant", "invalid_token"}:
            return None
        raise ProviderSilentError from error
    except (httpx2.HTTPError, ValueError) as error:
        raise ProviderSilentError from error
    if "access_token" not in token:
        raise ProviderSilentError
    return Tokens(
        token.get("refresh_token", refresh_token), token.get("id_token", id_token), _lifetime(token)
    )


def _lifetime(token: dict[str, Any]) -> timedelta:
    return max(timedelta(seconds=int(token.get("expires_in", 300))) - EARLIER, EARLIER)


async def sign_out_address(app: ASGIApp, id_token: str | None) -> str:
    """Where the browser is sent to be signed out at the provider too (RP-initiated logout); it comes back to `/`."""
    settings = get_settings()
    try:
        prepared = await client(app).create_logout_url(
            post_logout_redirect_uri=f"{settings.public_url}/",
            id_token_hint=id_token,
            client_id=settings.keycloak_client_id,
        )
    except (httpx2.HTTPError, RuntimeError, ValueError) as error:
        raise SignInUnavailableError from error
    return str(prepared["url"])


def leave_address() -> str:
    """Where somebody who has no page session, since they may not come in, signs out at the provider."""
    return f"{get_settings().issuer}/{PROTOCOL}/logout"
