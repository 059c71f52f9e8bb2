"""Formulas (Office Math, ECMA-376 part 1, 22.1) written out in one line, such as `ax^0+(b)/(c)`."""

import unicodedata
from collections.abc import Callable

from lxml import etree

from tms.content.docx.package import W_STRICT, W
from tms.content.safe_xml import Element, local

_OVERLINE, _UNDERLINE = "\u0305", "\u0332"
_ABOVE = {
    "^": "\u0302",
    "~": "\u0303",
    "¯": "\u0304",
    "→": "\u20d7",
    "˙": "\u0307",
    "¨": "\u0308",
    "ˇ": "\u030c",
}


def write_out(root: Element) -> None:
    """Replace each formula by a run of text."""
    namespace = W_STRICT if f"{{{W_STRICT}}}" in str(root.tag) else W
    for formula in list(root.iter("{*}oMath")):
        parent = formula.getparent()
        if parent is None:
            continue
        run = etree.Element(f"{{{namespace}}}r")
        text = etree.SubElement(run, f"{{{namespace}}}t")
        text.text = one_line(formula)
        parent.replace(formula, run)
    for paragraph in list(root.iter("{*}oMathPara")):
        _take_runs_out(paragraph)


def _take_runs_out(paragraph: Element) -> None:
    parent = paragraph.getparent()
    if parent is None:
        return
    place = parent.index(paragraph)
    runs = [child for child in paragraph if local(child) == "r"]
    parent.remove(paragraph)
    if local(parent) != "p":
        # A formula may stand where a paragraph does.
        holder = etree.Element(str(runs[0].tag)[:-1] + "p") if runs else None
        if holder is not None:
            holder.extend(runs)
            parent.insert(place, holder)
        return
    for run in reversed(runs):
        parent.insert(place, run)


def one_line(element: Element) -> str:
    """What a formula, or a part of one, says."""
    name = local(element)
    if name == "t":
        return element.text or ""
    if name.endswith("Pr"):
        return ""
    write = _WRITERS.get(name)
    if write is None:
        return "".join(one_line(child) for child in element)
    return write(element, {local(child): child for child in element})


def _write_script(_: Element, parts: dict[str, Element]) -> str:
    return _of(parts, "e") + _raised(parts, "sub", "_") + _raised(parts, "sup", "^")


def _write_fraction(_: Element, parts: dict[str, Element]) -> str:
    return f"({_of(parts, 'num')})/({_of(parts, 'den')})"


def _write_root(_: Element, parts: dict[str, Element]) -> str:
    degree = _of(parts, "deg")
    return f"√({_of(parts, 'e')})" if not degree else f"({_of(parts, 'e')})^(1/{degree})"


def _write_sum(element: Element, parts: dict[str, Element]) -> str:
    sign = _sign(element, "nary", "∫")
    return f"{sign}{_raised(parts, 'sub', '_')}{_raised(parts, 'sup', '^')} {_of(parts, 'e')}"


def _write_brackets(element: Element, _: dict[str, Element]) -> str:
    inner = ", ".join(one_line(child) for child in element if local(child) == "e")
    return f"{_sign(element, 'd', '(', 'begChr')}{inner}{_sign(element, 'd', ')', 'endChr')}"


def _write_function(_: Element, parts: dict[str, Element]) -> str:
    return f"{_of(parts, 'fName')} {_of(parts, 'e')}"


def _write_limit(_: Element, parts: dict[str, Element]) -> str:
    return _of(parts, "e") + _raised(parts, "lim", "_")


def _write_limit_above(_: Element, parts: dict[str, Element]) -> str:
    return _of(parts, "e") + _raised(parts, "lim", "^")


def _write_script_before(_: Element, parts: dict[str, Element]) -> str:
    return _raised(parts, "sub", "_") + _raised(parts, "sup", "^") + _of(parts, "e")


def _write_accent(element: Element, parts: dict[str, Element]) -> str:
    """A sign that is set above, each letter with it: without a sign it is the circumflex (22.1.2.20)."""
    inner, sign = _of(parts, "e"), _sign(element, "acc", "\u0302")
    above = sign if len(sign) == 1 and unicodedata.combining(sign) else _ABOVE.get(sign, "")
    return unicodedata.normalize("NFC", "".join(letter + above for letter in inner))


def _write_bar(element: Element, parts: dict[str, Element]) -> str:
    above = _sign(element, "bar", "bot", "pos") == "top"
    return "".join(f"{letter}{_OVERLINE if above else _UNDERLINE}" for letter in _of(parts, "e"))


def _write_lines(element: Element, _: dict[str, Element]) -> str:
    return "; ".join(one_line(child) for child in element if local(child) == "e")


def _write_matrix(element: Element, _: dict[str, Element]) -> str:
    return "[" + "; ".join(_row(child) for child in element if local(child) == "mr") + "]"


_WRITERS: dict[str, Callable[[Element, dict[str, Element]], str]] = {
    "sSup": _write_script,
    "sSub": _write_script,
    "sSubSup": _write_script,
    "f": _write_fraction,
    "rad": _write_root,
    "nary": _write_sum,
    "d": _write_brackets,
    "m": _write_matrix,
    "func": _write_function,
    "limLow": _write_limit,
    "limUpp": _write_limit_above,
    "sPre": _write_script_before,
    "acc": _write_accent,
    "bar": _write_bar,
    "eqArr": _write_lines,
}


def _row(element: Element) -> str:
    return ", ".join(one_line(child) for child in element)


def _of(parts: dict[str, Element], name: str) -> str:
    return one_line(parts[name]) if name in parts else ""


def _raised(parts: dict[str, Element], name: str, mark: str) -> str:
    text = _of(parts, name)
    if not text:
        return ""
    return f"{mark}{text}" if len(text) == 1 else f"{mark}({text})"


def _sign(element: Element, name: str, otherwise: str, kind: str = "chr") -> str:
    sign = element.find(f"{{*}}{name}Pr/{{*}}{kind}")
    if sign is None:
        return otherwise
    return next(
        (value for attribute, value in sign.attrib.items() if str(attribute).endswith("}val")), otherwise
    )
