"""Pictures of which a mask hides parts: the library gives their pixels without the mask, and does not tell that there is one.

What was hidden is mostly black. Therefore those that may have a mask are drawn, which heeds it; drawing costs many times what taking the
bytes does. The file itself tells which have one: a picture's own description is never packed (ISO 32000-1, 7.5.7).
"""

import mmap
import re
from pathlib import Path

import pypdfium2

from tms.content.pdf.places import Box

_MASK = re.compile(rb"/S?Mask\b")
_WIDTH, _HEIGHT = (
    re.compile(rb"/Width\s+(\d+)\b(?!\s+\d+\s+R)"),
    re.compile(rb"/Height\s+(\d+)\b(?!\s+\d+\s+R)"),
)
_LONGEST = 4000
_MOST = 20_000
_SCALE = 2.0
"""Pixels for each point, at most."""
_MOST_PIXELS = 4_000_000
_SAMPLES = 5000
_HALF, _BRIGHT = 128, 200
"""Of 255."""
_MOST_HIDDEN = 0.005


class Masked:
    """The sizes in pixels of the pictures of a file that may have masks."""

    def __init__(self, path: Path) -> None:
        self._sizes: set[tuple[int, int]] = set()
        self._any = False
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for number, found in enumerate(_MASK.finditer(content)):
                if number == _MOST:
                    self._any = True
                    return
                before = content[max(0, found.start() - _LONGEST) : found.start()].rpartition(b"obj")[2]
                described = before + content[found.start() : found.end() + _LONGEST].partition(b"stream")[0]
                if b"/Image" not in described:
                    continue
                width, height = _WIDTH.search(described), _HEIGHT.search(described)
                if width is None or height is None:
                    self._any = True
                    return
                self._sizes.add((int(width[1]), int(height[1])))

    def may_hold(self, size: tuple[int, int]) -> bool:
        """Whether a picture of this size may have a mask."""
        return self._any or size in self._sizes


def seen(image: pypdfium2.PdfImage, place: Box) -> pypdfium2.PdfBitmap | None:
    """The picture as it is drawn at its place, if anything is hidden that is not as bright as paper; else None."""
    try:
        bitmap = _drawn(image, place)
    except pypdfium2.PdfiumError:
        return None
    pixels = bytes(bitmap.buffer)
    step = 4 * max(1, len(pixels) // (4 * _SAMPLES))
    found = zip(pixels[1::step], pixels[3::step], strict=False)
    hidden = sum(opacity < _HALF and green < _BRIGHT for green, opacity in found)
    return bitmap if hidden > _MOST_HIDDEN * len(pixels) / step else None


def _drawn(image: pypdfium2.PdfImage, place: Box) -> pypdfium2.PdfBitmap:
    """In blue, green, red and opacity, no larger than the picture is; within groups its own measures are not those of the page."""
    left, bottom, right, top = image.get_bounds()
    area = max(1e-6, (right - left) * (top - bottom))
    width, height = image.get_px_size()
    pixels = min(_MOST_PIXELS, width * height, _SCALE * _SCALE * place.width * place.height)
    matrix = image.get_matrix()
    scale = (pixels / area) ** 0.5
    image.set_matrix(matrix.scale(scale, scale))
    try:
        return image.get_bitmap(render=True, scale_to_original=False)
    finally:
        image.set_matrix(matrix)
