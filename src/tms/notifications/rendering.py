"""From a template and its values to a subject, a text and an HTML body. Templates are code, what people wrote is data."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from tms.platform.settings import get_settings

LONGEST_SUBJECT = 255
_DIRECTION_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Rendered:
    """The bodies of one e-mail."""

    text: str
    html: str


def as_line(value: str) -> str:
    """One line without control or direction characters, so that no value can pretend to be a line of ours."""
    kept = (
        " " if _breaks(character) else character
        for character in value
        if character not in _DIRECTION_CONTROLS
    )
    return " ".join("".join(kept).split())


def _breaks(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Zl", "Zp"}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return as_line(value)
    if isinstance(value, Mapping):
        return {key: _clean(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(entry) for entry in value]
    return value


def when(value: datetime | str) -> str:
    """An instant as people read it, in the organisation's time zone; the last moment of a day is just the day."""
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    zone = get_settings().tms_timezone
    local = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(ZoneInfo(zone))
    day = f"{local:%A}, {local.day} {local:%B} {local.year}"
    if local.time() >= time(23, 59, 59):
        return day
    return f"{day}, {local:%H:%M} ({zone})"


@lru_cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("tms.notifications"),
        autoescape=select_autoescape(enabled_extensions=("html",), default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["when"] = when
    return found


def subject(template: str, context: Mapping[str, Any]) -> str:
    """The subject: made when the e-mail is queued, from its context alone, so it never holds a secret."""
    source = _environment().get_template(f"{template}/subject.txt")
    return as_line(source.render(_clean(context)))[:LONGEST_SUBJECT]


def bodies(template: str, values: Mapping[str, Any]) -> Rendered:
    """Both bodies; every value of the template must be given."""
    clean = _clean(values)
    text = _environment().get_template(f"{template}/body.txt").render(clean)
    return Rendered(
        text=text.strip() + "\n", html=_environment().get_template(f"{template}/body.html").render(clean)
    )
