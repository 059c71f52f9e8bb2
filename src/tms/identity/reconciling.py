"""Both sides compared: users here, accounts at the identity provider. The local side rules; foreign accounts are let be.

The provider lists its accounts in pages, while people come and go on both sides. So a listing only raises suspicion: each
suspect is looked at again, alone and fresh, before anything is said or done. Memory holds one page at a time. What fails is
asked for again; an account that cannot be read all the same is told, and the others are compared.
"""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity import access, erasing, mending, providers, service
from tms.identity.differences import MIRRORED, Difference, Kind, Side, between
from tms.identity.errors import (
    AccountMissingError,
    ComparisonCutShortError,
    IdentityConflictError,
    LeasedError,
    ProviderRefusesError,
    ProviderUnavailableError,
    UserNotFoundError,
)
from tms.identity.models import User
from tms.identity.patience import patiently
from tms.identity.provider import Account
from tms.identity.sightings import Sightings
from tms.operations import audit
from tms.platform import db, queue

logger = logging.getLogger(__name__)

PAGE = 500

# A job that tells the provider, or that makes or removes an account, explains a difference.
_WAITS: ColumnElement[bool] = literal_column("""(
    EXISTS (SELECT FROM procrastinate_jobs j WHERE j.task_name IN (
                'identity.mirror', 'identity.provision', 'students.finish_erasure')
            AND j.status IN ('todo', 'doing') AND j.args ->> 'user_id' = users.id::text)
    OR EXISTS (SELECT FROM provisionings p WHERE p.user_id = users.id AND p.done_at IS NULL)
)""").label("waits")


@dataclass(slots=True)
class Progress:
    """How far a comparison has come."""

    accounts: int = 0
    last: str | None = None
    all_listed: bool = False

    def compared(self, account: Account) -> None:
        """One more, in the order of the listing."""
        self.accounts += 1
        self.last = account.id

    def told(self, why: ProviderUnavailableError) -> str:
        """How far it came before it was cut short, for people; ids only."""
        came = f"{self.accounts} accounts were compared" + (
            f", the last was {self.last}" if self.last else ""
        )
        if self.all_listed:
            came = f"all {self.accounts} accounts were compared, but not whether anybody's account is gone"
        return f"{why.detail}. It was not all compared: {came}. What was repaired stays so; run `tms reconcile` again."


async def compare(progress: Progress | None = None) -> AsyncIterator[Difference]:
    """Every difference, as it is found; nothing is changed. `progress` is kept up to date.

    Raises `ComparisonCutShortError` where the provider stops answering for longer than its patience.
    """
    progress = progress or Progress()
    try:
        with Sightings.opened() as seen:
            async for difference in _compare(seen, progress):
                yield difference
    except ProviderUnavailableError as error:
        raise ComparisonCutShortError(progress.told(error)) from error


async def _compare(seen: Sightings, progress: Progress) -> AsyncIterator[Difference]:
    async for page in _pages():
        seen.add(page)
        sides = await _sides(page)
        for account in page:
            linked, marked = _about(account, sides)
            if between(account, linked, marked, providers.current().names):
                user = linked or marked
                suspected = user.id if user else account.user_id
                for difference in await _found(partial(_look, account.id), suspected, account.id):
                    yield difference
            progress.compared(account)
    progress.all_listed = True
    async for user_id, account_id in _users_unseen(seen):
        for difference in await _found(partial(_look_for, user_id), user_id, account_id):
            yield difference
    for marked_twice in seen.marked_twice():
        if await _has_no_account(UUID(marked_twice)):
            yield Difference(Kind.MARK_TWICE, UUID(marked_twice), None)


async def reconcile(*, remake: bool = False, progress: Progress | None = None) -> AsyncIterator[Difference]:
    """Every difference, after it was repaired where that is for TMS to do. Arguments and errors as of `compare`.

    `remake` has accounts that are gone made anew, each with a new temporary password that is sent to the person.
    """
    told: UUID | None = None
    async for found in compare(progress):
        # All that differs of one account is found together, and told together.
        again = found.kind in MIRRORED and found.user_id == told
        repaired = again or await _repair(found, remake=remake)
        told = found.user_id if repaired else None
        yield replace(found, repaired=repaired)


async def reconcile_and_log() -> Counter[str]:
    """As `reconcile`, for the job that runs by the clock; returns how many there were of each kind."""
    counted: Counter[str] = Counter()
    async for found in reconcile():
        counted[found.kind.value] += 1
        level = logging.INFO if found.repaired else logging.WARNING
        logger.log(
            level, "the sign-in server differs", extra={"difference": str(found), "repaired": found.repaired}
        )
    return counted


async def _pages() -> AsyncIterator[list[Account]]:
    page: list[Account] = []
    try:
        async for account in providers.current().list():
            page.append(account)
            if len(page) >= PAGE:
                yield page
                page = []
    except ProviderUnavailableError:
        # What was read before it stopped answering is compared too.
        if page:
            yield page
        raise
    if page:
        yield page


Sides = tuple[dict[str, Side], dict[UUID, Side]]
"""Users by their account and by their id."""

_SIDE: tuple[Any, ...] = (
    User.id,
    User.account_id,
    User.status,
    User.role,
    User.email_norm,
    User.first_name,
    User.last_name,
    _WAITS,
)


async def _sides(accounts: Sequence[Account]) -> Sides:
    """The users whom these accounts are about."""
    ids = [account.id for account in accounts]
    marks = [account.user_id for account in accounts if account.user_id is not None]
    async with db.reading() as session:
        return await _read(session, or_(User.account_id.in_(ids), User.id.in_(marks)))


