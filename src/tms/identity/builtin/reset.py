"""Links to choose a new password: derived from account, password epoch and time, never stored, good once for an hour."""

import base64
import binascii
import hmac
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import RowMapping, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity.builtin import throttle
from tms.identity.builtin.credentials import username_key
from tms.identity.builtin.models import Account
from tms.platform import clock, db, limits, queue, secrets
from tms.platform.settings import get_settings

LIFETIME = timedelta(hours=1)
NOT_AGAIN_WITHIN = timedelta(minutes=2)
PATH = "login-actions/action-token"

_SIGNATURE_BYTES = 32
_KEY_BYTES = 16 + 8 + _SIGNATURE_BYTES


@dataclass(frozen=True, slots=True)
class Resettable:
    """An account whose link is good."""

    account_id: UUID
    password_epoch: int
    email: str


def _signature(account_id: UUID, password_epoch: int, expires: int) -> bytes:
    key = get_settings().key("reset links")
    return secrets.mac(key, str(account_id), str(password_epoch), str(expires))


def _expiry(requested_at: datetime) -> int:
    return int((requested_at + LIFETIME).timestamp())


async def ask(username: str, origin: throttle.Origin) -> None:
    """Send a link to whoever has an account of this name; those who ask are told the same in every case.

    One mail in two minutes for an account, few in an hour, and few for an address, so that nobody's mailbox is flooded.
    """
    with suppress(limits.TooManyError):
        await _ask(username, origin)


async def _ask(username: str, origin: throttle.Origin) -> None:
    async with db.transaction() as session:
        if not await throttle.may_ask_for_reset(session, origin):
            return
        now = await clock.now(session)
        statement = (
            update(Account)
            .where(
                Account.email_norm == username_key(username),
                Account.enabled,
                Account.user_id.is_not(None),
                or_(
                    Account.reset_requested_at.is_(None), Account.reset_requested_at <= now - NOT_AGAIN_WITHIN
                ),
            )
            .values(reset_requested_at=now.replace(microsecond=0))
            .returning(Account.user_id, Account.password_epoch)
        )
        found = (await session.execute(statement)).one_or_none()
        if found is None:
            return
        # Refused, it takes everything back: the link that was sent last stays good.
        await limits.spend(session, limits.LINKS_TO_ONE, str(found.user_id))
        await queue.enqueue(
            session,
            "notifications.send",
            user_id=str(found.user_id),
            template="password_reset_link",
            key=f"password_reset_link:{found.user_id}:{found.password_epoch}:{int(now.timestamp())}",
        )


async def reset_link(session: AsyncSession, user_id: UUID) -> str | None:
    """The link for the mail; none where nobody asks for one any more: it was used, or its hour is over."""
    statement = select(Account.id, Account.password_epoch, Account.reset_requested_at).where(
        Account.user_id == user_id,
        Account.enabled,
        Account.reset_requested_at > clock.db_now() - LIFETIME,
    )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        return None
    expires = _expiry(row.reset_requested_at)
    raw = row.id.bytes + expires.to_bytes(8, "big") + _signature(row.id, row.password_epoch, expires)
    return f"{get_settings().issuer}/{PATH}?key={base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


async def account_of(session: AsyncSession, key: str) -> Resettable | None:
    """The account whose link this is, while it is good."""
    try:
        raw = base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != _KEY_BYTES:
        return None
    account_id, expires = UUID(bytes=raw[:16]), int.from_bytes(raw[16:24], "big")
    row = await _asking(session, account_id)
    if row is None or _expiry(row["reset_requested_at"]) != expires:
        return None
    if datetime.fromtimestamp(expires, UTC) <= await clock.now(session):
        return None
    if not hmac.compare_digest(_signature(account_id, row["password_epoch"], expires), raw[24:]):
        return None
    return Resettable(account_id, row["password_epoch"], row["email"])


async def _asking(session: AsyncSession, account_id: UUID) -> RowMapping | None:
    statement = select(Account.password_epoch, Account.email, Account.reset_requested_at).where(
        Account.id == account_id, Account.enabled, Account.reset_requested_at.is_not(None)
    )
    return (await session.execute(statement)).mappings().one_or_none()
