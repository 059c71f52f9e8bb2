"""What a reader is given, what it makes of a file, and what a document is in the end."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from tms.content.pictures import PictureFolder, StoredPicture
from tms.content.safe_xml import Element
from tms.content.sniff import Kind

Report: TypeAlias = Callable[[float, str], None]

PAGE = "data-page"
"""On a block of a manuscript: the page on which it begins, counted from 1."""
PAGE_END = "data-page-end"
"""On a block: the page on which it ends, where that is another one."""
CONFIDENCE = "data-confidence"
"""On a heading: how sure it is that a lesson begins there; without it 1."""

DECLARED = 1.0
"""The file itself says that a lesson begins here: a heading's style or element, a bookmark, an entry of the navigation."""
NUMBERED = 0.7
"""Words and number look like a heading's: "Chapter 3", "1.2 Lists", a line that is underlined with signs."""
LOOKED = 0.6
"""It only looks like a heading: larger or bolder than the text around it."""
CUT = 0.3
"""Nothing was found; the text was cut into even parts, such as blocks of pages."""


def nothing_beside(_: str) -> bytes | None:
    """A file that lies alone: it has no neighbours to refer to."""
    return None


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be read. `report` takes a fraction and a message.

    `beside` gives the bytes of a file that this one refers to by a relative name, where it came with others in an archive; `within` is then its
    own name there.
    """

    path: Path
    filename: str
    kind: Kind
    pictures: PictureFolder
    report: Report
    beside: Callable[[str], bytes | None] = nothing_beside
    within: str | None = None


@dataclass(slots=True)
class Manuscript:
    """A file in one piece: `root` is a `div` of blocks of HTML as `markup` describes them, in reading order.

    `notes` are footnotes (`li`) by the id that links in the text lead to; `left_out` counts by the keys of
    `warnings.LEFT_OUT`, or by whole reasons that begin with `markup.UNUSABLE`; `warnings` are sentences for the author.
    """

    root: Element
    title: str | None = None
    notes: dict[str, Element] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Lesson:
    """One lesson; `html` is not sanitised yet and names pictures as `media:N`, N counted from 1 (`pictures` lists them);
    a block with which a page begins, other than the lesson's first, has its number as `PAGE`.

    `level` is that of its heading in the document (1 where it has none), `page_from` and `page_to` are None where there are
    no pages, `confidence` is 0 to 1 as the constants above say, and `warnings` are sentences about this lesson alone.
    """

    title: str
    html: str
    words: int
    minutes: int
    pictures: list[int]
    level: int = 1
    page_from: int | None = None
    page_to: int | None = None
    confidence: float = DECLARED
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Original:
    """The uploaded file itself, which its lesson plays as `media:0`; sizes in pixels, 0 for sound."""

    content_type: str
    width: int
    height: int


@dataclass(slots=True)
class Document:
    """What a file holds; `title` is its own, if it has one."""

    title: str | None
    lessons: list[Lesson]
    pictures: list[StoredPicture]
    warnings: list[str]
    original: Original | None = None


class Reader(Protocol):
    """A module that reads one format."""

    def read(self, source: Source) -> Document:
        """The lessons of the file; raises a `DocumentError`."""
