from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, Field

from tms.courses import html
from tms.platform.schemas import Body, Count, Id, Instant, Line100, Line255, Positive, Prose, Schema, absent

TemplateType = Literal["video-only", "text-video", "text-image", "text-only"]
Status = Literal["draft", "published", "archived"]
Completion = Literal["viewed", "self", "test"]


def _web_address(value: str) -> str:
    """An address for the learner's browser; nothing here is ever fetched by the server."""
    problem = "must be a full address that begins with https:// or http://"
    if not value.isprintable() or " " in value or "\\" in value:
        raise ValueError(problem)
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ValueError(problem)
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user name or password")
    return value


Line50 = Annotated[Line100, Field(max_length=50)]
WebAddress = Annotated[
    str,
    Field(
        max_length=500,
        examples=["https://example.org/video"],
        json_schema_extra={"pattern": r"^https?://[^\s\\]+$"},
    ),
    AfterValidator(_web_address),
]
LessonHtml = Annotated[str, Field(max_length=900_000)]
"""HTML, which is sanitised when it is stored; the bound is that of the whole request, nearly."""


class CourseIn(Body):
    """A new course; `estimatedDuration` is in hours."""

    title: Line255
    description: Prose | None = None
    category: Line100
    template_type: TemplateType
    difficulty: Line50
    estimated_duration: Count


class CoursePatch(Body):
    """What is sent is changed; only the description can be taken away (null)."""

    title: Line255 = Field(default_factory=absent)
    description: Prose | None = Field(default_factory=absent)
    category: Line100 = Field(default_factory=absent)
    template_type: TemplateType = Field(default_factory=absent)
    difficulty: Line50 = Field(default_factory=absent)
    estimated_duration: Count = Field(default_factory=absent)


class SectionIn(Body):
    """A new section; `duration` is in minutes. Without `orderIndex`, or with one beyond the end, it comes last."""

    title: Line255
    content: LessonHtml | None = None
    video_url: WebAddress | None = None
    image_url: WebAddress | None = None
    order_index: Positive | None = None
    duration: Count | None = None
    completion: Completion = "self"


class SectionPatch(Body):
    """What is sent is changed; `orderIndex` moves the section, beyond the end to the end."""

    title: Line255 = Field(default_factory=absent)
    content: LessonHtml | None = Field(default_factory=absent)
    video_url: WebAddress | None = Field(default_factory=absent)
    image_url: WebAddress | None = Field(default_factory=absent)
    order_index: Positive = Field(default_factory=absent)
    duration: Count | None = Field(default_factory=absent)
    completion: Completion = Field(default_factory=absent)


class SectionOrder(Body):
    """All sections of the course, each once, in the order wanted."""

    section_ids: list[Id] = Field(max_length=20_000)


class TrainerOut(Schema):
    """A trainer named on a course."""

    user_id: UUID
    name: str


class SectionOut(Schema):
    """A section with its content; `version` is its `ETag`."""

    id: UUID
    title: str
    content: Annotated[str | None, AfterValidator(lambda text: text and html.with_signed_media(text))]
    video_url: str | None
    image_url: str | None
    order_index: int
    duration: int | None
    completion: Completion
    version: int


class SectionSaved(SectionOut):
    """A section after it was added or changed."""

    course_id: UUID
    created_at: Instant


class CourseOut(Schema):
    """A course; `version` is its `ETag`, `createdBy` a user's id."""

    id: UUID
    course_code: str
    title: str
    description: str | None
    category: str | None
    template_type: TemplateType
    difficulty: str | None
    estimated_duration: int | None
    status: Status
    total_sections: int
    trainers: list[TrainerOut]
    version: int
    created_by: UUID
    created_at: Instant
    updated_at: Instant
    published_at: Instant | None
    archived_at: Instant | None


class CourseDetail(CourseOut):
    """One course; its sections, in order, where they were asked for (else null)."""

    sections: list[SectionOut] | None = None


class SectionRemoved(Schema):
    """What is left of the course; the section's record is kept."""

    id: UUID
    total_sections: int


class CoursePublished(Schema):
    """As in the specification."""

    course_id: UUID
    status: Status
    published_at: Instant


class CourseArchived(Schema):
    """When the course was closed to new learners."""

    course_id: UUID
    status: Status
    archived_at: Instant


class CourseRemoved(Schema):
    """A draft that is gone."""

    id: UUID


class CourseTrainers(Schema):
    """Who may edit the course beside the administrators."""

    course_id: UUID
    trainers: list[TrainerOut]


class SectionsOrdered(Schema):
    """The order that now holds."""

    course_id: UUID
    section_ids: list[UUID]
