from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tms.platform.db import Base


class CourseProgress(Base):
    """One learner's counters in one course, as counted at `outline`; the row is the lock of all that they record there."""

    __tablename__ = "course_progress"
    __table_args__ = (CheckConstraint("completed_sections >= 0", name="completed_sections"),)

    assignment_id: Mapped[UUID] = mapped_column(
        ForeignKey("course_assignments.id", ondelete="CASCADE"), primary_key=True
    )
    completed_sections: Mapped[int] = mapped_column(server_default="0")
    """Live sections done, when the course's outline had the number below."""
    outline: Mapped[int]
    time_spent_seconds: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """The sum over all sections, removed ones too."""
    last_section_id: Mapped[UUID | None] = mapped_column(ForeignKey("course_sections.id"), index=True)
    last_seen_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    """Once set it stays: the course shows as completed although sections are added later."""


class SectionProgress(Base):
    """What one learner did with one section; kept when the section is archived."""

    __tablename__ = "section_progress"
    __table_args__ = (
        Index("ix_section_progress_section_id", "section_id"),
        CheckConstraint("time_spent_seconds >= 0", name="time_spent_seconds"),
        CheckConstraint("position_seconds >= 0", name="position_seconds"),
    )

    assignment_id: Mapped[UUID] = mapped_column(
        ForeignKey("course_assignments.id", ondelete="CASCADE"), primary_key=True
    )
    section_id: Mapped[UUID] = mapped_column(ForeignKey("course_sections.id"), primary_key=True)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    time_spent_seconds: Mapped[int] = mapped_column(server_default="0")
    position_seconds: Mapped[int] = mapped_column(server_default="0")
