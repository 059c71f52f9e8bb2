"""Signs of fonts that have pictures in place of letters (Symbol, Wingdings, Webdings), as the characters that they show."""

from collections import Counter

from mammoth.docx.dingbats import dingbats

from tms.content.docx.package import namespace_of, value_of
from tms.content.safe_xml import Element

FONTS = frozenset[str | None](font for font, _ in dingbats)
# Symbol fonts lay their signs over the private use area, and say so by these codes or by those of letters.
_PRIVATE = range(0xF000, 0xF100)


def settle(root: Element, left_out: Counter[str]) -> None:
    """Replace each inserted symbol by text; what no other font has is left out and counted (ECMA-376 part 1, 17.3.3.30)."""
    for symbol in list(root.iter("{*}sym")):
        code = value_of(symbol, "char") or ""
        shown = _shown(value_of(symbol, "font"), int(code, 16)) if _is_code(code) else None
        symbol.text = shown
        if shown is None:
            left_out["element"] += 1
        symbol.tag = f"{namespace_of(symbol)}t"


def translate(run: Element, font: str | None) -> None:
    """Rewrite the text of a run that is set in one of these fonts."""
    for text in run.iterchildren(f"{namespace_of(run)}t"):
        text.text = "".join(_shown(font, ord(letter)) or letter for letter in text.text or "")


def _is_code(text: str) -> bool:
    return 0 < len(text) < 7 and all(digit in "0123456789abcdefABCDEF" for digit in text)


def _shown(font: str | None, code: int) -> str | None:
    found = dingbats.get((font, code - _PRIVATE.start if code in _PRIVATE else code))
    return None if found is None else chr(found)
