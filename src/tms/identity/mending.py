"""Accounts in trouble: one that could not be made, one that is somebody else's so far, one that is gone.

What counts as proof that an account which TMS did not make is a person's is written in `adoption`.
"""

from contextlib import suppress
from uuid import UUID

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity import access, adoption, emails, passwords, providers, provisioning, queries, service
from tms.identity.errors import AccountRefusedError, AdoptionRefusedError, StatusError, UserNotFoundError
from tms.identity.models import Provisioning, User
from tms.identity.provider import Account
from tms.operations import audit
from tms.platform import db, idempotency
from tms.platform.caller import Caller


async def retry_provisioning(user_id: UUID, *, by: Caller) -> RowMapping:
    """Try again to make the account of somebody in `provisioning` or `identity_conflict`, or whose account is gone.

    Raises `UserNotFoundError`, `StatusError` where the account is there, and `ProviderUnavailableError` where an
    active person's account cannot be looked for.
    """
    lost = await _lost_account(user_id)
    async with db.transaction() as session:
        if await idempotency.claim(session) is None:
            user = await service.locked(session, user_id)
            if lost is not None and user.account_id == lost:
                await _start_again_without(session, user, lost, by=by.id)
            else:
                await _retry(session, user, by=by.id)
            await idempotency.note(session, user_id)
    await service.try_provisioning(user_id)
    async with db.reading() as session:
        return await queries.user(session, user_id)


async def _retry(session: AsyncSession, user: User, *, by: UUID) -> None:
    if user.status not in {"provisioning", "identity_conflict"}:
        raise StatusError("The user's account is there already.")
    await _restart(session, user, by=by, action="user.provisioning_retried")


async def _restart(
    session: AsyncSession, user: User, *, by: UUID | None, action: str, **values: None
) -> None:
    noted = {"status": [user.status, "provisioning"]}
    await session.execute(
        update(User)
        .where(User.id == user.id)
        .values(status="provisioning", version=User.version + 1, updated_at=func.now(), **values)
    )
    await audit.record(session, actor=by, action=action, object_type="user", object_id=user.id, changes=noted)
    await provisioning.again(session, user.id)


async def _lost_account(user_id: UUID) -> str | None:
    """The account of an active person that the provider does not know any more."""
    row = await _known(user_id)
    if row is None or row["status"] != "active":
        return None
    account_id: str = row["keycloak_id"]
    return account_id if await providers.current().get(account_id) is None else None


async def _start_again_without(session: AsyncSession, user: User, lost: str, *, by: UUID | None) -> None:
    """Forget the account that is gone; a new one is made with a new temporary password, of which the person is told."""
    await passwords.issue(session, user.id)
    await _restart(session, user, by=by, action="user.account_remade", account_id=None)
    await session.execute(
        update(Provisioning)
        .where(Provisioning.user_id == user.id)
        .values(lost_account_id=lost, adopted_account_id=None)
    )
    access.forget(lost)


async def remake(user_id: UUID) -> bool:
    """Make the account of an active person anew if the provider does not know it any more; false where it does."""
    lost = await _lost_account(user_id)
    if lost is None:
        return False
    async with db.transaction() as session:
        user = await service.locked(session, user_id)
        if user.account_id != lost or user.status != "active":
            return False
        await _start_again_without(session, user, lost, by=None)
    await service.try_provisioning(user_id)
    return True


async def adopt_account(user_id: UUID, *, by: Caller) -> RowMapping:
    """Take over the account that has the address of somebody in `identity_conflict`; they keep its password.

    Raises `UserNotFoundError`, `StatusError`, `AdoptionRefusedError` with what is missing for the proof or why the
    account could not be marked, and `ProviderUnavailableError`.
    """
    account = await _conflicting_account(user_id)
    async with db.transaction() as session:
        if await idempotency.claim(session) is None:
            user = await service.locked(session, user_id)
            if user.status != "identity_conflict":
                raise StatusError("There is no conflict to settle.")
            proven = adoption.check(account, provisioning.person_of(user))
            await session.execute(
                update(Provisioning)
                .where(Provisioning.user_id == user_id)
                .values(adopted_account_id=proven.id)
            )
            await passwords.end(session, user_id)
            await _restart(session, user, by=by.id, action="user.account_adopted")
            await idempotency.note(session, user_id)
    await service.try_provisioning(user_id)
    async with db.reading() as session:
        row = await queries.user(session, user_id)
        if row["status"] == "identity_conflict":
            statement = select(Provisioning.last_error).where(Provisioning.user_id == user_id)
            raise _not_taken_over((await session.execute(statement)).scalar_one())
        return row


def _not_taken_over(why: str | None) -> AdoptionRefusedError:
    if why == AccountRefusedError.code:
        return AdoptionRefusedError(
            "The sign-in server lets TMS write nothing to this account, as where a directory keeps it read-only. Let the "
            "sign-in server keep changes itself (in Keycloak: edit mode UNSYNCED), or give this user another address."
        )
    return AdoptionRefusedError(
        "The account has changed while it was taken over. Look at it there and try again."
    )


async def _conflicting_account(user_id: UUID) -> Account | None:
    row = await _known(user_id)
    if row is None or row["status"] != "identity_conflict":
        return None
    return await providers.current().find_by_email(emails.normalise(row["email"]))


async def _known(user_id: UUID) -> RowMapping | None:
    """The user, or none: whether that is an error is said behind the look at the request's key."""
    with suppress(UserNotFoundError):
        async with db.reading() as session:
            return await queries.user(session, user_id)
    return None
