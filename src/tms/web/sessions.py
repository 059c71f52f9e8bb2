"""Page sessions: begun after a sign-in, confirmed with the identity provider every few minutes, ended by it or here.

A session ends after eight hours without a request and after a day in any case, or as soon as the provider says so: the
built-in one ends a sign-in after 30 idle minutes (an open lesson is not idle) and after 12 hours. Sign-out elsewhere and
a changed password reach a session within minutes, when its refresh token is refused, or at once where the provider sends
word (`end_by_provider`); a disabled user is turned away by the very next request, by the local status.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity.models import User
from tms.platform import clock, db
from tms.platform.caller import Caller, Role
from tms.platform.secrets import mac
from tms.platform.settings import get_settings
from tms.web.models import PageSession, SpentLogoutToken

IDLE = timedelta(hours=8)
LONGEST = timedelta(hours=24)
SEEN_EVERY = timedelta(minutes=1)
"""The time of the last request is noted this exactly: one write a minute is enough."""
CHECKING = timedelta(seconds=30)
"""While one request asks the provider, others do not; if it dies on the way, another asks after this."""
UNCONFIRMED_AT_MOST = timedelta(hours=12)
"""While the provider does not answer, people go on for this long: a sign-in lives no longer at the provider either."""
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a provider gave for a sign-in, and for how long it need not be asked again."""

    refresh: str
    identity: str
    lifetime: timedelta
    sid: str | None = None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody at a page: who they are, and the token that their forms carry."""

    caller: Caller
    name: str
    form_token: str

    @property
    def is_staff(self) -> bool:
        """Trainers and administrators."""
        return self.caller.role is not Role.STUDENT


Refresh = Callable[[str, str], Awaitable[Tokens | None]]
"""Trades a refresh token (and the ID token so far) for new tokens; none where the provider refuses it."""


class ProviderSilentError(Exception):
    """The identity provider gave no answer; a session is neither confirmed nor refused by that."""


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()


def _vault() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(get_settings().key("page sessions")))


def form_token(cookie: str) -> str:
    """The token of all forms of one session; it says nothing about the cookie."""
    return mac(get_settings().key("forms of pages"), cookie).hex()


def _seal(tokens: Tokens) -> bytes:
    return _vault().encrypt(json.dumps([tokens.refresh, tokens.identity]).encode())


def _open(sealed: bytes) -> tuple[str, str] | None:
    try:
        refresh, identity = json.loads(_vault().decrypt(sealed))
    except InvalidToken:
        # The server secret was changed: nobody can be confirmed with these any more.
        return None
    return refresh, identity


async def begin(session: AsyncSession, user_id: UUID, tokens: Tokens) -> str:
    """A new session; returns the cookie's value, which is kept nowhere."""
    cookie = secrets.token_urlsafe(32)
    now = await clock.now(session)
    await session.execute(
        insert(PageSession).values(
            id_hash=_digest(cookie),
            user_id=user_id,
            sid=tokens.sid,
            tokens=_seal(tokens),
            checked_at=now,
            check_due=now + tokens.lifetime,
            created_at=now,
            last_seen_at=now,
        )
    )
    return cookie


async def end(session: AsyncSession, cookie: str) -> str | None:
    """End the session; returns its ID token, by which the provider knows whom to sign out there."""
    found = (
        await session.execute(
            select(PageSession.tokens).where(PageSession.id_hash == _digest(cookie)).with_for_update()
        )
    ).scalar_one_or_none()
    await _close(session, _digest(cookie))
    opened = _open(found) if found else None
    return opened[1] if opened else None


async def _close(session: AsyncSession, id_hash: bytes) -> None:
    await session.execute(
        update(PageSession)
        .where(PageSession.id_hash == id_hash, PageSession.ended_at.is_(None))
        .values(ended_at=clock.db_now(), tokens=None)
    )


