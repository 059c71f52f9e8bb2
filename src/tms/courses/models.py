from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Sequence, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from tms.platform.db import Base

course_codes = Sequence("course_codes", metadata=Base.metadata)
"""Codes come from here and are never reused: C001 ... C999, C1000 ..."""


class Course(Base):
    """What people learn. `outline` grows with every added or removed section, so that counts of learners know their age."""

    __tablename__ = "courses"
    __table_args__ = (
        CheckConstraint(
            "template_type IN ('video-only', 'text-video', 'text-image', 'text-only')", name="template_type"
        ),
        CheckConstraint("status IN ('draft', 'published', 'archived')", name="status"),
        CheckConstraint("status <> 'published' OR section_count > 0", name="published_has_sections"),
        CheckConstraint("status <> 'draft' OR published_at IS NULL", name="draft_was_never_published"),
        CheckConstraint("status <> 'published' OR published_at IS NOT NULL", name="published_since"),
        CheckConstraint("section_count >= 0", name="section_count"),
        CheckConstraint("estimated_duration >= 0", name="estimated_duration"),
        Index("ix_courses_created_at_id", "created_at", "id"),
        Index("ix_courses_title_id", text("lower(title)"), "id"),
        Index("ix_courses_created_by", "created_by"),
        Index("ix_courses_published_by", "published_by"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    course_code: Mapped[str] = mapped_column(String(50), unique=True)
    title: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None]
    category: Mapped[str | None] = mapped_column(String(100))
    template_type: Mapped[str] = mapped_column(String(20))
    difficulty: Mapped[str | None] = mapped_column(String(50))
    estimated_duration: Mapped[int | None]
    """Hours."""
    status: Mapped[str] = mapped_column(String(20), server_default="draft")
    section_count: Mapped[int] = mapped_column(server_default="0")
    outline: Mapped[int] = mapped_column(server_default="0")
    version: Mapped[int] = mapped_column(server_default="1")
    published_at: Mapped[datetime | None]
    published_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    archived_at: Mapped[datetime | None]
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Section(Base):
    """A section keeps its id for life; a removed one is archived with no place, so that nobody's record is lost."""

    __tablename__ = "course_sections"
    __table_args__ = (
        UniqueConstraint(
            "course_id", "order_index", name="uq_course_sections_place", deferrable=True, initially="DEFERRED"
        ),
        CheckConstraint("(archived_at IS NULL) = (order_index IS NOT NULL)", name="live_has_place"),
        CheckConstraint("order_index >= 1", name="order_index"),
        CheckConstraint("duration >= 0", name="duration"),
        CheckConstraint("completion IN ('viewed', 'self', 'test')", name="completion"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    course_id: Mapped[UUID] = mapped_column(ForeignKey("courses.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(String(255))
    content: Mapped[str | None]
    """Sanitised HTML; pictures are named by media id (`media:<id>`)."""
    video_url: Mapped[str | None] = mapped_column(String(500))
    image_url: Mapped[str | None] = mapped_column(String(500))
    order_index: Mapped[int | None]
    duration: Mapped[int | None]
    """Minutes."""
    completion: Mapped[str] = mapped_column(String(10), server_default="self")
    version: Mapped[int] = mapped_column(server_default="1")
    archived_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CourseTrainer(Base):
    """A trainer named on a course may edit it."""

    __tablename__ = "course_trainers"

    course_id: Mapped[UUID] = mapped_column(ForeignKey("courses.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)


class Assignment(Base):
    """One row for a student and a course, for life; it is closed when its last source goes and opened again by a new one."""

    __tablename__ = "course_assignments"
    __table_args__ = (
        UniqueConstraint("student_id", "course_id"),
        Index("ix_course_assignments_course_id", "course_id"),
        Index("ix_course_assignments_due_at", "due_at", "id"),
        Index(
            "ix_course_assignments_unannounced",
            "student_id",
            postgresql_where="announced_at IS NULL AND closed_at IS NULL",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    course_id: Mapped[UUID] = mapped_column(ForeignKey("courses.id"))
    student_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    assigned_at: Mapped[datetime] = mapped_column(server_default=func.now())
    assigned_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    due_at: Mapped[datetime | None]
    """The date that holds: the extension, or else the earliest of the sources."""
    extended_to: Mapped[datetime | None]
    extension_reason: Mapped[str | None] = mapped_column(String(500))
    extended_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    waived_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    announced_at: Mapped[datetime | None]
    """When the student was told."""


class AssignmentSource(Base):
    """Why a student has a course: a batch (its id, without a key, since batches stand above), or by hand (none)."""

    __tablename__ = "assignment_sources"
    __table_args__ = (
        UniqueConstraint(
            "assignment_id",
            "batch_id",
            name="uq_assignment_sources_source",
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_assignment_sources_batch_id", "batch_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    assignment_id: Mapped[UUID] = mapped_column(ForeignKey("course_assignments.id", ondelete="CASCADE"))
    batch_id: Mapped[UUID | None]
    due_at: Mapped[datetime | None]
