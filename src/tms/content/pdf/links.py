"""Links on a page: which text lies under them."""

import ctypes
from typing import NamedTuple

import pypdfium2.raw as pdfium

from tms.content.pdf.text import Run, Turn

_MOST = 2000


class _Link(NamedTuple):
    href: str
    left: float
    right: float
    bottom: float
    top: float


def set_links(document: object, page: object, text_page: object, turn: Turn, runs: list[Run]) -> list[Run]:
    """The runs, divided where links begin and end, with the addresses that they lead to."""
    links = _links(document, page, turn)
    for link in links:
        divided: list[Run] = []
        for run in runs:
            inside = link.bottom - 1 <= run.baseline + 0.2 * run.size <= link.top + 1
            if (
                inside
                and min(run.right, link.right) - max(run.left, link.left) > 0.3 * run.size
                and not run.vertical
            ):
                divided += _divide(text_page, turn, run, link)
            else:
                divided.append(run)
        runs = divided
    return runs


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
        corners = [turn.point(box.left, box.bottom), turn.point(box.right, box.top)]
        left, right = sorted(corner[0] for corner in corners)
        bottom, top = sorted(corner[1] for corner in corners)
        found.append(_Link(buffer.value.decode("utf-8", "replace"), left, right, bottom, top))
    return found


def _divide(text_page: object, turn: Turn, run: Run, link: _Link) -> list[Run]:
    """The run in up to three parts, the middle one being under the link."""
    if link.left - 1 <= run.left and run.right <= link.right + 1:
        run.href = link.href
        return [run]
    box = pdfium.FS_RECTF()
    parts: list[Run] = []
    for offset, sign in enumerate(run.text):
        left = right = parts[-1].right if parts else run.left
        if pdfium.FPDFText_GetLooseCharBox(text_page, run.index + offset, box) and box.right > box.left:
            corners = [turn.point(box.left, box.bottom), turn.point(box.right, box.top)]
            left, right = sorted(corner[0] for corner in corners)
        href = link.href if link.left - 0.5 <= (left + right) / 2 <= link.right + 0.5 else run.href
        if parts and parts[-1].href == href:
            parts[-1].text += sign
            parts[-1].left, parts[-1].right = min(parts[-1].left, left), max(parts[-1].right, right)
        else:
            part = Run(sign, left, right, run.baseline, run.size, run.font)
            part.href, part.index, part.raised = href, run.index + offset, run.raised
            parts.append(part)
    return parts
