"""Dates, times of day and durations as a workbook's number formats show them, in English and in our calendar."""

import datetime as dt
import re
from functools import lru_cache
from typing import NamedTuple, TypeAlias

Moment: TypeAlias = dt.datetime | dt.date | dt.time | dt.timedelta

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<room>.)|\*(?P<fill>.)|\[\$(?P<currency>[^\]-]*)(?:-(?P<locale>[^\]]*))?\]'
    r"|\[(?P<elapsed>h+|m+|s+)\]|(?P<bracket>\[[^\]]*\])|(?P<noon>AM/PM|A/P)|(?P<part>y+|m+|d+|h+|s+|\.0+)"
    r"|(?P<unknown>[egb0#?@])|(?P<end>;)|(?P<sign>.)",
    re.IGNORECASE | re.DOTALL,
)
_COLOUR = re.compile(
    r"\[(?:black|blue|cyan|green|magenta|red|white|yellow|colou?r ?\d{1,2})\]", re.IGNORECASE
)
# Locales are numbers; the low byte of those of English is 9 ([MS-LCID] 2.2).
_ENGLISH = re.compile(r"(?:[0-9a-f]{0,6}?)09", re.IGNORECASE)
_OF_THE_SYSTEM = re.compile(r"F[48]00|x-sys.*", re.IGNORECASE)
_DAY = dt.timedelta(days=1)
_ZERO = dt.datetime(1899, 12, 31)  # noqa: DTZ001  workbooks know no time zones


class _Piece(NamedTuple):
    """Words, or what stands for a part of a moment: `y` to `s`, `noon`, `fraction`, `minute`, `elapsed h` and so on."""

    kind: str
    text: str


def written(value: Moment, code: str) -> str | None:
    """The moment as the format shows it, or None where that cannot be told."""
    pieces = _pieces(code)
    if pieces is None:
        return None
    has_noon = any(piece.kind == "noon" for piece in pieces)
    moment, elapsed = _spread(value)
    found = [_part(piece, moment, elapsed, has_noon=has_noon) for piece in pieces]
    return None if None in found else " ".join("".join(part or "" for part in found).split())


def _spread(value: Moment) -> tuple[dt.datetime | None, dt.timedelta]:
    """The moment with day and time, None for a duration that is none; and the time since it began at zero."""
    if isinstance(value, dt.timedelta):
        return (_ZERO + value % _DAY, value)
    if isinstance(value, dt.time):
        moment = dt.datetime.combine(_ZERO.date(), value)
    elif isinstance(value, dt.datetime):
        moment = value.replace(tzinfo=None)
    else:
        moment = dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001  workbooks know no time zones
    return moment, moment - _ZERO


@lru_cache(maxsize=1000)
def _pieces(code: str) -> tuple[_Piece, ...] | None:
    found: list[_Piece] = []
    for token in _TOKEN.finditer(code):
        if token["end"]:
            break
        if token["unknown"] or (token["bracket"] and not _COLOUR.fullmatch(token["bracket"])):
            return None
        if token["locale"] and _OF_THE_SYSTEM.fullmatch(token["locale"]):
            return None
        found.append(_piece(token))
    pieces = _with_minutes(found)
    foreign = any(
        token["locale"] and not _ENGLISH.fullmatch(token["locale"]) for token in _TOKEN.finditer(code)
    )
    names = any(piece.kind in {"m", "d"} and len(piece.text) > 2 for piece in pieces)
    is_moment = any(piece.kind != "words" for piece in pieces)
    return pieces if is_moment and not (foreign and (names or _has_noon(pieces))) else None


def _has_noon(pieces: tuple[_Piece, ...]) -> bool:
    return any(piece.kind == "noon" for piece in pieces)


def _piece(token: re.Match[str]) -> _Piece:
    if token["noon"]:
        return _Piece("noon", token["noon"])
    if token["elapsed"]:
        return _Piece(f"elapsed {token['elapsed'][0].lower()}", token["elapsed"])
    if token["part"]:
        kind = token["part"][0].lower()
        return _Piece("fraction" if kind == "." else kind, token["part"])
    words = token["quoted"] or token["escaped"] or token["currency"] or token["sign"] or ""
    return _Piece("words", " " if token["room"] else words)


def _with_minutes(pieces: list[_Piece]) -> tuple[_Piece, ...]:
    """`m` is a minute right behind hours or right before seconds, else a month."""
    parts = [at for at, piece in enumerate(pieces) if piece.kind not in {"words", "noon", "fraction"}]
    for place, at in enumerate(parts):
        before = pieces[parts[place - 1]].kind if place else ""
        behind = pieces[parts[place + 1]].kind if place + 1 < len(parts) else ""
        if pieces[at].kind == "m" and (before in {"h", "elapsed h"} or behind in {"s", "elapsed s"}):
            pieces[at] = _Piece("minute", pieces[at].text)
    return tuple(pieces)


def _part(piece: _Piece, moment: dt.datetime | None, elapsed: dt.timedelta, *, has_noon: bool) -> str | None:
    width = len(piece.text)
    if piece.kind == "words":
        return piece.text
    if piece.kind.startswith("elapsed"):
        seconds = int(elapsed.total_seconds())
        divisor = {"h": 3600, "m": 60, "s": 1}[piece.kind[-1]]
        return f"{seconds // divisor:0{width}d}" if seconds >= 0 else None
    return None if moment is None else _of_moment(piece.kind, width, moment, has_noon=has_noon)


def _of_moment(kind: str, width: int, moment: dt.datetime, *, has_noon: bool) -> str:
    two = min(width, 2)
    hour = (moment.hour % 12 or 12) if has_noon else moment.hour
    return {
        "y": f"{moment.year % 100:02d}" if width <= two else f"{moment.year:04d}",
        "m": _named(_MONTHS[moment.month - 1], moment.month, width),
        "d": _named(_DAYS[moment.weekday()], moment.day, width),
        "h": f"{hour:0{two}d}",
        "minute": f"{moment.minute:0{two}d}",
        "s": f"{moment.second:0{two}d}",
        "fraction": f".{moment.microsecond:06d}"[:width],
        "noon": "AM" if moment.hour < 12 else "PM",
    }[kind]


def _named(name: str, number: int, width: int) -> str:
    """One digit or two, three letters of the name, all of it, or (of months) the first one."""
    return {1: str(number), 2: f"{number:02d}", 3: name[:3], 5: name[0]}.get(width, name)
