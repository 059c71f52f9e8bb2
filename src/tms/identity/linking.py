"""Administrators who were made at the identity provider: linked to a user here, once, when they first come.

The token must say that the address is verified and that the realm role is `admin`, and the provider must say that
nobody here made the account. From then on the local role rules, as with everybody.
"""

import logging
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity import emails, providers
from tms.identity.errors import AccountNotLinkedError
from tms.identity.models import Provisioning, User
from tms.identity.provider import Account
from tms.operations import audit
from tms.platform import db, ids, queue
from tms.platform.caller import Role

logger = logging.getLogger(__name__)

NAME = 100


async def link_administrator(claims: dict[str, Any]) -> None:
    """Make the account of these claims an administrator's, or raise `AccountNotLinkedError`.

    A user here who has the address, and is an administrator whose account is still to be made or is in conflict, gets
    the account; nobody else's role is ever raised, and nobody's account is replaced.
    """
    if not _says_administrator(claims):
        raise AccountNotLinkedError
    account = await providers.current().get(claims["sub"])
    if account is None or not account.enabled or not account.email_verified or account.user_id is not None:
        raise AccountNotLinkedError
    try:
        email = emails.check(account.email)
    except ValueError as error:
        raise AccountNotLinkedError("Give your account at the sign-in server an e-mail address.") from error
    async with db.transaction() as session:
        user_id, was = await _administrator(session, account, email)
        await audit.record(
            session,
            actor=user_id,
            action="user.linked",
            object_type="user",
            object_id=user_id,
            changes={"role": [None, Role.ADMIN]} if was is None else {"status": [was, "active"]},
        )
        # The mark at the provider is set by the job: who comes in must not wait for it.
        await queue.enqueue(
            session, "identity.mirror", unique=f"identity.mirror:{user_id}", user_id=str(user_id)
        )
    logger.warning("an administrator of the sign-in server was linked", extra={"user": str(user_id)})


def _says_administrator(claims: dict[str, Any]) -> bool:
    roles = claims.get("realm_access", {}).get("roles", [])
    return Role.ADMIN in roles and claims.get("email_verified") is True


async def _administrator(session: AsyncSession, account: Account, email: str) -> tuple[UUID, str | None]:
    """The id of the user who has the account now, and the status of one who was there before."""
    norm = emails.normalise(email)
    made = insert(User).values(
        id=ids.new_id(),
        account_id=account.id,
        email=email,
        email_norm=norm,
        first_name=account.first_name[:NAME].strip() or "Unnamed",
        last_name=account.last_name[:NAME].strip() or "Administrator",
        role=Role.ADMIN,
        status="active",
    )
    new_id: UUID | None = (
        await session.execute(made.on_conflict_do_nothing().returning(User.id))
    ).scalar_one_or_none()
    if new_id is not None:
        return new_id, None
    # Somebody has the address, or another request was faster: then it is linked already, which is as good.
    user = (
        await session.execute(
            select(User.id, User.status)
            .where(
                User.email_norm == norm,
                User.role == Role.ADMIN,
                User.account_id.is_(None),
                User.status.in_(("provisioning", "identity_conflict")),
            )
            .with_for_update()
        )
    ).one_or_none()
    if user is None:
        raise AccountNotLinkedError
    await session.execute(
        update(User)
        .where(User.id == user.id)
        .values(account_id=account.id, status="active", version=User.version + 1, updated_at=func.now())
    )
    await session.execute(
        update(Provisioning)
        .where(Provisioning.user_id == user.id)
        .values(done_at=func.now(), leased_until=None, adopted_account_id=account.id)
    )
    return user.id, user.status
