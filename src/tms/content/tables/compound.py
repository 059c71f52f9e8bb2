"""Takes a stream out of a compound file, the container of Office 97-2003 ([MS-CFB] 2)."""

import struct
from array import array

_HEADER_BYTES = 512
_ENTRY_BYTES = 128
_IN_HEADER = 109
"""So many sectors of the allocation table are listed in the header itself."""


def stream(content: bytes, *names: str) -> bytes | None:
    """The stream of the first of these names, None where there is none; raises `ValueError` or `struct.error` for damage."""
    file = _File(content)
    entries = file.chain(file.table, struct.unpack_from("<I", content, 48)[0])
    directory = b"".join(file.sector(number) for number in entries)
    root = struct.unpack_from("<I", directory, 116)[0]
    for name in names:
        wanted = f"{name}\0".encode("utf-16-le")
        for at in range(0, len(directory) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
            length, kind = struct.unpack_from("<HB", directory, at + 64)
            if kind == 2 and length == len(wanted) and directory.startswith(wanted, at):
                start, size = struct.unpack_from("<II", directory, at + 116)
                return file.read(start, size, root)
    return None


class _File:
    """Sectors, and the table that says which of them follows which."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        shift, small_shift = struct.unpack_from("<HH", content, 30)
        if shift not in {9, 12} or small_shift != 6:
            raise ValueError("no size that sectors have")
        self._size = 1 << shift
        self._small = 1 << small_shift
        self._cutoff, self._small_start = struct.unpack_from("<II", content, 56)
        listed = list(struct.unpack_from(f"<{_IN_HEADER}I", content, _HEADER_BYTES - 4 * _IN_HEADER))
        self._count = len(content) // self._size
        self.table = array("I")
        for number in [*listed, *self._further(struct.unpack_from("<I", content, 68)[0])]:
            if number < self._count and len(self.table) < self._count:
                self.table.frombytes(self.sector(number))

    def _further(self, number: int) -> list[int]:
        """What a long file lists beyond its header."""
        found: list[int] = []
        for _ in range(self._count):
            if number >= self._count:
                break
            *listed, number = struct.unpack(f"<{self._size // 4}I", self.sector(number))
            found += listed
        return found

    def sector(self, number: int) -> bytes:
        start = (number + 1) * self._size
        return self._content[start : start + self._size].ljust(self._size, b"\0")

    def chain(self, table: "array[int]", number: int) -> list[int]:
        found: list[int] = []
        while number < len(table):
            found.append(number)
            if len(found) > len(table):
                raise ValueError("a chain of sectors that never ends")
            number = table[number]
        return found

    def read(self, start: int, size: int, root: int) -> bytes:
        if size >= self._cutoff:
            return b"".join(map(self.sector, self.chain(self.table, start)))[:size]
        # Small streams lie in that of the root, in sectors of their own.
        small = b"".join(map(self.sector, self.chain(self.table, root)))
        table = array("I", b"".join(map(self.sector, self.chain(self.table, self._small_start))))
        pieces = (small[at * self._small : (at + 1) * self._small] for at in self.chain(table, start))
        return b"".join(pieces)[:size]
