"""Sign-ins that live on: a browser's single sign-on, and the session behind refresh tokens.

A browser is signed out after 30 idle minutes and after 12 hours at the latest. A script or program that holds refresh
tokens (`tms-cli`) is so after 14 idle days and after 30 days at the latest.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Integer, RowMapping, cast, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity.builtin.models import Account, SignInSession
from tms.platform import clock
from tms.platform.ids import new_id

BROWSER_IDLE = timedelta(minutes=30)
BROWSER_LONGEST = timedelta(hours=12)
PROGRAM_IDLE = timedelta(days=14)
PROGRAM_LONGEST = timedelta(days=30)


def new_secret() -> str:
    """256 random bits, of which only the hash is stored."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> bytes:
    """What is stored of a secret; one SHA-256 is enough for so many random bits."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class Started:
    """A new session; `secret` is the browser's cookie."""

    id: UUID
    secret: str


async def start(
    session: AsyncSession, account_id: UUID, *, password_epoch: int, browser: bool
) -> Started | None:
    """A new session for who has just proved the password of that epoch.

    None where the password was changed or the account shut in the meantime. The account's row is locked against both.
    """
    statement = select(Account.id).where(
        Account.id == account_id, Account.enabled, Account.password_epoch == password_epoch
    )
    if (await session.execute(statement.with_for_update(read=True))).scalar_one_or_none() is None:
        return None
    return await _insert(session, account_id, browser=browser)


async def _insert(session: AsyncSession, account_id: UUID, *, browser: bool) -> Started:
    made = Started(new_id(), new_secret())
    now = clock.db_now()
    await session.execute(
        insert(SignInSession).values(
            id=made.id,
            account_id=account_id,
            cookie_hash=hashed(made.secret) if browser else None,
            started_at=now,
            idle_until=now + (BROWSER_IDLE if browser else PROGRAM_IDLE),
            expires_at=now + (BROWSER_LONGEST if browser else PROGRAM_LONGEST),
        )
    )
    return made


async def hold_account(session: AsyncSession, account_id: UUID) -> None:
    """Let nobody shut the account until this transaction has ended: who shuts it ends the sessions that are there by then.

    Comes before any lock on a session, as in `start` and where an account is shut.
    """
    await session.execute(select(Account.id).where(Account.id == account_id).with_for_update(read=True))


async def start_for_program(session: AsyncSession, account_id: UUID) -> UUID:
    """The session of a program to which a browser's session has given a code; it lives on without the browser."""
    return (await _insert(session, account_id, browser=False)).id


_ALIVE = (
    SignInSession.expires_at > func.tms_now(),
    SignInSession.idle_until > func.tms_now(),
    Account.enabled,
)
_COLUMNS = (
    SignInSession.id,
    SignInSession.account_id,
    SignInSession.started_at,
    SignInSession.cookie_hash,
    Account.user_id,
    Account.email,
    Account.email_norm,
    Account.first_name,
    Account.last_name,
    Account.role,
    Account.password_epoch,
    cast(
        func.extract(
            "epoch", func.least(SignInSession.idle_until, SignInSession.expires_at) - func.tms_now()
        ),
        Integer,
    ).label("seconds_left"),
)


async def of_cookie(session: AsyncSession, cookie: str | None, *, lock: bool = False) -> RowMapping | None:
    """The browser's session with its account: live, of an account that may sign in; else none.

    `lock` keeps it from being ended while a code is made for it.
    """
    if not cookie or len(cookie) > 100:
        return None
    statement = (
        select(*_COLUMNS)
        .join(Account, Account.id == SignInSession.account_id)
        .where(SignInSession.cookie_hash == hashed(cookie), *_ALIVE)
    )
    if lock:
        statement = statement.with_for_update(of=SignInSession)
    return (await session.execute(statement)).mappings().one_or_none()


async def find(session: AsyncSession, session_id: UUID, *, lock: bool = False) -> RowMapping | None:
    """A live session with its account, by the `sid` of its tokens.

    Codes and refresh tokens change only under the session's lock, so that ending it cannot dead-lock with them.
    """
    statement = (
        select(*_COLUMNS)
        .join(Account, Account.id == SignInSession.account_id)
        .where(SignInSession.id == session_id, *_ALIVE)
    )
    if lock:
        statement = statement.with_for_update(of=SignInSession)
    return (await session.execute(statement)).mappings().one_or_none()


async def touch(session: AsyncSession, session_id: UUID, *, browser: bool) -> None:
    """The session was used: its idle time starts anew."""
    await session.execute(
        update(SignInSession)
        .where(SignInSession.id == session_id)
        .values(idle_until=clock.db_now() + (BROWSER_IDLE if browser else PROGRAM_IDLE))
    )


async def end(session: AsyncSession, session_id: UUID) -> None:
    """Sign out: the session goes, and with it its codes and refresh tokens."""
    await session.execute(delete(SignInSession).where(SignInSession.id == session_id))


async def end_all(session: AsyncSession, account_id: UUID, *, but: UUID | None = None) -> None:
    """Sign out everywhere, `but` for the session at hand."""
    statement = delete(SignInSession).where(SignInSession.account_id == account_id)
    if but is not None:
        statement = statement.where(SignInSession.id != but)
    await session.execute(statement)
