"""The text of a page as runs: signs of one font that the file sets in one go, with their place.

The library is asked about each run, not about each sign, since every question costs more than the sign itself.
Places are in points, turned so that lines run along x and follow each other downwards in y, whatever way the page or
the writing runs.
"""

import ctypes
import math
import re
import unicodedata
from dataclasses import dataclass, field

import pypdfium2.raw as pdfium

HYPHEN = "\u00ad"
"""Stands for a hyphen at the end of a line that divides a word."""
_DIVIDING = ("\x02", "\ufffe", HYPHEN)
"""What the library gives for it, sign by sign and in a whole text, and what some files hold."""
_NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_ARABIC = re.compile("[\u0620-\u06ff]{2}")
_FIXED_PITCH = 1
_MONO_NAMES = (
    "mono",
    "courier",
    "consolas",
    "menlo",
    "monaco",
    "typewriter",
    "cmtt",
    "inconsolata",
    "sourcecode",
    "lucidacon",
)
_BOLD_NAMES = ("bold", "black", "heavy", "semibold", "demi", "cmbx")
_ITALIC_NAMES = ("italic", "oblique", "cmti", "slanted")
_BOLD_WEIGHT = 600


@dataclass(frozen=True, slots=True)
class Font:
    """How a font looks, told from its name and flags."""

    mono: bool
    bold: bool
    italic: bool


@dataclass(slots=True)
class Run:
    """Text of one font on one line; `size` is that of the font as shown. `turned` text runs across the page's own direction."""

    text: str
    left: float
    right: float
    baseline: float
    size: float
    font: Font
    turned: bool = False
    href: str = ""
    raised: bool = False
    index: int = 0
    vertical: bool = False


@dataclass(slots=True)
class FontBook:
    """The fonts of a document, each looked at once."""

    _known: dict[str, Font] = field(default_factory=dict)
    _name: ctypes.Array[ctypes.c_char] = field(default_factory=lambda: ctypes.create_string_buffer(256))

    def of(self, text_object: object) -> Font:
        """The font of a text object."""
        font = pdfium.FPDFTextObj_GetFont(text_object)
        if not font:
            return _PLAIN
        length = pdfium.FPDFFont_GetBaseFontName(font, self._name, 256)
        name = self._name.value.decode("utf-8", "replace") if 0 < length <= 256 else ""
        if name not in self._known:
            self._known[name] = _describe(
                name, pdfium.FPDFFont_GetFlags(font), pdfium.FPDFFont_GetWeight(font)
            )
        return self._known[name]


_PLAIN = Font(mono=False, bold=False, italic=False)


def _describe(name: str, flags: int, weight: int) -> Font:
    plain = name.rpartition("+")[2].lower().replace(" ", "").replace("-", "")
    return Font(
        mono=any(sign in plain for sign in _MONO_NAMES) or bool(flags & _FIXED_PITCH),
        bold=any(sign in plain for sign in _BOLD_NAMES)
        or (weight >= _BOLD_WEIGHT and "regular" not in plain),
        italic=any(sign in plain for sign in _ITALIC_NAMES),
    )


