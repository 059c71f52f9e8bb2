"""Pictures of a page: their bytes as the file holds them where a browser can show those, else as PNG."""

import ctypes
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pypdfium2
import pypdfium2.raw as pdfium

from tms.content.lessons.markup import UNUSABLE
from tms.content.pdf import masks
from tms.content.pdf.blocks import Figure
from tms.content.pdf.places import Box, Turn
from tms.content.pictures import PIXELS_LIMIT, PictureFolder, UnusablePictureError

_SMALLEST_PIXELS = 24
_SMALLEST_POINTS = 12.0
_WHOLE_PAGE = 0.8
_DEEPEST = 3
_PACKED = {1: 6, 3: 6, 4: 1}
"""How hard a PNG is packed, by its bytes for a pixel; transparent ones are drawn, which costs enough."""
EVERYWHERE = 3
"""On so many pages and on half of them all, a picture is decoration, such as a logo."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture on a page: its place, and its number among those that were kept."""

    page: int
    box: Box
    number: int
    alternative: str

    @property
    def key(self) -> tuple[int, int, int, int]:
        """Equal for one picture at one place of several pages."""
        return round(self.box.left), round(self.box.bottom), round(self.box.right), self.number


@dataclass(slots=True)
class PictureTaker:
    """Takes the pictures out of the pages of a document."""

    folder: PictureFolder
    masked: masks.Masked
    left_out: Counter[str] = field(default_factory=Counter)

    def take(
        self,
        page: pypdfium2.PdfPage,
        objects: list[tuple[int, int]],
        number: int,
        turn: Turn,
        *,
        has_text: bool,
    ) -> list[Placed]:
        """The pictures of a page in their order; a scan below text that was recognised is not one of them.

        `objects` are what stands on the page beside text, by kind and address.
        """
        found = []
        whole = Box(0.0, 0.0, *turn.size)
        alternatives: dict[int, str] | None = None
        for image in _images(page, objects):
            box = _place_of(image, turn)
            if not box.touches(whole) or min(box.width, box.height) < _SMALLEST_POINTS:
                continue
            if has_text and box.share_of(whole) > _WHOLE_PAGE:
                continue
            kept = self._keep(image, box)
            if kept is None:
                continue
            if alternatives is None:
                alternatives = alternatives_of(page)
            mark = pdfium.FPDFPageObj_GetMarkedContentID(image.raw)
            found.append(Placed(number, box, kept, alternatives.get(mark, "")))
        return found

    def keep_bitmap(self, bitmap: pypdfium2.PdfBitmap) -> int | None:
        """The number under which a part of a page is kept as a picture; None where it shows nothing."""
        pixels = bytes(bitmap.buffer)
        if pixels == pixels[:1] * len(pixels):
            return None
        try:
            return self.folder.keep(_png(bitmap))
        except UnusablePictureError:
            self.left_out["picture"] += 1
            return None

    def _keep(self, image: pypdfium2.PdfImage, box: Box) -> int | None:
        width, height = image.get_px_size()
        if min(width, height) < _SMALLEST_PIXELS:
            return None
        if width * height > PIXELS_LIMIT:
            self.left_out[f"{UNUSABLE}a picture of {width} x {height} pixels, too many to show"] += 1
            return None
        try:
            hidden = masks.seen(image, box) if self.masked.may_hold((width, height)) else None
            return self.folder.keep(_content(image) if hidden is None else _png(hidden))
        except (UnusablePictureError, pypdfium2.PdfiumError):
            self.left_out["picture"] += 1
            return None


def figures(placed: list[Placed], pages: int) -> list[Figure]:
    """The pictures as they stand in the text, without those that come back on page after page."""
    seen: dict[tuple[int, int, int, int], set[int]] = {}
    for picture in placed:
        seen.setdefault(picture.key, set()).add(picture.page)
    return [
        Figure(picture.page, picture.box, picture.number, picture.alternative)
        for picture in placed
        if not EVERYWHERE <= len(seen[picture.key]) >= 0.5 * pages
    ]


def _images(page: pypdfium2.PdfPage, objects: list[tuple[int, int]]) -> Iterator[pypdfium2.PdfImage]:
    """Those that stand among the objects or within groups of them."""
    images = [pdfium.FPDF_PAGEOBJ_IMAGE]
    for kind, address in objects:
        if kind not in {pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM}:
            continue
        found = pypdfium2.PdfObject(ctypes.cast(address, pdfium.FPDF_PAGEOBJECT), page=page)
        within = page.get_objects(images, _DEEPEST, found, 1) if kind == pdfium.FPDF_PAGEOBJ_FORM else [found]
        yield from (image for image in within if isinstance(image, pypdfium2.PdfImage))


