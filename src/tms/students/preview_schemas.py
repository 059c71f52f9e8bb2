from typing import Literal
from uuid import UUID

from pydantic import Field

from tms.content.schemas import DifferenceOut
from tms.platform.schemas import Schema

Standing = Literal["not-started", "in-progress", "completed"]


class TouchedLearner(Schema):
    """Somebody who would notice: what they had completed of what changes or vanishes, and what they see, from and to."""

    user_id: UUID
    student_id: str | None
    name: str
    completed_changing: int
    completed_vanishing: int
    progress_from: int
    progress_to: int
    status_from: Standing
    status_to: Standing


class PreviewOut(Schema):
    """The course as it would be, and whom that touches. `people` are those whom the caller may see, at most 200."""

    difference: DifferenceOut
    learners: int = Field(description="Everybody who has the course.")
    touched: int
    completed_changing: int = Field(description="Learners who have completed a section that changes.")
    completed_vanishing: int = Field(description="Learners who have completed a section that vanishes.")
    percentage_changes: int = Field(description="Learners whose percentage or state would be another.")
    people: list[TouchedLearner]