async def _read(session: AsyncSession, condition: Any) -> Sides:
    rows = (await session.execute(select(*_SIDE).where(condition))).all()
    sides = [Side(*row) for row in rows]
    return {side.account_id: side for side in sides if side.account_id}, {side.id: side for side in sides}


def _about(account: Account, sides: Sides) -> tuple[Side | None, Side | None]:
    by_account, by_id = sides
    return by_account.get(account.id), by_id.get(account.user_id) if account.user_id else None


async def _found(
    look: Callable[[], Awaitable[list[Difference]]], suspected: UUID | None, account_id: str
) -> list[Difference]:
    """What one account's `look` finds. Where it cannot be read, that is the difference, about the `suspected` user.

    Raises `ProviderUnavailableError` where the provider answers nothing else either.
    """
    try:
        return await patiently(look)
    except ProviderRefusesError:
        raise
    except (ProviderUnavailableError, IdentityConflictError):
        # Whose keys can be had is there: it is about this account.
        await patiently(providers.current().signing_keys)
        return [Difference(Kind.NOT_READ, suspected, account_id)]


async def _look(account_id: str) -> list[Difference]:
    """One account as it is now, beside its user as they are now: the provider first, since the local side rules."""
    provider = providers.current()
    account = await provider.get(account_id)
    if account is None:
        return []
    linked, marked = _about(account, await _sides([account]))
    kinds = between(account, linked, marked, provider.names)
    user = linked or marked
    if kinds == [Kind.MARK_TWICE] and marked is not None:
        recorded = marked.account_id
        if recorded is None or await provider.get(recorded) is None:
            kinds = [Kind.ACCOUNT_REPLACED]
    return [Difference(kind, user.id if user else account.user_id, account.id) for kind in kinds]


async def _users_unseen(seen: Sightings) -> AsyncIterator[tuple[UUID, str]]:
    """Users who should have an account that no page of the listing has shown, and the id of that account."""
    after = ""
    while True:
        async with db.reading() as session:
            rows = (
                await session.execute(
                    select(User.account_id, User.id)
                    .where(User.account_id > after, User.status.in_(("active", "disabled")))
                    .order_by(User.account_id)
                    .limit(PAGE)
                )
            ).all()
        by_account = {row.account_id: row.id for row in rows}
        for account_id in sorted(seen.unseen(by_account)):
            yield by_account[account_id], account_id
        if len(rows) < PAGE:
            return
        after = rows[-1].account_id


async def _look_for(user_id: UUID) -> list[Difference]:
    """Whether an active person's account is gone; that of somebody disabled keeps nobody out who should be in."""
    async with db.reading() as session:
        _, by_id = await _read(session, User.id == user_id)
    user = by_id[user_id]
    if user.waits or user.account_id is None or user.status != "active":
        return []
    provider = providers.current()
    # An account that carries the mark in its place is another kind of difference, and was seen in the listing.
    if await provider.get(user.account_id) is not None or await provider.find(user_id) is not None:
        return []
    return [Difference(Kind.ACCOUNT_MISSING, user_id, None)]


async def _has_no_account(user_id: UUID) -> bool:
    async with db.reading() as session:
        _, by_id = await _read(session, User.id == user_id)
    user = by_id.get(user_id)
    return user is not None and user.account_id is None and user.status != "erased"


async def _repair(found: Difference, *, remake: bool) -> bool:
    if found.user_id is None:
        return False
    try:
        return await _mend(found.kind, found.user_id, found.account_id, remake=remake)
    except (IdentityConflictError, AccountMissingError, UserNotFoundError, LeasedError):
        # A foreign account has the address, or somebody is at work on it right now: the next look will tell.
        return False
    except ProviderRefusesError:
        raise
    except ProviderUnavailableError:
        # Of this account, or altogether: then the comparison itself does not get much further. A job goes on with it.
        return False


async def _mend(kind: Kind, user_id: UUID, account_id: str | None, *, remake: bool) -> bool:
    if kind in MIRRORED:
        return await _tell_again(user_id, kind)
    if kind is Kind.ACCOUNT_OF_ERASED:
        await patiently(partial(erasing.remove_account, user_id))
        return True
    if kind is Kind.ACCOUNT_REPLACED and account_id is not None:
        return await _link(user_id, account_id)
    return kind is Kind.ACCOUNT_MISSING and remake and await mending.remake(user_id)


async def _tell_again(user_id: UUID, kind: Kind) -> bool:
    async with db.transaction() as session:
        await _note(session, user_id, kind)
    await patiently(partial(service.mirror, user_id))
    return True


async def _link(user_id: UUID, account_id: str) -> bool:
    """Give a user the account that carries their mark, in place of one that is gone."""
    async with db.transaction() as session:
        user = await service.locked(session, user_id)
        if user.status not in {"active", "disabled"}:
            return False
        if user.account_id is not None:
            access.forget(user.account_id)
        await session.execute(
            update(User).where(User.id == user_id).values(account_id=account_id, version=User.version + 1)
        )
        await _note(session, user_id, Kind.ACCOUNT_REPLACED)
    access.forget(account_id)
    await patiently(partial(service.mirror, user_id))
    return True


async def _note(session: AsyncSession, user_id: UUID, kind: Kind) -> None:
    """The line in the audit log, and the job that goes on with the repair if we die."""
    await audit.record(
        session,
        actor=None,
        action="user.reconciled",
        object_type="user",
        object_id=user_id,
        changes={"difference": [kind.value, None]},
    )
    await queue.enqueue(session, "identity.mirror", unique=f"identity.mirror:{user_id}", user_id=str(user_id))
