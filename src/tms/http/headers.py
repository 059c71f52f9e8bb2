"""Headers that every answer has, whatever its status: what browsers may and may not do with it."""

from functools import lru_cache

from starlette.types import Scope

from tms.platform.settings import get_settings

FEATURES = (
    "accelerometer",
    "browsing-topics",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "serial",
    "usb",
)
"""Of browsers, and none of ours."""

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in FEATURES),
}
# For what says nothing else: pages and the few files that may be kept do.
UNLESS_SET = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
# RFC 6797. Not for neighbours under the same domain, which are not ours to decide about.
ONLY_HTTPS = {"Strict-Transport-Security": f"max-age={365 * 24 * 3600}"}


RawHeaders = list[tuple[bytes, bytes]]
"""As ASGI has them: names in lower case."""


def first(scope: Scope, name: bytes) -> str | None:
    """The value of a request's header, the first where it came several times; `name` in lower case."""
    for found, value in scope["headers"]:
        if found == name:
            text: str = value.decode("latin-1")
            return text
    return None


@lru_cache(maxsize=2)
def _all(*, https: bool) -> RawHeaders:
    chosen = {**ALWAYS, **UNLESS_SET, **(ONLY_HTTPS if https else {})}
    return [(name.lower().encode(), value.encode()) for name, value in chosen.items()]


def complete(headers: RawHeaders) -> None:
    """Add those that the answer does not set itself."""
    there = {name for name, _ in headers}
    https = get_settings().public_url.startswith("https://")
    headers.extend(pair for pair in _all(https=https) if pair[0] not in there)
