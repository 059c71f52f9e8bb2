from typing import Annotated
from uuid import UUID

from pydantic import Field

from tms.identity.schemas import Email, Phone, Status
from tms.platform.schemas import Body, Instant, Line100, Schema
from tms.progress.schemas import AssignedCourse

Percentage = Annotated[int, Field(ge=0, le=100)]


class StudentBatch(Schema):
    """A batch that the student is in."""

    batch_id: UUID
    batch_code: str
    batch_name: str


class StudentOut(Schema):
    """A student. Trainers are not given the phone number, and only those batches that they run."""

    id: UUID
    student_id: str
    email: str
    first_name: str
    last_name: str
    phone: str | None
    status: Status
    batches: list[StudentBatch]
    enrolled_courses: int = Field(description="Without withdrawn and waived ones.")
    completed_courses: int
    average_progress: Percentage
    created_at: Instant


class StudentPatch(Body):
    """What to change; fields that are left out stay. `phone: null` removes it."""

    first_name: Line100 = ""
    last_name: Line100 = ""
    email: Email = ""
    phone: Phone | None = None


class Statistics(Schema):
    """Over the student's courses, withdrawn and waived ones left out; the average is rounded down."""

    total_enrolled: int
    completed: int
    in_progress: int
    not_started: int
    average_progress: Percentage


class StudentCourses(Schema):
    """All courses of a student, in the order in which they came, with progress."""

    courses: list[AssignedCourse]
    statistics: Statistics
