from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, func
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
    """A document on its way to becoming sections. `replaced`: its sections were all removed and it was uploaded anew."""

    __tablename__ = "uploads"
    __table_args__ = (
        CheckConstraint(
            "status IN ('queued', 'processing', 'completed', 'failed', 'replaced')", name="status"
        ),
        CheckConstraint("(status = 'failed') = (error_code IS NOT NULL)", name="failed_has_reason"),
        CheckConstraint(
            "(status IN ('queued', 'processing')) = (finished_at IS NULL)", name="finished_has_time"
        ),
        CheckConstraint("storage_key IS NOT NULL OR status = 'failed'", name="kept_unless_failed"),
        # One document is in a course once, however often and by how many people it is uploaded.
        Index(
            "uq_uploads_course_id_sha256",
            "course_id",
            "sha256",
            unique=True,
            postgresql_where="status IN ('queued', 'processing', 'completed')",
        ),
        Index("ix_uploads_course_id", "course_id"),
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
    section_ids: Mapped[list[Any]] = mapped_column(server_default="[]")
    """The sections made of it, as text, in order."""
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
