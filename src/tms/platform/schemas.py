"""The base of all schemas: camelCase on the wire, snake_case in Python, joined here once."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
)
from pydantic.alias_generators import to_camel

_CANONICAL_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LINE_CONTROLS = frozenset("\t\n\r")
_DIRECTION_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Schema(BaseModel):
    """What answers are made of."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class Body(Schema):
    """What requests carry: unknown fields are refused, so that a misspelt one is not silently ignored."""

    # Only the wire's spelling counts: one field must not have two names.
    model_config = ConfigDict(extra="forbid", populate_by_name=False)


def _text(value: str) -> str:
    for character in value:
        category = unicodedata.category(character)
        if category == "Cs" or (category == "Cc" and character not in _LINE_CONTROLS):
            raise ValueError("must not contain control characters")
    return unicodedata.normalize("NFC", value)


def _line(value: str) -> str:
    text = _text(value)
    if any(character in _LINE_CONTROLS or character in _DIRECTION_CONTROLS for character in text):
        raise ValueError("must be one line without control characters")
    stripped = " ".join(text.split())
    if not stripped:
        raise ValueError("must not be blank")
    return stripped


def is_canonical(text: str) -> bool:
    """Whether an id is spelled as TMS gives it."""
    return _CANONICAL_UUID.fullmatch(text) is not None


def _canonical(value: Any) -> Any:
    if isinstance(value, str) and not is_canonical(value):
        raise ValueError(
            "must be an id such as 0192f0c1-2345-7abc-8def-0123456789ab, in lower case with hyphens"
        )
    return value


def _utc(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


# What `_line` and `_text` refuse, told to clients as patterns; a line also has something in it that can be seen.
_LINE_PATTERN = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$"
_TEXT_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"


def absent() -> Any:
    """The value of a field of a PATCH that was not sent; such fields are never looked at (`exclude_unset`)."""
    return None


def _told(pattern: str) -> dict[str, Any]:
    return {"pattern": pattern}


# Names and titles are one line; longer prose may have line breaks. Lengths are those of the columns.
Line100 = Annotated[
    str, Field(min_length=1, max_length=100, json_schema_extra=_told(_LINE_PATTERN)), AfterValidator(_line)
]
Line255 = Annotated[
    str, Field(min_length=1, max_length=255, json_schema_extra=_told(_LINE_PATTERN)), AfterValidator(_line)
]
Prose = Annotated[
    str, Field(max_length=20_000, json_schema_extra=_told(_TEXT_PATTERN)), AfterValidator(_text)
]
Id = Annotated[UUID, BeforeValidator(_canonical), Field(examples=["0192f0c1-2345-7abc-8def-0123456789ab"])]
Count = Annotated[StrictInt, Field(ge=0, le=2_147_483_647)]
Positive = Annotated[StrictInt, Field(ge=1, le=2_147_483_647)]
Flag = StrictBool
Instant = Annotated[datetime, PlainSerializer(_utc, return_type=str, when_used="json")]
