"""One hostile file and what must become of it."""

import random
from collections.abc import Callable
from dataclasses import dataclass

READ = "read"
EMPTY = "empty_file"
UNSUPPORTED = "unsupported_type"
MISMATCH = "type_mismatch"
ENCRYPTED = "encrypted_document"
CORRUPT = "corrupt_document"
LARGE = "document_too_large"
COMPLEX = "document_too_complex"
NOTHING = "no_content"


@dataclass(frozen=True, slots=True)
class Case:
    """`make` gives the bytes; `expected` is `read` or the stable code of the error that the author is shown; of files that
    were changed at random, any of several.

    `banned` are bytes that no lesson may hold (what lies in a file that the document names, or a script).
    """

    family: str
    name: str
    filename: str
    make: Callable[[], bytes]
    expected: str | frozenset[str]
    banned: tuple[str, ...] = ()

    @property
    def outcomes(self) -> frozenset[str]:
        return frozenset({self.expected}) if isinstance(self.expected, str) else self.expected

    @property
    def id(self) -> str:
        return f"{self.family}/{self.name}"


def seeded(name: str) -> random.Random:
    """The same numbers for the same case in every run."""
    return random.Random(f"tms-hostile-{name}")
