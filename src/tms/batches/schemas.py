from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from tms.batches.due import Day, Due, Zone
from tms.platform.schemas import Body, Flag, Id, Instant, Line255, Positive, Prose, Schema, absent

MOST_AT_ONCE = 1000

BatchStatus = Literal["planned", "running", "completed", "cancelled"]


def _distinct(ids: list[UUID]) -> list[UUID]:
    return list(dict.fromkeys(ids))


StudentIds = Annotated[list[Id], Field(min_length=1, max_length=MOST_AT_ONCE), AfterValidator(_distinct)]
"""Up to 1,000 students at once; one that is named twice counts once."""


class BatchIn(Body):
    """A new batch. `capacity` null: as many as come; `timezone` null: the organisation's."""

    name: Line255
    start_date: Day
    end_date: Day
    capacity: Positive | None = None
    description: Prose | None = None
    timezone: Zone | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_date < self.start_date:
            raise ValueError("endDate must not lie before startDate")
        return self


class BatchPatch(Body):
    """What is not sent stays as it is."""

    name: Line255 = Field(default_factory=absent)
    start_date: Day = Field(default_factory=absent)
    end_date: Day = Field(default_factory=absent)
    capacity: Positive | None = None
    description: Prose | None = None
    timezone: Zone = Field(default_factory=absent)


class BatchOut(Schema):
    """A batch; `status` follows from its dates, in its own time zone, unless it was cancelled."""

    id: UUID
    batch_code: str
    name: str
    description: str | None
    start_date: date
    end_date: date
    timezone: str
    capacity: int | None
    seats_taken: int
    status: BatchStatus
    created_at: Instant


class TrainerOut(Schema):
    """Somebody who runs the batch."""

    user_id: UUID
    name: str


class BatchCourseOut(Schema):
    """A course of the batch; `dueDate` holds for all who learn it here."""

    course_id: UUID
    course_code: str
    title: str
    status: str
    due_date: Instant | None


class BatchDetail(BatchOut):
    """One batch with those who run it and the courses that the caller may see."""

    trainers: list[TrainerOut]
    courses: list[BatchCourseOut]


class MembersIn(Body):
    """Students who join, all of them or none."""

    student_ids: StudentIds


class MoveIn(Body):
    """Where a student goes on."""

    to_batch_id: Id


class MemberOut(Schema):
    """A student with a seat; `status` is that of the student's account."""

    user_id: UUID
    student_id: str | None
    first_name: str
    last_name: str
    email: str
    status: str
    joined_at: Instant


class BatchCourseIn(Body):
    """By when the batch is to have learnt the course; none: there is no hurry."""

    due_date: Due | None = None


class CourseStateOut(Schema):
    """How far a student is with a course."""

    course_id: UUID
    progress: int
    status: str
    due_date: Instant | None


class StudentProgressOut(Schema):
    """A student of the batch and how far they are."""

    user_id: UUID
    student_id: str | None
    name: str
    courses: list[CourseStateOut]


class BatchProgressOut(Schema):
    """Who is where in the batch; `students` is one page."""

    batch: BatchOut
    courses: list[BatchCourseOut]
    students: list[StudentProgressOut]


class AssignmentsIn(Body):
    """Students who get a course by hand."""

    student_ids: StudentIds
    due_date: Due | None = None


class AssignmentPatch(Body):
    """`dueDate` is the date given by hand; `extendedTo` overrides every other date, null takes the extension back."""

    due_date: Due | None = None
    extended_to: Due | None = None
    reason: Annotated[Prose, Field(max_length=500)] | None = None
    waived: Flag = Field(default_factory=absent)


class SourceOut(Schema):
    """Why the student has the course: a batch, or by hand (no batch)."""

    batch_id: UUID | None
    due_date: Instant | None


class AssignmentOut(Schema):
    """A student's course: by when, why, and whether it is overdue. `dueDate` is the date that holds."""

    id: UUID
    user_id: UUID
    student_id: str | None
    student_name: str
    course_id: UUID
    course_code: str
    course_title: str
    assigned_at: Instant
    due_date: Instant | None
    extended_to: Instant | None
    reason: str | None
    waived: bool
    closed: bool
    overdue: bool
    progress: int
    status: str
    sources: list[SourceOut]
