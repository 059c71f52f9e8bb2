"""What must not be in a log is taken out of it: the last line of defence, behind code that does not log it at all."""

import re
import traceback
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

HIDDEN = "[hidden]"
LONGEST = 20_000
DEEPEST = 40
"""Frames of an error that are told: the innermost."""

_NAMED = r"password|passwd|pwd|secret|token|assertion|authorization|cookie|csrf|api[_-]?key|signature|ticket|form_key"
_SECRET_FIELD = re.compile(rf"(?i)(?:\w*_)?(?:{_NAMED})(?:_\w*)?")
_PERSONAL_FIELD = re.compile(
    r"(?i)(?:e_?mail|email_?norm|to_?address|recipient|phone|username|(?:first|last|full|display)_?name|address)"
)

# Every repetition has an end, so that a long line costs no more than its length.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # JSON Web Tokens and sealed values, whole or cut off, wherever they stand.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,4}"), "[token]"),
    (re.compile(r"\bgAAAA[A-Za-z0-9_-]{16,}={0,2}"), "[sealed]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), r"\1 [token]"),
    # Whoever writes a password into an address: scheme://user:password@host.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^\s/@'\"]{0,200}@"), r"\1[hidden]@"),
    # password=..., "password": "...", 'access_token': '...'
    (
        re.compile(
            rf"(?i)([\w-]{{0,40}}(?:{_NAMED})[\w-]{{0,40}}[\"']?\s{{0,5}}[=:]\s{{0,5}})(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s&,;}})\]]+)"
        ),
        r"\1[hidden]",
    ),
    (re.compile(r"(?i)([?&](?:code|key|state|id_token_hint|signature)=)[^\s&\"']+"), r"\1[hidden]"),
    # Addresses, percent-encoded ones too.
    (re.compile(r"[^\s@<>\"'(),:;\[\]\\=&?/]{1,64}(?:@|%40)[^\s@<>\"'(),:;\[\]\\=&?/]{1,255}"), "[address]"),
)

# Their errors quote the values that were at fault.
_TELLTALES = frozenset(
    {"aiosmtplib", "email_validator", "fastapi", "pydantic", "pydantic_core", "psycopg", "sqlalchemy", "lxml"}
)


def text(value: str) -> str:
    """The text without tokens, secrets and addresses, and not all of it where it is very long."""
    if len(value) > LONGEST:
        value = f"{value[:LONGEST]} ... ({len(value)} characters)"
    for pattern, replacement in _PATTERNS:
        value = pattern.sub(replacement, value)
    return value


def fields(values: Mapping[Any, Any]) -> dict[Any, Any]:
    """The fields of a log line; those with a telling name lose their value, and the rest is read through."""
    return {key: HIDDEN if _is_telling(key, value) else _value(value) for key, value in values.items()}


def _is_telling(key: Any, value: Any) -> bool:
    name = str(key)
    return value is not None and bool(_SECRET_FIELD.fullmatch(name) or _PERSONAL_FIELD.fullmatch(name))


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return fields(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(part) for part in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return text(str(value))


def trace(error: ExceptionInfo) -> str:
    """Where an error came from, with the errors behind it. Of libraries that quote what they were given, no message."""
    return text("\nwhich came from:\n".join(_one(found) for found in _chain(error[1])))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, those in it where it is a group, and those behind it; each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        found = waiting.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting.append(found.__cause__ or (None if found.__suppress_context__ else found.__context__))
        if isinstance(found, BaseExceptionGroup):
            waiting.extend(reversed(found.exceptions))


def _one(error: BaseException) -> str:
    return f"{''.join(traceback.format_tb(error.__traceback__, -DEEPEST))}{_name(error)}{_said(error)}"


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _said(error: BaseException) -> str:
    if not any(kind.__module__.partition(".")[0] in _TELLTALES for kind in type(error).__mro__):
        return f": {error}"
    diagnostics = getattr(error, "diag", None)
    state = getattr(error, "sqlstate", None)
    constraint = getattr(diagnostics, "constraint_name", None)
    told = [f"SQLSTATE {state}"] if state else []
    told += [f"constraint {constraint}"] if constraint else []
    return f": {', '.join(told)}" if told else ""