async def find(cookie: str, refresh: Refresh) -> Visitor | None:
    """Whose session it is, or none: unknown, ended, too old, of somebody disabled, or refused by the provider."""
    async with db.reading() as session:
        row = (await session.execute(_live(_digest(cookie)))).one_or_none()
    if row is None:
        return None
    if row.check_is_due and not await _confirm(_digest(cookie), refresh):
        return None
    if row.seen_long_ago:
        async with db.transaction() as session:
            await session.execute(
                update(PageSession)
                .where(PageSession.id_hash == _digest(cookie))
                .values(last_seen_at=clock.db_now())
            )
    return Visitor(
        caller=Caller(row.id, Role(row.role)),
        name=f"{row.first_name} {row.last_name}",
        form_token=form_token(cookie),
    )


def _live(id_hash: bytes) -> Any:
    now = clock.db_now()
    return (
        select(
            User.id,
            User.role,
            User.first_name,
            User.last_name,
            (PageSession.check_due <= now).label("check_is_due"),
            (PageSession.last_seen_at < now - SEEN_EVERY).label("seen_long_ago"),
        )
        .join(User, User.id == PageSession.user_id)
        .where(
            PageSession.id_hash == id_hash,
            PageSession.ended_at.is_(None),
            PageSession.created_at > now - LONGEST,
            PageSession.last_seen_at > now - IDLE,
            User.status == "active",
        )
    )


async def _confirm(id_hash: bytes, refresh: Refresh) -> bool:
    """Ask the provider whether the sign-in still holds, unless another request is just asking."""
    async with db.transaction() as session:
        now = await clock.now(session)
        row = (
            await session.execute(
                update(PageSession)
                .where(
                    PageSession.id_hash == id_hash,
                    PageSession.check_due <= now,
                    PageSession.ended_at.is_(None),
                )
                .values(check_due=now + CHECKING)
                .returning(PageSession.tokens, PageSession.checked_at)
            )
        ).one_or_none()
    if row is None:
        return True
    opened = _open(row.tokens)
    try:
        renewed = await refresh(*opened) if opened else None
    except ProviderSilentError:
        return bool(row.checked_at > now - UNCONFIRMED_AT_MOST)
    async with db.transaction() as session:
        if renewed is None:
            await _close(session, id_hash)
            return False
        now = await clock.now(session)
        kept = await session.execute(
            update(PageSession)
            .where(PageSession.id_hash == id_hash, PageSession.ended_at.is_(None))
            .values(tokens=_seal(renewed), checked_at=now, check_due=now + renewed.lifetime)
            .returning(PageSession.id_hash)
        )
        return kept.scalar_one_or_none() is not None


async def spend_logout_token(session: AsyncSession, jti: str, good_until: datetime) -> bool:
    """Note that a sign-out message is acted on; false where it was before."""
    spent = insert_or_leave(SpentLogoutToken).values(jti=jti, expires_at=good_until)
    made = await session.execute(spent.on_conflict_do_nothing().returning(SpentLogoutToken.jti))
    return made.scalar_one_or_none() is not None


async def end_by_provider(session: AsyncSession, *, subject: str | None, sid: str | None) -> None:
    """End the sessions of one sign-in; without a `sid`, of everything that the account is signed in to."""
    statement = update(PageSession).where(PageSession.ended_at.is_(None))
    if sid is not None:
        statement = statement.where(PageSession.sid == sid)
    if subject is not None:
        whose = select(User.id).where(User.account_id == subject).scalar_subquery()
        statement = statement.where(PageSession.user_id == whose)
    await session.execute(statement.values(ended_at=clock.db_now(), tokens=None))


async def forget_old(session: AsyncSession) -> None:
    """Remove the rows of sessions that ended, or could have, a week ago, and of sign-out messages too old to matter."""
    await session.execute(delete(SpentLogoutToken).where(SpentLogoutToken.expires_at < clock.db_now()))
    await session.execute(
        delete(PageSession).where(PageSession.last_seen_at < clock.db_now() - LONGEST - KEPT)
    )
