"""Temporary passwords are derived when they are needed and stored nowhere.

`base32(HMAC-SHA256(key, user id, epoch))`, cut to 20 characters, has 100 bits: a retry after a crash gives the same
password, and a greater epoch gives a new one and makes the old one worthless (ASVS 5.0, 6.4.1).
"""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity.models import TemporaryPassword
from tms.platform import clock, secrets
from tms.platform.settings import get_settings

LIFETIME = timedelta(days=7)
CHARACTERS = 20


@dataclass(frozen=True, slots=True)
class TemporaryPasswordView:
    """A temporary password that still works, and until when."""

    password: str
    expires_at: datetime
    epoch: int


def derive(user_id: UUID, epoch: int) -> str:
    """The password of an epoch, in four groups of five so that it can be read aloud and typed."""
    digest = secrets.mac(get_settings().key("temporary passwords"), str(user_id), str(epoch))
    letters = base64.b32encode(digest).decode().lower()[:CHARACTERS]
    return "-".join(letters[start : start + 5] for start in range(0, CHARACTERS, 5))


def _key_id() -> str:
    return secrets.key_id(get_settings().secret)


def _expiry() -> ColumnElement[datetime]:
    expiry: ColumnElement[datetime] = clock.db_now() + LIFETIME
    return expiry


async def issue(session: AsyncSession, user_id: UUID) -> TemporaryPasswordView:
    """A new temporary password for the next seven days; an earlier one stops working once this one is applied."""
    values = {"key_id": _key_id(), "expires_at": _expiry(), "ended_at": None}
    statement = insert(TemporaryPassword).values(user_id=user_id, epoch=1, **values)
    row = (
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=[TemporaryPassword.user_id],
                set_={"epoch": TemporaryPassword.epoch + 1, **values},
            ).returning(TemporaryPassword.epoch, TemporaryPassword.expires_at)
        )
    ).one()
    return TemporaryPasswordView(derive(user_id, row.epoch), row.expires_at, row.epoch)


async def temporary_password(session: AsyncSession, user_id: UUID) -> TemporaryPasswordView | None:
    """The password while it works: not yet used, not expired, and derived with the secret that we have today."""
    row = (
        await session.execute(
            select(TemporaryPassword.epoch, TemporaryPassword.expires_at).where(
                TemporaryPassword.user_id == user_id,
                TemporaryPassword.ended_at.is_(None),
                TemporaryPassword.expires_at > clock.db_now(),
                TemporaryPassword.key_id == _key_id(),
            )
        )
    ).one_or_none()
    return TemporaryPasswordView(derive(user_id, row.epoch), row.expires_at, row.epoch) if row else None


async def extend(session: AsyncSession, user_id: UUID) -> TemporaryPasswordView | None:
    """Let the present password work for seven more days from now; none where it was used or ended."""
    row = (
        await session.execute(
            update(TemporaryPassword)
            .where(
                TemporaryPassword.user_id == user_id,
                TemporaryPassword.ended_at.is_(None),
                TemporaryPassword.key_id == _key_id(),
            )
            .values(expires_at=_expiry())
            .returning(TemporaryPassword.epoch, TemporaryPassword.expires_at)
        )
    ).one_or_none()
    return TemporaryPasswordView(derive(user_id, row.epoch), row.expires_at, row.epoch) if row else None


async def applied(session: AsyncSession, user_id: UUID, epoch: int) -> bool:
    """Note that the provider has been given this epoch's password; true if that is still the newest."""
    newest = (
        await session.execute(
            update(TemporaryPassword)
            .where(TemporaryPassword.user_id == user_id)
            .values(applied_epoch=func.greatest(TemporaryPassword.applied_epoch, epoch))
            .returning(TemporaryPassword.epoch)
        )
    ).scalar_one_or_none()
    return newest == epoch


async def end(session: AsyncSession, user_id: UUID) -> None:
    """The password was used for the first time, or its time is over: it is shown to nobody any more."""
    await session.execute(
        update(TemporaryPassword)
        .where(TemporaryPassword.user_id == user_id, TemporaryPassword.ended_at.is_(None))
        .values(ended_at=clock.db_now())
    )
