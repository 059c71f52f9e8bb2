"""From templates to answers: the frame around every page, the policy for what it may load, dates and lessons."""

import itertools
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tms.content.lessons.document import CUT, LOOKED, NUMBERED
from tms.content.schemas import ChangeOut, WordsOut
from tms.courses import html
from tms.http import assets
from tms.platform.settings import get_settings
from tms.web import page_form
from tms.web.sessions import Visitor

_environment = Environment(
    loader=PackageLoader("tms.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

# Not by the locale of the machine: the pages are in English.
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

# What the sanitiser wrote: every attribute is quoted and every `<` of text is escaped, so tags can be told by patterns.
_HEADING = re.compile(r"(</?h)([1-5])(?=[ >])")
_TITLE = re.compile(r"<h1[ >]")
_WITHOUT_ALT = re.compile(r'<img((?: (?!alt=)[a-z]+="[^"]*")*)>')
FEW_KEPT = 2
"""Sections that stay are shown one by one as long as these are not more."""
_FATES = ("same", "inserted", "deleted")
_TABLE = re.compile(r"(<table(?: [a-z]+=\"[^\"]*\")*>.*?</table>)", re.DOTALL)
_PRE = re.compile(r"<pre(?=[ >])")


def content_security_policy() -> str:
    """Everything comes from here; lessons may show pictures from elsewhere, but only by https where we have it too.

    Signing out posts a form whose answer leads to the identity provider, and browsers count that as the form's target.
    """
    settings = get_settings()
    provider = urlsplit(settings.issuer)
    pictures = "https:" if settings.public_url.startswith("https://") else "http: https:"
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        f"img-src 'self' {pictures}; media-src 'self'; form-action 'self' {provider.scheme}://{provider.netloc}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def day(moment: datetime | date) -> str:
    """`24 December 2026`, in the organisation's time zone."""
    if isinstance(moment, datetime):
        moment = moment.astimezone(ZoneInfo(get_settings().tms_timezone))
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def instant(moment: datetime) -> str:
    """`24 December 2026, 18:05 CET`, in the organisation's time zone."""
    local = moment.astimezone(ZoneInfo(get_settings().tms_timezone))
    return f"{day(local)}, {local:%H:%M} {local.tzname()}"


def machine_instant(moment: datetime | date) -> str:
    """The value of a `<time>` element's `datetime`."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return moment.isoformat()


def file_size(count: int) -> str:
    """`1 kB`, `340 kB`, `12.5 MB` of a number of bytes, as browsers and file managers tell it."""
    if count < 1_000_000:
        return f"{max(1, round(count / 1000))} kB"
    return f"{count / 1_000_000:.1f} MB"


def count_changes(runs: Sequence[WordsOut]) -> dict[str, int]:
    """How many words the runs of a difference have: `inserted`, `deleted`, and `shown` in all."""
    counts = {kind: sum(len(run.text.split()) for run in runs if run.kind == kind) for kind in _FATES}
    return {**counts, "shown": sum(counts.values())}


def sentence(text: str) -> str:
    """With a capital letter and a full stop, which what is told in lists goes without."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def kept_together(changes: Sequence[ChangeOut]) -> list[tuple[bool, list[ChangeOut]]]:
    """The lines of a difference in their order; several that stay as they are, one after the other, make one group."""
    groups = [
        (kind == "kept", list(group)) for kind, group in itertools.groupby(changes, lambda one: one.kind)
    ]
    return [(is_kept and len(group) > FEW_KEPT, group) for is_kept, group in groups]


def told_by(confidence: float) -> str:
    """How a reader told that a lesson begins there; nothing where the document says so itself."""
    if confidence > NUMBERED:
        return ""
    if confidence > LOOKED:
        return "Heading told by its number"
    return "Heading told by its looks" if confidence > CUT else "Cut by pages, no heading found"


def lesson(stored: str) -> Markup:
    """A lesson's stored HTML as a part of a page; it was sanitised when it was written.

    Its headings move below the page's own, what may be wider than the page can be scrolled with the keyboard, and a
    picture that nobody described is marked as decoration.
    """
    text = html.with_signed_media(stored)
    if _TITLE.search(text):
        text = _HEADING.sub(lambda found: f"{found[1]}{int(found[2]) + 1}", text)
    text = _WITHOUT_ALT.sub(r'<img\1 alt="">', text)
    text = _TABLE.sub(r'<div class="wide" role="group" aria-label="Table" tabindex="0">\1</div>', text)
    return Markup(_PRE.sub('<pre tabindex="0"', text))  # noqa: S704 - sanitised on write; nothing else is trusted


def link(path: str, **parameters: str | None) -> str:
    """`path` with those parameters that have a value."""
    given = {name: value for name, value in parameters.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


_environment.filters.update(
    day=day,
    instant=instant,
    machine=machine_instant,
    lesson=lesson,
    bytes=file_size,
    sum_words=count_changes,
    thousands="{:,}".format,
    kept_together=kept_together,
    sentence=sentence,
    page_word=page_form.word,
    told_by=told_by,
)
_environment.globals.update(asset=assets.address, link=link)


def page(
    request: Request, template: str, visitor: Visitor | None, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """A page of the template, in the frame of this visitor."""
    return HTMLResponse(
        _environment.get_template(template).render(
            visitor=visitor,
            here=request.url.path,
            account_address=f"{get_settings().issuer}/account",
            **values,
        ),
        status,
        {"Content-Security-Policy": content_security_policy()},
    )
