"""Erasing somebody as far as identity knows them: they are kept out at once, and the provider removes the account."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity import access, providers
from tms.identity.errors import LeasedError, StatusError, UserNotFoundError
from tms.identity.models import Provisioning, User
from tms.platform import db, failpoints
from tms.platform.caller import Role

failpoints.declare("identity.erase.before_account", "identity.erase.after_account")


async def lock(session: AsyncSession, user_id: UUID) -> str | None:
    """Lock the user until the transaction ends, so that nobody gives them a seat meanwhile; gives the account's id.

    Raises `UserNotFoundError`, for who was erased too, and `StatusError` for staff.
    """
    statement = select(User.role, User.status, User.account_id).where(User.id == user_id).with_for_update()
    user = (await session.execute(statement)).one_or_none()
    if user is None or user.status == "erased":
        raise UserNotFoundError
    if user.role != Role.STUDENT:
        # Batches, courses and the last administrator hang on staff; giving up the role sorts that out first.
        raise StatusError("Only students can be erased. Give this person the role `student` first.")
    account_id: str | None = user.account_id
    return account_id


async def remove_account(user_id: UUID) -> None:
    """Have the provider remove the account of somebody who was erased; one that is not there is fine.

    Raises `ProviderUnavailableError`, and `LeasedError` where the account is being made at this moment.
    """
    async with db.reading() as session:
        making = select(Provisioning.user_id).where(
            Provisioning.user_id == user_id, Provisioning.leased_until > func.now()
        )
        if (await session.execute(making)).first() is not None:
            raise LeasedError
    provider = providers.current()
    account = await provider.find(user_id)
    if account is not None:
        failpoints.here("identity.erase.before_account")
        await provider.delete(account.id)
        failpoints.here("identity.erase.after_account")
        access.forget(account.id)
