"""Headers that every answer has, whatever its status: what browsers may and may not do with it."""

from functools import lru_cache

from starlette.datastructures import MutableHeaders

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


@lru_cache(maxsize=2)
def _all(*, https: bool) -> dict[str, str]:
    return {**ALWAYS, **UNLESS_SET, **(ONLY_HTTPS if https else {})}


def complete(headers: MutableHeaders) -> None:
    """Add those that the answer does not set itself."""
    for name, value in _all(https=get_settings().public_url.startswith("https://")).items():
        headers.setdefault(name, value)
