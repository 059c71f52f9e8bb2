from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Sequence, String, func
from sqlalchemy.orm import Mapped, mapped_column

from tms.platform.db import Base

batch_codes = Sequence("batch_codes", metadata=Base.metadata)
"""Codes come from here and are never reused: B001 ... B999, B1000 ..."""


class Batch(Base):
    """A group of students who learn together. Whoever joins, leaves or gives it a course locks this row first."""

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint("end_date >= start_date", name="dates"),
        CheckConstraint("capacity >= 1", name="capacity"),
        CheckConstraint("seats_taken >= 0 AND (capacity IS NULL OR seats_taken <= capacity)", name="seats"),
        CheckConstraint("status IN ('active', 'cancelled')", name="status"),
        Index("ix_batches_start_date_id", "start_date", "id"),
        Index("ix_batches_created_at_id", "created_at", "id"),
        Index("ix_batches_created_by", "created_by"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    batch_code: Mapped[str] = mapped_column(String(50), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None]
    start_date: Mapped[date]
    end_date: Mapped[date]
    timezone: Mapped[str] = mapped_column(String(64))
    capacity: Mapped[int | None]
    """Seats; none: as many as come."""
    seats_taken: Mapped[int] = mapped_column(server_default="0")
    status: Mapped[str] = mapped_column(String(20), server_default="active")
    """Kept is only what cannot be derived: planned, running and completed follow from the dates."""
    version: Mapped[int] = mapped_column(server_default="1")
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class BatchStudent(Base):
    """A seat, taken until the student is removed, whatever the student's status."""

    __tablename__ = "student_batches"

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    student_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    joined_at: Mapped[datetime] = mapped_column(server_default=func.now())
    added_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)


class BatchTrainer(Base):
    """A trainer who runs the batch."""

    __tablename__ = "batch_trainers"

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)


class BatchCourse(Base):
    """A course of the batch; its due date is inherited by late joiners."""

    __tablename__ = "batch_courses"

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    course_id: Mapped[UUID] = mapped_column(ForeignKey("courses.id"), primary_key=True, index=True)
    due_at: Mapped[datetime | None]
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())
