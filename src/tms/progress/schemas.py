from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StrictInt

from tms.platform.schemas import Body, Flag, Instant, Schema

Seconds = Annotated[StrictInt, Field(ge=0, le=100_000_000)]
"""Three years: far above any real total, far below what the columns hold."""

Status = Literal["not-started", "in-progress", "completed"]


class SectionMark(Body):
    """What a learner did with a section so far. Totals, never a difference: the greater wins, so repeats are harmless."""

    completed: Flag | None = Field(
        default=None, description="`true` completes a section of kind `self`; `false` undoes nothing."
    )
    time_spent_seconds: Seconds | None = Field(default=None, description="Time spent here in total.")
    position_seconds: Seconds | None = Field(default=None, description="How far into the video.")


class CourseState(Schema):
    """How far one learner is in one course; `progress` is a percentage, rounded down."""

    course_id: UUID
    progress: int
    sections_completed: int
    total_sections: int
    status: Status
    completed_at: Instant | None


class SectionState(Schema):
    """How far one learner is in one section, and in its course with it."""

    section_id: UUID
    completed: bool
    completed_at: Instant | None
    time_spent_seconds: int
    position_seconds: int
    course: CourseState


class AssignedCourse(Schema):
    """A course that a person has, with their progress in it. Times are RFC 3339 in UTC."""

    id: UUID
    course_code: str
    title: str
    description: str | None
    template_type: str
    progress: int
    sections_completed: int
    total_sections: int
    status: Status
    assigned_at: Instant
    due_date: Instant | None
    completed_at: Instant | None
    waived: bool = Field(description="A waived course may be learnt, but counts in no statistics.")
    last_section_id: UUID | None


class Resume(Schema):
    """Where to go on: the section last opened, unless it was removed."""

    section_id: UUID
    title: str
    order_index: int
    position_seconds: int


class MyCourse(AssignedCourse):
    """One of my courses, and where I was."""

    time_spent_seconds: int
    last_seen_at: Instant | None
    resume: Resume | None


class SectionExplained(Schema):
    """One section of a course for one learner, and what is missing, if anything is."""

    section_id: UUID
    title: str
    order_index: int
    completion: Literal["viewed", "self", "test"]
    completed: bool
    missing: Literal["open", "mark_done", "pass_test"] | None = Field(
        description="What completes the section: opening it, saying that it is done, or passing its test."
    )
    time_spent_seconds: int
    position_seconds: int
    first_seen_at: Instant | None
    completed_at: Instant | None


class CourseExplained(MyCourse):
    """A learner's progress in one course; `sections` is null unless an explanation is asked for."""

    sections: list[SectionExplained] | None
