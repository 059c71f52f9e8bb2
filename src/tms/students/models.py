from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from tms.platform.db import Base


class Erasure(Base):
    """Who was erased. The row explains what is still to be done outside of the database, and outlives the person."""

    __tablename__ = "erasures"
    __table_args__ = (Index("ix_erasures_open", "requested_at", postgresql_where="done_at IS NULL"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    requested_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    """None where it was done again after a restore."""
    requested_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]
    """When nothing was left: no account, no file, and nothing that a request at work had still written."""