def _place_of(image: pypdfium2.PdfImage, turn: Turn) -> Box:
    """Where the picture is seen; within groups its place is told in theirs."""
    bounds = image.get_bounds()
    group = image.container
    while group is not None:
        bounds = group.get_matrix().on_rect(*bounds)
        group = group.container
    return turn.box(*bounds)


def _content(image: pypdfium2.PdfImage) -> bytes:
    filters = image.get_filters()
    if filters == ["DCTDecode"]:
        content = bytes(image.get_data(decode_simple=False))
        # Four colours are those of print, which browsers show in other shades.
        if _components(content) in {1, 3}:
            return content
    return _png(image.get_bitmap())


def _components(jpeg: bytes) -> int:
    """The number of colours of a JPEG, 0 if it is none (ITU-T T.81, B.2.2)."""
    place = 2
    while place + 10 <= len(jpeg) and jpeg[place] == 0xFF:
        marker = jpeg[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return jpeg[place + 9]
        place += 2 + int(struct.unpack_from(">H", jpeg, place + 2)[0])
    return 0


def _png(bitmap: pypdfium2.PdfBitmap) -> bytes:
    """The bitmap as PNG (ISO/IEC 15948) of grey, red-green-blue, or with transparency."""
    width, height, stride, mode = bitmap.width, bitmap.height, bitmap.stride, bitmap.mode
    pixels = bytes(bitmap.buffer)
    step = {"L": 1, "BGR": 3, "BGRX": 4, "BGRA": 4}[mode]
    kind, keep = {"L": (0, 1), "BGR": (2, 3), "BGRX": (2, 3), "BGRA": (6, 4)}[mode]
    if stride != width * step:
        pixels = b"".join(pixels[start : start + width * step] for start in range(0, stride * height, stride))
    if keep > 1:
        turned = bytearray(width * height * keep)
        for colour, source in enumerate((2, 1, 0, 3)[:keep]):
            turned[colour::keep] = pixels[source::step]
        pixels = bytes(turned)
    line = width * keep
    rows = b"".join(b"\x00" + pixels[start : start + line] for start in range(0, line * height, line))
    header = struct.pack(">2I5B", width, height, 8, kind, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, _PACKED[keep])), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def alternatives_of(page: pypdfium2.PdfPage) -> dict[int, str]:
    """Alternative texts of a tagged page by the number of the content that they belong to."""
    tree = pdfium.FPDF_StructTree_GetForPage(page.raw)
    if not tree:
        return {}
    found: dict[int, str] = {}
    waiting = [
        (pdfium.FPDF_StructTree_GetChildAtIndex(tree, place), 0)
        for place in range(pdfium.FPDF_StructTree_CountChildren(tree))
    ]
    while waiting and len(found) < 1000:
        element, depth = waiting.pop()
        if not element or depth > 50:
            continue
        text = _alternative(element)
        if text:
            for mark in _marks(element, 0):
                found[mark] = text
        waiting += [
            (pdfium.FPDF_StructElement_GetChildAtIndex(element, place), depth + 1)
            for place in range(max(0, pdfium.FPDF_StructElement_CountChildren(element)))
        ]
    pdfium.FPDF_StructTree_Close(tree)
    return found


def _alternative(element: object) -> str:
    length = pdfium.FPDF_StructElement_GetAltText(element, None, 0)
    if not 2 < length < 20_000:
        return ""
    buffer = ctypes.create_string_buffer(length)
    pdfium.FPDF_StructElement_GetAltText(element, buffer, length)
    return " ".join(buffer.raw[: length - 2].decode("utf-16-le", "replace").split())


def _marks(element: object, depth: int) -> list[int]:
    count = pdfium.FPDF_StructElement_GetMarkedContentIdCount(element)
    own = [
        pdfium.FPDF_StructElement_GetMarkedContentIdAtIndex(element, place) for place in range(max(0, count))
    ]
    if depth > 5:
        return own
    children = max(0, pdfium.FPDF_StructElement_CountChildren(element))
    for place in range(children):
        child = pdfium.FPDF_StructElement_GetChildAtIndex(element, place)
        if child:
            own += _marks(child, depth + 1)
    return own
