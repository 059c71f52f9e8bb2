"""By which names we are called, and which other site's scripts may read our answers: the front end's, and nobody else's.

Scripts send bearer tokens, so no answer lets them send cookies along; pages and their forms stay out of reach.
"""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import Scope

from tms.http.headers import RawHeaders, first
from tms.http.policy import API, Table
from tms.platform.settings import get_settings

# What programs call; the rest is for browsers that are led there.
_FOR_SCRIPTS = re.compile(
    rf"{API}/.*|/realms/[^/]+/(\.well-known/openid-configuration|protocol/openid-connect/(token|revoke|userinfo|certs))"
)
_REQUEST_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match"
_ANSWER_HEADERS = "Accept-Ranges, Content-Disposition, Content-Range, ETag, Idempotency-Replayed, Location, Retry-After, X-Request-Id"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PREFLIGHT_SECONDS = "600"
_PORTS = {"http": 80, "https": 443}

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared, not bound
BACK_CHANNEL_LOGOUT_PATH = "/login/back-channel-logout"
"""Where the sign-in server tells that a sign-in is over (OpenID Connect Back-Channel Logout 1.0)."""
PROBES = frozenset({"/health", "/ready", "/metrics", BACK_CHANNEL_LOGOUT_PATH})
"""Asked by address, by machines that watch over us, and by the sign-in server; these answers hold no links."""


@lru_cache(maxsize=8)
def _origin(url: str) -> str:
    """As browsers write it in `Origin`: in lower case, without the scheme's own port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    named = f"[{host}]" if ":" in host else host
    port = "" if parts.port in {None, _PORTS.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.scheme}://{named}{port}"


def frontend() -> str | None:
    """The origin of `FRONTEND_URL`, where that is not our own."""
    settings = get_settings()
    if settings.frontend_url is None:
        return None
    found = _origin(settings.frontend_url)
    return None if found == _origin(settings.public_url) else found


def share(scope: Scope, raw: RawHeaders) -> None:
    """Let the front end's scripts read the answer, if it was they who asked."""
    allowed = frontend()
    if allowed is None or not _FOR_SCRIPTS.fullmatch(scope["path"]):
        return
    headers = MutableHeaders(raw=raw)
    headers.add_vary_header("Origin")
    if first(scope, b"origin") == allowed:
        headers["Access-Control-Allow-Origin"] = allowed
        headers["Access-Control-Expose-Headers"] = _ANSWER_HEADERS


def preflight(scope: Scope, table: Table) -> Response | None:
    """The answer to a browser that asks whether the front end may do what it is about to do; none for anybody else."""
    headers = Headers(scope=scope)
    wanted = headers.get("access-control-request-method")
    path = scope["path"]
    if scope["method"] != "OPTIONS" or wanted is None or headers.get("origin") is None:
        return None
    if headers.get("origin") != frontend() or not _FOR_SCRIPTS.fullmatch(path):
        return None
    served = [method for method in _METHODS if table.find(method, path)]
    if wanted not in served:
        return None
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Methods": ", ".join(served),
            "Access-Control-Allow-Headers": _REQUEST_HEADERS,
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
        },
    )


def is_our_name(scope: Scope) -> bool:
    """Whether the request was sent to a name of ours; another one is a trick, or a proxy that is set up wrongly.

    The public address's host, the one listened at, and in development this machine's own names. A request without
    `Host` comes from no browser.
    """
    host = first(scope, b"host")
    if host is None or scope["path"] in PROBES:
        return True
    settings = get_settings()
    return _name(host) in _names(
        settings.public_url, settings.tms_host, in_development=settings.tms_env == "development"
    )


@lru_cache(maxsize=8)
def _names(public_url: str, listens_at: str, *, in_development: bool) -> frozenset[str]:
    known = frozenset({(urlsplit(public_url).hostname or "").lower(), listens_at.lower()}) - _EVERYWHERE
    return known | _LOOPBACK if in_development else known


def _name(host: str) -> str:
    """`Host` without its port (RFC 9110, 7.2), in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")
