"""Numbers and moments as a workbook's number formats show them (ECMA-376 part 1, 18.8.30 and 18.8.31), in English.

A format that depends on whose machine it is, or that this does not know (fractions, conditions, other calendars, names of
months in other languages), gives None: then the value is written as it would be without a format.
"""

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from tms.content.tables import moments
from tms.content.tables.moments import Moment

CODE_LIMIT = 255
PRECISION = 400
_DIGITS = "0#?"
_OF_MOMENTS = "ymdhsbg"
_ACCOUNTS = r'_(* #,##0{0}_);_(* \(#,##0{0}\);_(* "-"_);_(@_)'
# What a number stands for where the workbook does not spell the format. The signs of currencies and the order of day and
# month in 14 and 22 are those of the machine, so they are left out.
BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: "#,##0;-#,##0", 6: "#,##0;-#,##0", 7: "#,##0.00;-#,##0.00",
    8: "#,##0.00;-#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy",
    18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 37: "#,##0_);(#,##0)", 38: "#,##0_);(#,##0)",
    39: "#,##0.00_);(#,##0.00)", 40: "#,##0.00_);(#,##0.00)", 41: _ACCOUNTS.format(""), 42: _ACCOUNTS.format(""),
    43: _ACCOUNTS.format(".00"), 44: _ACCOUNTS.format(".00"), 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0",
}  # fmt: skip
"""Formats by their number."""

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<room>.)|\*(?P<fill>.)|\[\$(?P<currency>[^\]-]*)(?:-(?P<locale>[^\]]*))?\]'
    r"|\[(?P<bracket>[^\]]*)\]|(?P<exponent>E[+-])(?=0)|(?P<sign>.)",
    re.DOTALL | re.IGNORECASE,
)
_COLOUR = re.compile(r"(?:black|blue|cyan|green|magenta|red|white|yellow|colou?r ?\d{1,2})", re.IGNORECASE)
_GENERAL = re.compile("general", re.IGNORECASE)


class _Token(NamedTuple):
    """A part of a format: `text` to be written as it is, or a sign that means something; `e` begins an exponent."""

    text: str
    means: bool


_Section: TypeAlias = tuple[_Token, ...]


def written(value: float | Moment, code: str) -> str | None:
    """The value as the format shows it, or None where that cannot be told."""
    if len(code) > CODE_LIMIT:
        return None
    return _number(value, code) if isinstance(value, int | float) else moments.written(value, code)


def _number(value: float, code: str) -> str | None:
    sections = _sections(code)
    number = Decimal(f"{value:.15g}")
    if sections is None or not number.is_finite():
        return None
    section, is_signed = _choose(sections, number)
    try:
        with localcontext(prec=PRECISION):
            shown = _write(section, abs(number))
    except InvalidOperation:
        # More digits than any sheet shows.
        return None
    if shown is None:
        return None
    sign = "-" if number < 0 and is_signed and any(digit in shown for digit in "123456789") else ""
    return f"{sign}{' '.join(shown.split())}"


def _choose(sections: tuple[_Section, ...], number: Decimal) -> tuple[_Section, bool]:
    """The section for a number, and whether a minus has to be written before it: one for negatives has its own sign."""
    if number < 0 and len(sections) > 1:
        return sections[1], False
    if number == 0 and len(sections) > 2:
        return sections[2], False
    return sections[0], True


@lru_cache(maxsize=1000)
def _sections(code: str) -> tuple[_Section, ...] | None:
    found: list[list[_Token]] = [[]]
    for token in _TOKEN.finditer(code):
        if token["bracket"] is not None and not _COLOUR.fullmatch(token["bracket"]):
            return None
        if token["sign"] and token["sign"].lower() in _OF_MOMENTS:
            return None
        if token["sign"] == ";":
            found.append([])
        elif token["exponent"]:
            found[-1].append(_Token(token["exponent"].lower(), means=True))
        elif token["sign"]:
            found[-1].append(_Token(token["sign"], means=token["sign"] in f"{_DIGITS}.,%@/"))
        else:
            words = token["quoted"] or token["escaped"] or token["currency"] or (" " if token["room"] else "")
            found[-1].append(_Token(words, means=False))
    if _GENERAL.search(code) or any(
        token == _Token("/", means=True) for section in found for token in section
    ):
        return None
    return tuple(tuple(section) for section in found)


