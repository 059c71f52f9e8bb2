"""Links on a page: which text lies under them."""

import ctypes
from collections import defaultdict
from dataclasses import replace
from typing import NamedTuple

import pypdfium2.raw as pdfium

from tms.content.pdf.places import Box, Turn
from tms.content.pdf.text import Run

_MOST = 2000
_STRIP = 16.0
"""Points: links are looked for by strips of the page of this height."""
_MOST_IN_STRIP = 64
_HIGHEST = 32_000.0


class _Link(NamedTuple):
    href: str
    box: Box


def set_links(document: object, page: object, text_page: object, turn: Turn, runs: list[Run]) -> list[Run]:
    """The runs, divided where links begin and end, with the addresses that they lead to."""
    links = _links(document, page, turn)
    if not links:
        return runs
    strips = _strips(links)
    divided: list[Run] = []
    for run in runs:
        height = run.baseline + 0.2 * run.size
        parts = [run]
        if not run.vertical:
            for link in strips.get(_strip_at(height), ()):
                if link.box.bottom - 1 <= height <= link.box.top + 1:
                    parts = [
                        part
                        for whole in parts
                        for part in (
                            _divide(text_page, turn, whole, link) if _is_under(whole, link) else [whole]
                        )
                    ]
        divided += parts
    return divided


def _strip_at(height: float) -> int:
    return int(min(max(height, 0.0), _HIGHEST) // _STRIP)


def _strips(links: list[_Link]) -> dict[int, list[_Link]]:
    """The links by the strips that they reach into, from the foot of the page upwards."""
    strips: dict[int, list[_Link]] = defaultdict(list)
    for link in links:
        for number in range(_strip_at(link.box.bottom - 1), _strip_at(link.box.top + 1) + 1):
            if len(strips[number]) < _MOST_IN_STRIP:
                strips[number].append(link)
    return strips


def _is_under(run: Run, link: _Link) -> bool:
    return min(run.right, link.box.right) - max(run.left, link.box.left) > 0.3 * run.size


def _links(document: object, page: object, turn: Turn) -> list[_Link]:
    found: list[_Link] = []
    position, link = ctypes.c_int(0), pdfium.FPDF_LINK()
    while len(found) < _MOST and pdfium.FPDFLink_Enumerate(page, position, link):
        action = pdfium.FPDFLink_GetAction(link)
        if not action or pdfium.FPDFAction_GetType(action) != pdfium.PDFACTION_URI:
            continue
        length = pdfium.FPDFAction_GetURIPath(document, action, None, 0)
        box = pdfium.FS_RECTF()
        if not 1 < length < 5000 or not pdfium.FPDFLink_GetAnnotRect(link, box):
            continue
        buffer = ctypes.create_string_buffer(length)
        pdfium.FPDFAction_GetURIPath(document, action, buffer, length)
        seen = turn.box(box.left, box.bottom, box.right, box.top)
        found.append(_Link(buffer.value.decode("utf-8", "replace"), seen))
    return found


def _divide(text_page: object, turn: Turn, run: Run, link: _Link) -> list[Run]:
    """The run in up to three parts, the middle one being under the link."""
    if link.box.left - 1 <= run.left and run.right <= link.box.right + 1:
        run.href = link.href
        return [run]
    box = pdfium.FS_RECTF()
    parts: list[Run] = []
    for offset, sign in enumerate(run.text):
        left = right = parts[-1].right if parts else run.left
        if pdfium.FPDFText_GetLooseCharBox(text_page, run.index + offset, box) and box.right > box.left:
            left, _, right, _ = turn.box(box.left, box.bottom, box.right, box.top)
        inside = link.box.left - 0.5 <= (left + right) / 2 <= link.box.right + 0.5
        href = link.href if inside else run.href
        if parts and parts[-1].href == href:
            parts[-1].text += sign
            parts[-1].left, parts[-1].right = min(parts[-1].left, left), max(parts[-1].right, right)
        else:
            parts.append(replace(run, text=sign, left=left, right=right, href=href, index=run.index + offset))
    return parts