class TextReader:
    """Asks the library about pages; its buffers are made once."""

    def __init__(self, fonts: FontBook) -> None:
        self._fonts = fonts
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._box = pdfium.FS_RECTF()
        self._matrix = pdfium.FS_MATRIX()

    def runs(self, text_page: object, turn: "Turn") -> list[Run]:
        """The runs of a page in the order in which the file sets them."""
        count = pdfium.FPDFText_CountChars(text_page)
        text = self._text(text_page, count)
        runs: list[Run] = []
        place = 0
        while place < count:
            text_object = pdfium.FPDFText_GetTextObject(text_page, place)
            if not text_object:
                if text[place] == " " and runs and not runs[-1].text.endswith(" "):
                    runs[-1].text += " "
                place += 1
                continue
            end = _end_of_run(text_page, place, count, ctypes.addressof(text_object.contents))
            written = _cleaned("".join(text[place:end]))
            if written.strip():
                runs.append(self._run(text_page, text_object, place, end, written, turn))
            elif runs and written and not runs[-1].text.endswith(" "):
                runs[-1].text += " "
            place = end
        return runs

    @staticmethod
    def _text(text_page: object, count: int) -> list[str] | str:
        """The signs of the page by their index; all at once where each is one unit of UTF-16."""
        buffer = (ctypes.c_ushort * (count + 1))()
        written = pdfium.FPDFText_GetText(text_page, 0, count, buffer) - 1
        if written == count:
            text = bytes(buffer)[: 2 * count].decode("utf-16-le", "replace")
            if len(text) == count:
                return text
        return [chr(pdfium.FPDFText_GetUnicode(text_page, place) or 0xFFFD) for place in range(count)]

    def _run(
        self, text_page: object, text_object: object, start: int, end: int, text: str, turn: "Turn"
    ) -> Run:
        x, y = self._origin(text_page, start)
        last_x, last_y = self._origin(text_page, end - 1)
        pdfium.FPDFText_GetMatrix(text_page, start, self._matrix)
        matrix = self._matrix
        size = pdfium.FPDFText_GetFontSize(text_page, start) * math.hypot(matrix.c, matrix.d)
        corners = [*self._loose(text_page, start), *self._loose(text_page, end - 1)]
        going = turn.vector(matrix.a, matrix.b)
        vertical = (
            end - start > 1 and abs(last_y - y) > abs(last_x - x) and abs(matrix.b) < 0.1 * abs(matrix.a)
        )
        points = [turn.point(*corner) for corner in corners]
        baseline = turn.point(x, y)[1]
        lefts = [point[0] for point in points]
        font = self._fonts.of(text_object)
        if font.mono and " " in text:
            text = self._respaced(text_page, text, start, x, corners)
        elif _ARABIC.search(text):
            text = self._with_ligatures(text_page, text, start)
        run = Run(text, min(lefts), max(lefts), baseline, size or 1.0, font)
        run.index = start
        run.turned = abs(going[1]) > 0.1 * max(abs(going[0]), 1e-6) or going[0] < 0
        if vertical:
            downs = [-point[1] for point in points]
            run.left, run.right = min(downs), max(downs)
            run.baseline = (min(lefts) + max(lefts)) / 2
            run.vertical, run.turned = True, False
        return run

    def _respaced(
        self, text_page: object, text: str, start: int, x: float, corners: list[tuple[float, float]]
    ) -> str:
        """Code with all of its spaces: the library gives one for many, but every sign has its place on the grid."""
        advance = corners[1][0] - corners[0][0]
        if advance <= 0 or abs(round((corners[3][0] - x) / advance) - len(text)) < 1:
            return text
        spaced = ""
        for place, sign in enumerate(text):
            if sign != " " and (not spaced or spaced[-1] == " "):
                column = round((self._origin(text_page, start + place)[0] - x) / advance)
                spaced += " " * min(200, max(0, column - len(spaced)))
            spaced += sign
        return spaced

    def _with_ligatures(self, text_page: object, text: str, start: int) -> str:
        """Signs that are written as one, such as lam and alef, in their order: turning a line around turned them too."""
        places = [self._origin(text_page, start + place)[0] for place in range(len(text))]
        groups: list[str] = []
        for place, sign in enumerate(text):
            if place and places[place] == places[place - 1] and unicodedata.category(sign) == "Lo":
                groups[-1] = sign + groups[-1]
            else:
                groups.append(sign)
        return "".join(groups)

    def _origin(self, text_page: object, place: int) -> tuple[float, float]:
        pdfium.FPDFText_GetCharOrigin(text_page, place, self._x, self._y)
        return self._x.value, self._y.value

    def _loose(self, text_page: object, place: int) -> tuple[tuple[float, float], tuple[float, float]]:
        box = self._box
        pdfium.FPDFText_GetLooseCharBox(text_page, place, box)
        return (box.left, box.bottom), (box.right, box.top)


def _cleaned(text: str) -> str:
    """Text without control characters, its dividing hyphen only at the end."""
    divides = text.rstrip().endswith(_DIVIDING)
    text = _NO_TEXT.sub("", text.replace("\n", " ")).replace(HYPHEN, "")
    return text.rstrip() + HYPHEN if divides else text


def _end_of_run(text_page: object, start: int, count: int, address: int) -> int:
    """The index behind the last sign of the object, found by doubling steps and halving them again."""

    def same(place: int) -> bool:
        found = pdfium.FPDFText_GetTextObject(text_page, place)
        return bool(found) and ctypes.addressof(found.contents) == address

    inside, step = start, 16
    while inside + step < count and same(inside + step):
        inside += step
        step *= 2
    outside = min(count, inside + step)
    while outside - inside > 1:
        middle = (inside + outside) // 2
        if same(middle):
            inside = middle
        else:
            outside = middle
    return inside + 1


@dataclass(frozen=True, slots=True)
class Turn:
    """How a page is shown: turned by quarters (0 to 3, clockwise) within its width and height in points."""

    quarters: int
    width: float
    height: float

    def point(self, x: float, y: float) -> tuple[float, float]:
        """The place as it is seen."""
        if self.quarters == 1:
            return y, self.width - x
        if self.quarters == 2:
            return self.width - x, self.height - y
        if self.quarters == 3:
            return self.height - y, x
        return x, y

    def vector(self, x: float, y: float) -> tuple[float, float]:
        """The direction as it is seen."""
        return ((x, y), (y, -x), (-x, -y), (-y, x))[self.quarters]