def _write(section: _Section, number: Decimal) -> str | None:
    if not any(token.means and token.text in _DIGITS for token in section):
        # Words alone stand for every number; a place for text shows none.
        return None if any(token == _Token("@", means=True) for token in section) else _words(section)
    number *= 100 ** sum(token == _Token("%", means=True) for token in section)
    at = next((at for at, token in enumerate(section) if token.means and token.text[0] == "e"), None)
    if at is not None:
        return _with_exponent(section, at, number)
    return _plain(section, number)


def _words(section: _Section) -> str:
    return "".join(token.text for token in section if not token.means or token.text == "%")


def _plain(section: _Section, number: Decimal) -> str:
    point = next((at for at, token in enumerate(section) if token == _Token(".", means=True)), len(section))
    whole, behind = section[:point], section[point:]
    places = [at for at, token in enumerate(whole) if token.means and token.text in _DIGITS]
    commas = [at for at, token in enumerate(whole) if token == _Token(",", means=True)]
    last = places[-1] if places else -1
    # Commas behind the last digit divide by a thousand each; one between digits parts thousands.
    number /= Decimal(1000) ** (sum(at > last for at in commas) + behind.count(_Token(",", means=True)))
    decimals = [token.text for token in behind if token.means and token.text in _DIGITS]
    rounded = number.quantize(Decimal(1).scaleb(-len(decimals)), ROUND_HALF_UP)
    digits, _, fraction = f"{rounded:f}".partition(".")
    least = sum(whole[at].text == "0" for at in places)
    digits = digits.lstrip("0").rjust(least, "0")
    return _whole(whole, digits, grouped=any(at < last for at in commas)) + _behind(behind, fraction)


def _whole(section: _Section, digits: str, *, grouped: bool) -> str:
    """The digits in their places, from the right; the first place takes all that are left."""
    pieces: list[str] = []
    places = sum(token.means and token.text in _DIGITS for token in section)
    used = 0
    for token in reversed(section):
        if not token.means:
            pieces.append(token.text)
        elif token.text == "%":
            pieces.append("%")
        elif token.text in _DIGITS:
            places -= 1
            for _ in range(max(0, len(digits) - used) if places == 0 else int(used < len(digits))):
                pieces.append("," if grouped and used and used % 3 == 0 else "")
                used += 1
                pieces.append(digits[-used])
    return "".join(reversed(pieces))


def _behind(section: _Section, fraction: str) -> str:
    """The point and what follows; places that may be empty are where only zeros would stand."""
    kinds = [token.text for token in section if token.means and token.text in _DIGITS]
    while kinds and kinds[-1] != "0" and fraction.endswith("0"):
        kinds.pop()
        fraction = fraction[:-1]
    left = iter(fraction)
    written = []
    for token in section:
        if not token.means or token.text == "%":
            written.append(token.text)
        elif token.text == ".":
            # A point with nothing behind it is left out, although spreadsheets show it.
            written.append("." if fraction else "")
        elif token.text in _DIGITS:
            written.append(next(left, ""))
    return "".join(written)


def _with_exponent(section: _Section, at: int, number: Decimal) -> str:
    decimals, point = 0, False
    for token in section[:at]:
        point = point or token == _Token(".", means=True)
        decimals += point and token.means and token.text in _DIGITS
    mantissa, _, power = f"{number:.{decimals}E}".partition("E")
    least = sum(token.means and token.text == "0" for token in section[at:])
    sign = "-" if power.startswith("-") else "+" if section[at].text == "e+" else ""
    before = "".join(token.text for token in section[:at] if not token.means)
    return f"{before}{mantissa}E{sign}{power.lstrip('+-').rjust(least, '0')}"
