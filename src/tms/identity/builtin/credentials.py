"""Whether somebody knows the password of an account, told so that nobody learns which accounts exist."""

import logging
from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy import RowMapping, and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity import emails
from tms.identity.builtin import hashing, throttle
from tms.identity.builtin.models import Account
from tms.identity.models import TemporaryPassword
from tms.platform import clock, db

logger = logging.getLogger(__name__)

LONGEST_PASSWORD = 256


class Outcome(Enum):
    """What came of an attempt to sign in."""

    RIGHT = auto()
    MUST_CHANGE = auto()
    """The temporary password is right; it opens nothing but the form that replaces it."""
    WRONG = auto()
    """Wrong, unknown, expired, or tried too often: all the same to who asks."""
    DISABLED = auto()
    """The password is right and the account is shut; only its owner gets to see this."""
    LATER = auto()
    """The address has guessed too often, whichever accounts."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt with its outcome; `account` is there where the password was right."""

    outcome: Outcome
    verdict: throttle.Verdict
    account: RowMapping | None = None

    @property
    def retry_after(self) -> int | None:
        """Seconds to wait, where the outcome is `LATER`."""
        return self.verdict.retry_after


def username_key(username: str) -> str:
    """The form in which an account's name is compared; what is no address matches no account."""
    try:
        return emails.normalise(username)
    except ValueError:
        return username.strip().casefold()[: emails.LONGEST]


async def check(username: str, password: str, origin: throttle.Origin) -> Attempt:
    """Try a password. A failure is counted; a success is for the caller to record with what it opens.

    Limits are read inside the hashing slot, so that parallel guesses cannot outrun them.
    """
    name = username_key(username)
    async with hashing.slot():
        async with db.reading() as session:
            verdict = await throttle.check(session, name, origin)
            account = await _account(session, name)
        if verdict.retry_after is not None:
            return Attempt(Outcome.LATER, verdict)
        if verdict.blocked:
            return Attempt(Outcome.WRONG, verdict)
        attempt = await _try(account, password, verdict)
        if attempt.outcome is Outcome.WRONG:
            async with db.transaction() as session:
                await throttle.failed(session, verdict)
    return attempt


async def _account(session: AsyncSession, name: str) -> RowMapping | None:
    """The account, with whether its temporary password still holds by the database's clock.

    A temporary password without a row that says until when does not hold.
    """
    holds = and_(TemporaryPassword.expires_at > clock.db_now(), TemporaryPassword.ended_at.is_(None))
    statement = (
        select(*Account.__table__.columns, holds.label("temporary_holds"))
        .outerjoin(TemporaryPassword, TemporaryPassword.user_id == Account.user_id)
        .where(Account.email_norm == name)
    )
    return (await session.execute(statement)).mappings().one_or_none()


async def _try(account: RowMapping | None, password: str, verdict: throttle.Verdict) -> Attempt:
    temporary = account is not None and account["password_temporary"]
    # A temporary password is often copied from a mail, together with a space.
    typed = password.strip() if temporary else password
    stored = account["password_hash"] if account is not None else None
    right = await hashing.matches(stored, typed[:LONGEST_PASSWORD]) and len(typed) <= LONGEST_PASSWORD
    if account is None or not right or (temporary and not account["temporary_holds"]):
        logger.info("sign-in refused")
        return Attempt(Outcome.WRONG, verdict)
    if not account["enabled"]:
        logger.info("sign-in to a disabled account", extra={"account": str(account["id"])})
        return Attempt(Outcome.DISABLED, verdict)
    return Attempt(Outcome.MUST_CHANGE if temporary else Outcome.RIGHT, verdict, account)
