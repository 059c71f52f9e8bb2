"""What a child that read a document hands over, and the checks that it must pass: the child may have been taken over."""

import logging
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tms.content.errors import BY_CODE, CorruptDocumentError
from tms.content.protocol import RESULT
from tms.content.sniff import Kind
from tms.courses import html as lesson_html

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson. `html` is sanitised; its pictures have the address `media:N`, N being a `Picture.number`, and the blocks
    with which a page begins have its number (`courses.html.PAGE`).

    `level` is that of its heading in the document; `page_from` and `page_to` are None where there are no pages;
    `confidence`, 0 to 1, says how sure it is that a lesson begins here; `warnings` are sentences about this lesson.
    """

    title: str
    html: str
    words: int
    minutes: int
    pictures: tuple[int, ...]
    level: int
    page_from: int | None
    page_to: int | None
    confidence: float
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as a file; `width` and `height` in pixels are 0 where the format does not tell."""

    number: int
    path: Path
    content_type: str
    size: int
    sha256: str
    width: int
    height: int


ORIGINAL = 0
"""The number of the uploaded file itself among the pictures."""


@dataclass(frozen=True, slots=True)
class Original:
    """The uploaded file itself, which lessons play as `media:0`; sizes in pixels, 0 for sound."""

    content_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a document holds; `title` is its own, if it has one. Warnings are sentences for its author."""

    kind: Kind
    title: str | None
    lessons: tuple[Lesson, ...]
    pictures: tuple[Picture, ...]
    warnings: tuple[str, ...]
    network_isolated: bool
    files_isolated: bool
    original: Original | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """Not read yet: the document is of a kind that has to be made one of kind `target` before."""

    kind: Kind
    target: Kind


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("holds a NUL")
    return text


_Text = Annotated[str, AfterValidator(_without_nul)]
_Title = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_without_nul)]
_Count = Annotated[int, Field(ge=0, le=2_147_483_647)]

_Page = Annotated[int, Field(ge=1, le=1_000_000)]


_ImageType = Literal["image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/svg+xml"]
_PlayedType = Literal["video/mp4", "video/webm", "audio/mpeg", "audio/mp4", "audio/webm"]


class _Handed(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    network_isolated: bool
    files_isolated: bool


class _HandedLesson(BaseModel):
    title: _Title
    html: _Text
    words: _Count
    minutes: Annotated[int, Field(ge=1, le=100_000)]
    pictures: list[_Count]
    level: Annotated[int, Field(ge=1, le=6)]
    page_from: _Page | None
    page_to: _Page | None
    confidence: Annotated[float, Field(ge=0, le=1)]
    warnings: list[_Text]


class _HandedPicture(BaseModel):
    file: Annotated[
        str, Field(pattern=r"^picture-[1-9][0-9]{0,4}\.(png|jpg|gif|webp|bmp|svg|mp4|webm|mp3|m4a)$")
    ]
    content_type: _ImageType | _PlayedType
    size: _Count
    sha256: str
    width: _Count
    height: _Count


class _HandedOriginal(BaseModel):
    content_type: _PlayedType
    width: _Count
    height: _Count


class _Read(_Handed):
    outcome: Literal["read"]
    kind: Kind
    title: _Title | None
    lessons: list[_HandedLesson]
    pictures: list[_HandedPicture]
    warnings: list[_Text]
    original: _HandedOriginal | None = None


class _Convert(_Handed):
    outcome: Literal["convert"]
    kind: Kind
    target: Literal[Kind.DOCX, Kind.PPTX]


class _Refused(_Handed):
    outcome: Literal["refused"]
    code: str
    detail: _Text


_HANDED: TypeAdapter[_Read | _Convert | _Refused] = TypeAdapter(
    Annotated[_Read | _Convert | _Refused, Field(discriminator="outcome")]
)


def collect(folder: Path) -> Extraction | Conversion:
    """What lies in the child's folder, checked and cleaned; raises the `DocumentError` that it tells of."""
    result = folder / RESULT
    if result.is_symlink() or not result.is_file():
        raise CorruptDocumentError
    try:
        handed = _HANDED.validate_json(result.read_bytes())
    except ValidationError as error:
        log.exception("a child handed over what it should not", extra={"errors": error.error_count()})
        raise CorruptDocumentError from error
    if isinstance(handed, _Refused):
        raise BY_CODE.get(handed.code, CorruptDocumentError)(handed.detail)
    if isinstance(handed, _Convert):
        return Conversion(handed.kind, handed.target)
    return Extraction(
        kind=handed.kind,
        title=handed.title,
        lessons=tuple(_lesson(lesson) for lesson in handed.lessons),
        pictures=tuple(_picture(folder, number, one) for number, one in enumerate(handed.pictures, start=1)),
        warnings=tuple(handed.warnings),
        network_isolated=handed.network_isolated,
        files_isolated=handed.files_isolated,
        original=None if handed.original is None else Original(**handed.original.model_dump()),
    )


def _lesson(handed: _HandedLesson) -> Lesson:
    html = lesson_html.sanitise_extracted(handed.html)
    return Lesson(
        title=handed.title,
        html=html,
        words=handed.words,
        minutes=handed.minutes,
        pictures=tuple(handed.pictures),
        level=handed.level,
        page_from=handed.page_from,
        page_to=handed.page_to,
        confidence=handed.confidence,
        warnings=tuple(handed.warnings),
    )


def _picture(folder: Path, number: int, handed: _HandedPicture) -> Picture:
    path = folder / handed.file
    if path.is_symlink() or not path.is_file():
        raise CorruptDocumentError
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return Picture(
        number, path, handed.content_type, path.stat().st_size, digest, handed.width, handed.height
    )
