from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Sequence, String, func, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from tms.platform.db import Base

student_codes = Sequence("student_codes", metadata=Base.metadata)
"""Codes come from here and are never reused: STU001 ... STU999, STU1000 ..."""


class User(Base):
    """A person. The local role rules; the identity provider mirrors it."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('admin', 'trainer', 'student')", name="role"),
        CheckConstraint(
            "status IN ('provisioning', 'active', 'identity_conflict', 'disabled', 'erased')", name="status"
        ),
        CheckConstraint(
            "role <> 'student' OR student_code IS NOT NULL OR status = 'erased'", name="student_has_code"
        ),
        CheckConstraint("status NOT IN ('active') OR account_id IS NOT NULL", name="active_has_account"),
        Index("ix_users_created_at_id", "created_at", "id"),
        Index("ix_users_role", "role"),
        Index("ix_users_name", text("((last_name::text || ' '::text) || first_name::text)"), "id"),
        Index(
            "ix_users_search",
            literal_column(
                "(((((first_name::text || ' '::text) || last_name::text) || chr(10)) || email::text) || chr(10)) "
                "|| student_code::text"
            ).label("searched"),
            postgresql_using="gin",
            postgresql_ops={"searched": "gin_trgm_ops"},
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    """The account at the identity provider, `keycloakId` on the wire; none until it is provisioned."""
    email: Mapped[str] = mapped_column(String(255))
    email_norm: Mapped[str] = mapped_column(String(255), unique=True)
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    phone: Mapped[str | None] = mapped_column(String(20))
    role: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20), server_default="provisioning")
    student_code: Mapped[str | None] = mapped_column(String(20), unique=True)
    version: Mapped[int] = mapped_column(server_default="1")
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Provisioning(Base):
    """How far a user's account at the identity provider is; the row explains the outside effect before it happens."""

    __tablename__ = "provisionings"
    __table_args__ = (Index("ix_provisionings_open", "created_at", postgresql_where="done_at IS NULL"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    welcome: Mapped[dict[str, Any] | None]
    """Context of the welcome e-mail (batch name); none where no mail is wanted."""
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    last_error: Mapped[str | None] = mapped_column(String(100))
    """A stable code, never exception text."""
    adopted_account_id: Mapped[str | None] = mapped_column(String(255))
    """The account that an administrator has said to be this person's: it is taken over, and none is made."""
    lost_account_id: Mapped[str | None] = mapped_column(String(255))
    """The account that was gone at the provider, in whose place one is made; then the mail tells of a new password."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]


class TemporaryPassword(Base):
    """What a temporary password is derived from; the password itself is stored nowhere."""

    __tablename__ = "temporary_passwords"
    __table_args__ = (
        Index("ix_temporary_passwords_expires_at", "expires_at", postgresql_where="ended_at IS NULL"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16))
    epoch: Mapped[int]
    applied_epoch: Mapped[int] = mapped_column(server_default="0")
    """The newest epoch whose password the identity provider has been given."""
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """When it was used for the first time, or ended by its expiry: from then on it is shown to nobody."""
