"""Requests that are safe to repeat: the answer to an `Idempotency-Key` is stored in the transaction that did the work.

One key of one caller stands for one request. The same key with the same request gives the stored answer; with another
request it is refused; while the first is still at work the second is told so. Keys are kept for 24 hours.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, SmallInteger, String, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tms.platform.db import Base
from tms.platform.errors import DomainError

KEPT = timedelta(hours=24)


class IdempotencyKey(Base):
    """What a caller's key stands for: a stored answer, or the row that the work is about."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_created_at", "created_at"),)

    caller_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of method, path, query and body."""
    subject_id: Mapped[UUID | None]
    """For work with an outside effect: the row that explains it. A repeat resumes it; its answer is never stored."""
    status: Mapped[int | None] = mapped_column(SmallInteger)
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class KeyReusedError(DomainError):
    """The key stood for another request before."""

    status = 422
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request; use a new key for a new request"


class InFlightError(DomainError):
    """The first request with this key has not been answered yet."""

    code = "request_in_flight"
    title = "A request with this Idempotency-Key is still at work; repeat it in a moment"
    retry_after = 1


@dataclass(frozen=True, slots=True)
class Pending:
    """The key of the request at hand."""

    caller_id: UUID
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as it was given."""

    status: int
    headers: dict[str, str]
    body: bytes


class RepeatedError(Exception):
    """Not an error of anybody: the work was done before, and here is the answer."""

    def __init__(self, answer: StoredAnswer) -> None:
        super().__init__("repeated")
        self.answer = answer


pending: ContextVar[Pending | None] = ContextVar("idempotency", default=None)


async def claim(session: AsyncSession) -> UUID | None:
    """Take the key of the request at hand, first thing in the transaction that does its work.

    Returns the row of the first try where work with an outside effect is to be resumed, else none. Raises
    `RepeatedError` with the stored answer, `KeyReusedError`, or `InFlightError`. Without a key nothing happens.
    """
    request = pending.get()
    if request is None:
        return None
    # A second insert of the key would wait for the first transaction; asking for a lock does not.
    name = func.hashtextextended(f"{request.caller_id}:{request.key}", 0)
    if not (await session.execute(select(func.pg_try_advisory_xact_lock(name)))).scalar_one():
        raise InFlightError
    mine = (IdempotencyKey.caller_id == request.caller_id, IdempotencyKey.key == request.key)
    await session.execute(delete(IdempotencyKey).where(*mine, IdempotencyKey.created_at < func.now() - KEPT))
    row = (await session.execute(select(IdempotencyKey.__table__).where(*mine))).mappings().one_or_none()
    if row is None:
        await session.execute(
            insert(IdempotencyKey).values(
                caller_id=request.caller_id, key=request.key, fingerprint=request.fingerprint
            )
        )
        return None
    if row["fingerprint"] != request.fingerprint:
        raise KeyReusedError
    if row["status"] is not None:
        raise RepeatedError(StoredAnswer(row["status"], row["headers"] or {}, row["body"] or b""))
    subject: UUID | None = row["subject_id"]
    return subject


async def note(session: AsyncSession, subject_id: UUID) -> None:
    """Remember the row that the work is about, in T1; a repeat of the request resumes with it."""
    await _keep(session, subject_id=subject_id)


async def store(session: AsyncSession, answer: StoredAnswer) -> None:
    """Remember the answer, in the transaction that did the work."""
    await _keep(session, status=answer.status, headers=answer.headers, body=answer.body)


async def _keep(session: AsyncSession, **values: Any) -> None:
    request = pending.get()
    if request is not None:
        mine = (IdempotencyKey.caller_id == request.caller_id, IdempotencyKey.key == request.key)
        await session.execute(update(IdempotencyKey).where(*mine).values(**values))


async def forget_old(session: AsyncSession) -> None:
    """Remove the keys that are older than 24 hours."""
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < func.now() - KEPT))
