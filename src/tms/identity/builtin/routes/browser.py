"""What the pages share: forms, cookies, protection against forged posts, and rendering. Everything works without script."""

import hmac
import secrets as random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from tms.http import assets
from tms.identity.builtin import clients, throttle
from tms.platform import secrets
from tms.platform.settings import get_settings

SESSION_COOKIE = "tms_session"
FORM_COOKIE = "tms_form"
DEVICE_COOKIE = "tms_device"
FORM_FIELD = "form_key"
DEVICE_SECONDS = 365 * 24 * 3600
MOST_FIELDS = 40

_pages = Environment(
    loader=PackageLoader("tms.identity.builtin", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class UnreadableFormError(Exception):
    """A form that no browser of ours has sent; the text says what is wrong with it."""


class ForgedFormError(Exception):
    """A post that does not come from a page of ours in this very browser."""


def realm_path(path: str = "") -> str:
    """The path of a page: `realm_path("account")`."""
    return f"/realms/{get_settings().keycloak_realm}/{path}".rstrip("/")


def fields(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Parameters by name. One that comes twice is refused (RFC 6749, 3.1), since two readers may take either."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableFormError("A parameter comes twice.")
    if any("\x00" in part for pair in pairs for part in pair):
        raise UnreadableFormError("A parameter holds a control character.")
    return found


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a posted form; raises `UnreadableFormError`. Its size was limited at the gate."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise UnreadableFormError("Send the form as application/x-www-form-urlencoded.")
    body = await request.body()
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise UnreadableFormError("The form is not URL-encoded UTF-8, or has too many fields.") from error
    return fields(pairs)


def read_query(request: Request) -> dict[str, str]:
    """The parameters of the address, those without a value left out (RFC 6749, 3.1)."""
    try:
        pairs = parse_qsl(request.url.query, max_num_fields=MOST_FIELDS, errors="strict")
    except (UnicodeDecodeError, ValueError) as error:
        raise UnreadableFormError(
            "The address is not URL-encoded UTF-8, or has too many parameters."
        ) from error
    return fields(pairs)


def _is_secure() -> bool:
    return get_settings().public_url.startswith("https://")


def _cookie_name(name: str) -> str:
    # With this prefix browsers take a cookie only over https, for this host alone.
    return f"__Host-{name}" if _is_secure() else name


def cookie(request: Request, name: str) -> str | None:
    """The value of one of our cookies, if it can be one of ours."""
    value = request.cookies.get(_cookie_name(name))
    return value if value and len(value) <= 100 and value.isascii() and value.isprintable() else None


def set_cookie(response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """A cookie for our pages only; without `seconds` it ends with the browser."""
    response.set_cookie(
        _cookie_name(name),
        value,
        max_age=seconds,
        path="/" if _is_secure() else realm_path(),
        secure=_is_secure(),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, name: str) -> None:
    """Have the browser forget a cookie."""
    set_cookie(response, name, "", seconds=0)


def origin_of(request: Request) -> throttle.Origin:
    """Where a sign-in comes from."""
    address = request.client.host if request.client else ""
    return throttle.Origin(address, cookie(request, DEVICE_COOKIE))


def new_device() -> str:
    """The mark that a browser is given after a sign-in."""
    return random.token_urlsafe(16)


def form_key(form_cookie: str) -> str:
    """The hidden field that goes with a browser's form cookie."""
    return secrets.mac(get_settings().key("forms"), form_cookie).hex()


def check_form(request: Request, form: dict[str, str]) -> None:
    """Raise `ForgedFormError` unless the form was made for this browser, and comes from a page of ours."""
    sent_from = request.headers.get("origin")
    if sent_from is not None and not _is_own_origin(sent_from, request.headers.get("host", "")):
        raise ForgedFormError
    expected = cookie(request, FORM_COOKIE)
    given = form.get(FORM_FIELD, "")
    if expected is None or not hmac.compare_digest(form_key(expected).encode(), given.encode()):
        raise ForgedFormError


def _is_own_origin(origin: str, host: str) -> bool:
    """Our public address, or the host that this very request was sent to, which no other site can choose."""
    own = urlsplit(get_settings().public_url)
    return origin == f"{own.scheme}://{own.netloc}" or (host != "" and origin.partition("://")[2] == host)


def page(
    request: Request, template: str, *, status: int = 200, leads_to: str | None = None, **values: Any
) -> HTMLResponse:
    """A page. `leads_to` is the address of a program that the page's form may redirect to."""
    form_cookie = cookie(request, FORM_COOKIE) or random.token_urlsafe(24)
    targets = f" {clients.form_target(leads_to)}" if leads_to else ""
    content = _pages.get_template(template).render(
        asset=assets.address,
        form_field=FORM_FIELD,
        form_key=form_key(form_cookie),
        path=realm_path,
        public_url=get_settings().links_url,
        **values,
    )
    response = HTMLResponse(
        content,
        status,
        {
            "Content-Security-Policy": (
                "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
                f"form-action 'self'{targets}"
            ),
            "Cache-Control": "no-store",
        },
    )
    if cookie(request, FORM_COOKIE) is None:
        set_cookie(response, FORM_COOKIE, form_cookie)
    return response


def notice(request: Request, title: str, text: str, *, status: int = 200) -> HTMLResponse:
    """A page that says one thing."""
    return page(request, "notice.html", status=status, title=title, text=text)


def refused(request: Request, error: Exception) -> HTMLResponse:
    """The page for a form or address that cannot be worked with."""
    if isinstance(error, ForgedFormError):
        text = (
            "This form was opened too long ago, or in another browser, or cookies are switched off. "
            "Allow cookies for this site, go back, reload the page and try again."
        )
        return notice(request, "The form could not be accepted", text, status=403)
    return notice(request, "This address does not work", str(error), status=400)


def too_many(seconds: int | None) -> dict[str, str]:
    """The headers of an answer that asks to wait."""
    return {"Retry-After": str(seconds)} if seconds is not None else {}
