from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from tms.platform.db import Base


class StoredFile(Base):
    """The bytes behind uploads and media, kept once; `content.files` says how they come and go."""

    __tablename__ = "stored_files"
    __table_args__ = (
        Index("uq_stored_files_sha256", "sha256", unique=True, postgresql_where="condemned_at IS NULL"),
        Index("ix_stored_files_unnamed_since", "unnamed_since", postgresql_where="unnamed_since IS NOT NULL"),
        Index("ix_stored_files_condemned_at", "condemned_at", postgresql_where="condemned_at IS NOT NULL"),
    )

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    unnamed_since: Mapped[datetime | None]
    """Since when no row was seen to name it; also while one that will is still to be written."""
    condemned_at: Mapped[datetime | None]
    """From then on nothing may name it; it is being removed."""


class Upload(Base):
    """A document on its way to becoming sections.

    `needs_review`: it was read, and its outline waits for somebody's decision. `replaced`: another upload has taken its
    place, a new edition, or the same document after all of its sections had been removed.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        CheckConstraint(
            "status IN ('queued', 'processing', 'completed', 'failed', 'replaced', 'needs_review')",
            name="status",
        ),
        CheckConstraint("(status = 'failed') = (error_code IS NOT NULL)", name="failed_has_reason"),
        CheckConstraint(
            "(status IN ('queued', 'processing', 'needs_review')) = (finished_at IS NULL)",
            name="finished_has_time",
        ),
        CheckConstraint("(status = 'needs_review') = (expires_at IS NOT NULL)", name="review_expires"),
        CheckConstraint("storage_key IS NOT NULL OR status = 'failed'", name="kept_unless_failed"),
        # One document is in a course once, however often and by how many people it is uploaded.
        Index(
            "uq_uploads_course_id_sha256",
            "course_id",
            "sha256",
            unique=True,
            postgresql_where="status IN ('queued', 'processing', 'needs_review', 'completed')",
        ),
        Index("ix_uploads_course_id", "course_id"),
        Index("ix_uploads_job_id", "job_id"),
        Index("ix_uploads_storage_key", "storage_key"),
        Index("ix_uploads_unfinished", "leased_until", postgresql_where="status IN ('queued', 'processing')"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    course_id: Mapped[UUID] = mapped_column(ForeignKey("courses.id", ondelete="CASCADE"))
    file_name: Mapped[str] = mapped_column(String(150))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str | None] = mapped_column(
        String(200), ForeignKey("stored_files.key", ondelete="SET NULL")
    )
    """The original; a failed upload's is removed, since it must be uploaded again."""
    status: Mapped[str] = mapped_column(String(20), server_default="queued")
    review: Mapped[bool] = mapped_column(server_default="false")
    """Whether the reading stops at an outline."""
    replaces_id: Mapped[UUID | None]
    """The upload whose new edition this is; without a key, since that one may be erased with the person who sent it."""
    expires_at: Mapped[datetime | None]
    """Until when an outline waits."""
    warnings: Mapped[list[Any]] = mapped_column(server_default="[]")
    error_code: Mapped[str | None] = mapped_column(String(50))
    error_detail: Mapped[str | None]
    job_id: Mapped[UUID]
    """The long work of `operations`; without a key, since people may clear old work away."""
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    """Grows with every lease, so that one who lost it cannot record an outcome."""
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class UploadLesson(Base):
    """A row of an outline that waits: one lesson as it was read. Its pictures are rows of `media` already."""

    __tablename__ = "upload_lessons"
    __table_args__ = (
        UniqueConstraint("upload_id", "place"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    upload_id: Mapped[UUID] = mapped_column(ForeignKey("uploads.id", ondelete="CASCADE"))
    place: Mapped[int]
    """1, 2, 3 and so on, in the order of the document."""
    title: Mapped[str] = mapped_column(String(255))
    level: Mapped[int]
    content: Mapped[str]
    """Sanitised HTML, as in a section."""
    minutes: Mapped[int]
    words: Mapped[int]
    images: Mapped[int]
    page_from: Mapped[int | None]
    page_to: Mapped[int | None]
    confidence: Mapped[float]
    warnings: Mapped[list[Any]] = mapped_column(server_default="[]")


class UploadSection(Base):
    """What an upload has made of which section, so that a new edition finds its own and edits by hand show."""

    __tablename__ = "upload_sections"

    upload_id: Mapped[UUID] = mapped_column(ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True)
    section_id: Mapped[UUID] = mapped_column(
        ForeignKey("course_sections.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    place: Mapped[int]
    """1, 2, 3 and so on, in the order of the document."""
    path: Mapped[list[Any]]
    """The headings above it in the document, and its own title at the end."""
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    """Of title and content as the document has them (`fingerprints.of`); none where that was not noted yet."""


class Media(Base):
    """A picture that sections name as `media:<id>`; of no single course, since a duplicated course shares it."""

    __tablename__ = "media"
    __table_args__ = (
        Index("ix_media_upload_id", "upload_id"),
        Index("ix_media_storage_key", "storage_key"),
        Index("ix_media_unused_since", "unused_since", postgresql_where="unused_since IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    upload_id: Mapped[UUID | None] = mapped_column(ForeignKey("uploads.id", ondelete="SET NULL"))
    """Where it comes from."""
    media_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    width: Mapped[int]
    """Pixels; 0 where the format does not tell, as is `height`."""
    height: Mapped[int]
    storage_key: Mapped[str] = mapped_column(String(200), ForeignKey("stored_files.key"))
    unused_since: Mapped[datetime | None]
    """When it was first found that no section names it."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
