"""The library's calls, made for many places of a page at once.

A call through ctypes costs more than what it does, and most of that is Python's. Four fifths of it go away with a loop that runs in C
(`map`), arguments that need no conversion, room for answers that is made once, and Python's lock held, as in a process of one thread.
A page is therefore read by one thread at a time, as the library itself demands.
"""

import ctypes
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any, TypeAlias

import pypdfium2.raw as pdfium

_ADDRESS, _NUMBER = ctypes.c_void_p, ctypes.c_int
Handle: TypeAlias = ctypes.c_void_p
_STEPS_OF_RECTANGLE = 6


def _call(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """The library's function, taking and giving addresses as numbers."""
    address = ctypes.cast(getattr(pdfium, name), _ADDRESS).value
    function: Callable[..., Any] = ctypes.CFUNCTYPE(result, *arguments)(address or 0)
    return function


def _bare_call(name: str, result: Any) -> Callable[..., Any]:
    """The library's function without conversions: it takes numbers as `int`, addresses as `c_void_p` and nothing else."""
    address = ctypes.cast(getattr(pdfium, name), _ADDRESS).value
    function: Callable[..., Any] = ctypes.PYFUNCTYPE(result)(address or 0)
    return function


class _Room:
    """Room for the answers of many calls: `values` of one kind, some for each call."""

    def __init__(self, kind: str, width: int) -> None:
        self._kind = kind
        self._width = width
        self.values: array[float] = array(kind)
        self._pointers: list[ctypes.c_void_p] = []

    def pointers(self, count: int) -> list[ctypes.c_void_p]:
        """Where the answers of at least so many calls go."""
        if count > len(self._pointers):
            count = max(256, 2 * count)
            self.values = array(self._kind, bytes(self.values.itemsize * self._width * count))
            start, step = self.values.buffer_info()[0], self.values.itemsize * self._width
            self._pointers = [_ADDRESS(start + step * place) for place in range(count)]
        return self._pointers


_XS, _YS, _BOXES = _Room("d", 1), _Room("d", 1), _Room("f", 4)
_signs = _call("FPDFText_GetText", _NUMBER, _ADDRESS, _NUMBER, _NUMBER, _ADDRESS)
_unicode = _bare_call("FPDFText_GetUnicode", ctypes.c_uint)
_object_at = _bare_call("FPDFText_GetTextObject", _ADDRESS)
_origin = _bare_call("FPDFText_GetCharOrigin", _NUMBER)
_loose_box = _bare_call("FPDFText_GetLooseCharBox", _NUMBER)
_tight_box = _call("FPDFText_GetCharBox", _NUMBER, _ADDRESS, _NUMBER, _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS)
_font = _call("FPDFTextObj_GetFont", _ADDRESS, _ADDRESS)
_matrix = _call("FPDFText_GetMatrix", _NUMBER, _ADDRESS, _NUMBER, _ADDRESS)
_size = _call("FPDFText_GetFontSize", ctypes.c_double, _ADDRESS, _NUMBER)
_font_name = _call("FPDFFont_GetBaseFontName", ctypes.c_size_t, _ADDRESS, _ADDRESS, ctypes.c_size_t)
_font_flags = _call("FPDFFont_GetFlags", _NUMBER, _ADDRESS)
_font_weight = _call("FPDFFont_GetWeight", _NUMBER, _ADDRESS)
_name = ctypes.create_string_buffer(256)
_count_objects = _call("FPDFPage_CountObjects", _NUMBER, _ADDRESS)
_count_form_objects = _call("FPDFFormObj_CountObjects", _NUMBER, _ADDRESS)
_form_object = _call("FPDFFormObj_GetObject", _ADDRESS, _ADDRESS, ctypes.c_ulong)
_bounds = _call("FPDFPageObj_GetBounds", _NUMBER, _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS)
_steps = _call("FPDFPath_CountSegments", _NUMBER, _ADDRESS)
_step = _call("FPDFPath_GetPathSegment", _ADDRESS, _ADDRESS, _NUMBER)
_kind_of_step = _call("FPDFPathSegment_GetType", _NUMBER, _ADDRESS)
_point = _call("FPDFPathSegment_GetPoint", _NUMBER, _ADDRESS, _ADDRESS, _ADDRESS)
_matrix_of = _call("FPDFPageObj_GetMatrix", _NUMBER, _ADDRESS, _ADDRESS)
_mark = _call("FPDFPageObj_GetMarkedContentID", _NUMBER, _ADDRESS)
_kind = _call("FPDFPageObj_GetType", _NUMBER, _ADDRESS)
_page_object = _bare_call("FPDFPage_GetObject", _ADDRESS)


def address(handle: Any) -> Handle:
    """The address that a handle of the library is; what follows takes pages and their texts as such."""
    return _ADDRESS(ctypes.addressof(handle.contents))


def text_of(text_page: Handle, count: int) -> str:
    """The signs of the page by their index."""
    buffer = array("H", bytes(2 * count + 2))
    written = _signs(text_page, 0, count, buffer.buffer_info()[0]) - 1
    if written == count:
        text = buffer.tobytes()[: 2 * count].decode("utf-16-le", "replace")
        if len(text) == count:
            return text
    # Some signs are two units of UTF-16.
    return "".join(chr(sign or 0xFFFD) for sign in map(_unicode, repeat(text_page), range(count)))


def objects_at(text_page: Handle, places: Iterable[int]) -> list[int | None]:
    """The text object that each sign belongs to; None for signs that only the library sees, such as ends of lines."""
    return list(map(_object_at, repeat(text_page), places))


def origins(text_page: Handle, places: Sequence[int]) -> tuple[Sequence[float], Sequence[float]]:
    """Where the signs stand, x and y."""
    count = len(places)
    deque(map(_origin, repeat(text_page), places, _XS.pointers(count), _YS.pointers(count)), 0)
    return _XS.values[:count], _YS.values[:count]


def loose_boxes(text_page: Handle, places: Sequence[int]) -> tuple[Sequence[float], ...]:
    """What the signs take of their lines: left, top, right, bottom."""
    count = len(places)
    deque(map(_loose_box, repeat(text_page), places, _BOXES.pointers(count)), 0)
    return tuple(_BOXES.values[side : 4 * count : 4] for side in range(4))


def fonts(text_objects: Iterable[int | None]) -> list[int | None]:
    """The font of each text object, which is known by its address for as long as the page is open."""
    return list(map(_font, text_objects))


def shape(text_page: Handle, place: int) -> tuple[float, float, float, float, float]:
    """How a sign is drawn: the size of its font, and the four numbers that stretch and turn it (ISO 32000-1, 8.3.3)."""
    found = array("f", bytes(24))
    _matrix(text_page, place, found.buffer_info()[0])
    return _size(text_page, place), found[0], found[1], found[2], found[3]


def bounds(objects: Sequence[int]) -> list[tuple[float, float, float, float]]:
    """What each object takes of the page: left, bottom, right, top."""
    count = len(objects)
    found = array("f", bytes(16 * count))
    start = found.buffer_info()[0]
    sides = [range(start + 4 * side, start + 4 * side + 16 * count, 16) for side in range(4)]
    deque(map(_bounds, objects, *sides), 0)
    return list(zip(*(found[side::4] for side in range(4)), strict=True))


def is_rectangle(path: int) -> bool:
    """Whether a path is a rectangle, or as simple as one: a few straight steps of the pen."""
    count = _steps(path)
    return 0 <= count <= _STEPS_OF_RECTANGLE and all(
        _kind_of_step(_step(path, place)) != pdfium.FPDF_SEGMENT_BEZIERTO for place in range(count)
    )


def points_of(path: int, most: int) -> list[tuple[float, float]]:
    """The points that a path leads to, and those that bend it, in its own coordinates; none if they are more than `most`."""
    count = _steps(path)
    if not 0 < count <= most:
        return []
    found = array("f", bytes(8 * count))
    start = found.buffer_info()[0]
    for place in range(count):
        _point(_step(path, place), start + 8 * place, start + 8 * place + 4)
    return list(zip(found[::2], found[1::2], strict=True))


def within(form: int, most: int) -> list[tuple[int, int]]:
    """The first `most` objects that a group holds: the kind of each and its address."""
    found = [_form_object(form, place) for place in range(min(most, _count_form_objects(form)))]
    return [(_kind(one), one) for one in found]


def matrix_of(page_object: int) -> tuple[float, ...]:
    """How an object is stretched, turned and moved: six numbers (ISO 32000-1, 8.3.3)."""
    found = array("f", bytes(24))
    _matrix_of(page_object, found.buffer_info()[0])
    return tuple(found)


def mark_of(page_object: int) -> int:
    """The number of the tagged content that an object belongs to, -1 for none."""
    return int(_mark(page_object))


def holds_drawing(form: int) -> bool:
    """Whether a group of objects has anything drawn in it, and no picture, which is taken out by itself."""
    kinds = [_kind(_form_object(form, place)) for place in range(_count_form_objects(form))]
    return pdfium.FPDF_PAGEOBJ_PATH in kinds and pdfium.FPDF_PAGEOBJ_IMAGE not in kinds


def tight_bottom(text_page: Handle, place: int) -> float:
    """How low the ink of a sign reaches."""
    found = array("d", bytes(32))
    start = found.buffer_info()[0]
    _tight_box(text_page, place, start, start + 8, start + 16, start + 24)
    return found[2]


def describe_font(font: int) -> tuple[str, int, int]:
    """Name, flags and weight of a font."""
    length = _font_name(font, ctypes.addressof(_name), len(_name))
    name = _name.value.decode("utf-8", "replace") if 0 < length <= len(_name) else ""
    return name, _font_flags(font), _font_weight(font)


def other_objects(page: Handle, text_objects: Iterable[int | None]) -> list[tuple[int, int]]:
    """What stands on a page in its order but for these objects: the kind of each and its address."""
    known = set(text_objects)
    each = map(_page_object, repeat(page), range(_count_objects(page)))
    return [(_kind(one), one) for one in each if one not in known]
