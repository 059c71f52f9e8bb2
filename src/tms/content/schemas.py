from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from tms.platform.schemas import Body, Id, Instant, Line255, Schema

Part = Annotated[int, Field(strict=True, ge=0, le=100_000)]
Page = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Stage = Literal["processing", "needs_review", "completed", "failed", "replaced"]


class MediaOut(Schema):
    """A picture, a video or a sound; `width` and `height`, in pixels, are 0 where it does not tell.

    Write `address` into a section's HTML: `<img src>`, `<video src controls>` or `<audio src controls>`. It is signed for
    some minutes, and whoever reads the section is given a new one. What no section names is removed after a day.
    """

    id: UUID
    address: str
    media_type: str
    size: int
    width: int
    height: int


class UploadOut(Schema):
    """A document that was uploaded; `processing`: watch `GET /jobs/{jobId}`. Warnings are sentences for its author."""

    upload_id: UUID
    job_id: UUID
    file_name: str
    file_size: int
    processing_status: Literal["processing", "needs_review", "completed"]
    extracted_sections: int
    warnings: list[str]


class UploadListed(Schema):
    """A document of a course. `replaced`: a newer edition, or the same document anew, has taken its place."""

    upload_id: UUID
    course_id: UUID
    job_id: UUID
    file_name: str
    file_size: int
    status: Stage
    replaces: UUID | None = Field(description="The upload whose new edition this is.")
    extracted_sections: int
    created_at: Instant
    finished_at: Instant | None
    expires_at: Instant | None = Field(description="Until when the outline waits to be applied.")


class SubHeadingOut(Schema):
    """A sub-heading at which a row can be split; its part reaches to the next one."""

    part: int
    level: int
    title: str
    page: int | None = Field(description="The page that it stands on.")


class PageStartOut(Schema):
    """A page, or a slide, at whose beginning a row can be split; with a sub-heading there it is the part of that, too."""

    part: int
    page: int
    excerpt: str = Field(description="The first words that begin on it.")


class OutlineRowOut(Schema):
    """A lesson as it was read. Its parts begin at `headings` and `pages`, numbered in their order; part 0 stands before them."""

    id: UUID
    title: str
    level: int = Field(description="Of its heading in the document, 1 being the highest.")
    page_from: int | None
    page_to: int | None
    words: int
    images: int
    confidence: float = Field(description="How sure it is that a lesson begins here, 0 to 1.")
    warnings: list[str]
    excerpt: str
    headings: list[SubHeadingOut]
    pages: list[PageStartOut]


class PagesOut(Schema):
    """The first and the last page of a document, by which lessons can be made of it."""

    first: int
    last: int


class MadeSection(Schema):
    """A section that the upload has made; `removed` where it was archived since."""

    section_id: UUID
    title: str
    removed: bool


class UploadError(Schema):
    """Why nothing came of an upload: a stable code, and what to do."""

    code: str
    detail: str


class UploadDetail(UploadListed):
    """An upload with its outline while it waits, or with the sections that it has made."""

    warnings: list[str]
    error: UploadError | None
    outline: list[OutlineRowOut]
    pages: PagesOut | None = Field(description="Null where not all of it has pages, and once it is applied.")
    sections: list[MadeSection]


class PieceIn(Body):
    """Parts `fromPart` to `toPart` of a `row` of the outline, by default all of it; or, without a row, what begins on the
    pages `fromPage` to `toPage` of the document, by default from its first page, or to its last.
    """

    row: Id | None = None
    from_part: Part = 0
    to_part: Part | None = None
    from_page: Page | None = None
    to_page: Page | None = None


class LessonIn(Body):
    """A lesson made of pieces, one after the other; without a title it is called like the first.

    Pieces that are pages bring the headings that begin there along; what has begun on an earlier page stays with that.
    """

    title: Line255 | None = None
    pieces: Annotated[list[PieceIn], Field(min_length=1, max_length=2000)]


class PlanIn(Body):
    """What is to become of an outline: every part of it exactly once, in a lesson or in `skip`.

    Without `lessons` each row that is not skipped is a lesson. `keepEdited` and `replaceEdited` decide about sections that
    people have edited by hand and that a new edition would change or remove.
    """

    lessons: Annotated[list[LessonIn], Field(max_length=2000)] | None = None
    skip: list[PieceIn] = Field(default_factory=list, max_length=2000)
    keep_edited: list[Id] = Field(default_factory=list, max_length=2000)
    replace_edited: list[Id] = Field(default_factory=list, max_length=2000)


class WordsOut(Schema):
    """Words in a row that stay, come in or go, with line feeds where lines end; of many that stay, `…` stands for most."""

    kind: Literal["same", "inserted", "deleted"]
    text: str


class ChangeOut(Schema):
    """A line of a difference, in the order of the new edition; what is removed comes at the end.

    `changed`: title or text would be replaced, with `moved` too where that is so. `edited`: people have edited the
    section by hand since it was uploaded; `decision` is what the plan says about it, null where nothing has to be decided or it is not.
    """

    kind: Literal["kept", "changed", "moved", "added", "removed"]
    section_id: UUID | None
    title: str
    former_title: str | None
    words: int
    place_before: int | None
    text_changed: bool
    edited: bool
    decision_needed: bool
    decision: Literal["keep", "replace"] | None
    wording: list[WordsOut] | None = Field(
        description="Which words the text of the edition changes in the section as it is now, in their order; empty where no "
        "word changes, but the title, the form or a picture. Null where nothing changes, or too much to be compared."
    )


class DifferenceOut(Schema):
    """What applying would do, line by line and counted; nothing has been changed."""

    upload_id: UUID
    replaces: UUID | None
    changes: list[ChangeOut]
    kept: int
    changed: int
    moved: int
    added: int
    removed: int
    sections_before: int
    sections_after: int
