"""Fields that are links, in the only two forms that the converter knows (ECMA-376 part 1, 17.16.5.25)."""

import re

from tms.content.docx.package import value_of
from tms.content.safe_xml import Element, local

_LINK = re.compile(r"\s*HYPERLINK\b(.*)", re.DOTALL)
_WORD = re.compile(r'"([^"]*)"|(\\\w)|([^\s"]+)')
_WITH_WORD = frozenset({r"\l", r"\o", r"\t"})


def settle_links(root: Element) -> None:
    """Leave the address alone in each instruction, without screen tips and frames; it may be cut into several pieces."""
    open_fields: list[list[Element]] = []
    for element in root.iter("{*}fldChar", "{*}instrText"):
        kind = value_of(element, "fldCharType")
        if local(element) == "instrText":
            if open_fields:
                open_fields[-1].append(element)
        elif kind == "begin":
            open_fields.append([])
        elif open_fields:
            _settle(open_fields[-1] if kind == "separate" else open_fields.pop())
            if kind == "separate":
                open_fields[-1] = []


def _settle(pieces: list[Element]) -> None:
    found = _LINK.fullmatch("".join(piece.text or "" for piece in pieces))
    if found is None:
        return
    parts = dict.fromkeys((r"\l", ""), "")
    switch = ""
    for quoted, wanted, bare in _WORD.findall(found[1]):
        if wanted in _WITH_WORD:
            switch = wanted
        elif not wanted:
            parts.setdefault(switch, "")
            parts[switch] = parts[switch] or quoted or bare
            switch = ""
    address, anchor = parts[""], parts[r"\l"]
    whole = f"{address}#{anchor}" if address and anchor else address
    pieces[0].text = f' HYPERLINK "{whole}" ' if whole else f' HYPERLINK \\l "{anchor}" '
    for piece in pieces[1:]:
        piece.text = ""
