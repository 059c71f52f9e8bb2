"""A user's account at the identity provider: a resumable step, so that no crash leaves anybody half enrolled.

T1 (`service.register` and `start`) commits the user together with the job. `step` takes a lease on the row, makes or
adopts the account, and T2 records the outcome. The request calls `step` at once; the job calls it again until done.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity import adoption, passwords, providers
from tms.identity.errors import (
    AccountMissingError,
    AdoptionRefusedError,
    IdentityConflictError,
    LeasedError,
    PasswordRefusedError,
    ProviderUnavailableError,
)
from tms.identity.models import Provisioning, TemporaryPassword, User
from tms.identity.provider import Account, Person, Provider
from tms.operations import audit
from tms.platform import db, failpoints, queue
from tms.platform.caller import Role

logger = logging.getLogger(__name__)

failpoints.declare(
    "identity.provision.before_account", "identity.provision.after_account", "identity.provision.recorded"
)

PATIENCE = timedelta(seconds=10)
"""The job starts this much later, since the request tries at once."""
LEASE = timedelta(seconds=60)
ANNOUNCE_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _Lease:
    person: Person
    password: str
    epoch: int | None
    welcome: dict[str, Any] | None
    adopted_account_id: str | None
    lost_account_id: str | None


async def start(
    session: AsyncSession, user_id: UUID, *, welcome: dict[str, Any] | None, by_job: bool = True
) -> None:
    """Note that the account is to be made, with the job that makes it; `welcome` is the context of the first mail.

    Not `by_job` is who brings a permanent password, which no job can know.
    """
    await session.execute(insert(Provisioning).values(user_id=user_id, welcome=welcome))
    if by_job:
        await _enqueue(session, user_id)


async def _enqueue(session: AsyncSession, user_id: UUID) -> None:
    await queue.enqueue(session, "identity.provision", after=PATIENCE, user_id=str(user_id))


async def again(session: AsyncSession, user_id: UUID, *, by_job: bool = True) -> None:
    """Start over for somebody whose account could not be made, or is gone."""
    anew = {"done_at": None, "leased_until": None, "last_error": None}
    statement = insert_or_update(Provisioning).values(user_id=user_id)
    await session.execute(statement.on_conflict_do_update(index_elements=[Provisioning.user_id], set_=anew))
    if by_job:
        await _enqueue(session, user_id)


async def step(user_id: UUID, *, permanent_password: str | None = None) -> None:
    """Make or adopt the account of a user whose provisioning is open; nothing happens if somebody else is at it.

    `permanent_password` is for the first administrator, who brings one. Raises `ProviderUnavailableError` to be tried
    again, `PasswordRefusedError` where that password breaks its rules, and `IdentityConflictError` once it is recorded.
    """
    lease = await _take_lease(user_id, permanent_password)
    if lease is None:
        return
    failpoints.here("identity.provision.before_account")
    try:
        account = await _account(providers.current(), lease, temporary=permanent_password is None)
    except IdentityConflictError as conflict:
        await _record_conflict(user_id, conflict)
        raise
    except (ProviderUnavailableError, PasswordRefusedError) as error:
        await _give_back(user_id, error.code)
        raise
    failpoints.here("identity.provision.after_account")
    await _record_account(user_id, account, lease)
    failpoints.here("identity.provision.recorded")


async def _account(provider: Provider, lease: _Lease, *, temporary: bool) -> Account:
    """The person's account: made, found where a crash left it, or the one that an administrator has named.

    One effect or the other, between the two fail points of `step`.
    """
    if lease.adopted_account_id is None:
        return await provider.create_or_adopt(lease.person, password=lease.password, temporary=temporary)
    try:
        # Looked at once more: it may have changed, or gone, since it was named.
        account = adoption.check(await provider.get(lease.adopted_account_id), lease.person)
        await provider.update(account.id, lease.person)
    except (AdoptionRefusedError, AccountMissingError) as error:
        raise IdentityConflictError from error
    return account


async def check_done(user_id: UUID) -> None:
    """Raise `LeasedError` while the account is still to be made: if whoever has the lease died, nobody else would do it."""
    async with db.reading() as session:
        still_open = select(Provisioning.user_id).where(
            Provisioning.user_id == user_id, Provisioning.done_at.is_(None)
        )
        if (await session.execute(still_open)).first() is not None:
            raise LeasedError


async def _take_lease(user_id: UUID, permanent_password: str | None) -> _Lease | None:
    async with db.transaction() as session:
        taken = (
            await session.execute(
                update(Provisioning)
                .where(
                    Provisioning.user_id == user_id,
                    Provisioning.done_at.is_(None),
                    or_(Provisioning.leased_until.is_(None), Provisioning.leased_until < func.now()),
                )
                .values(leased_until=func.now() + LEASE, attempts=Provisioning.attempts + 1)
                .returning(
                    Provisioning.welcome, Provisioning.adopted_account_id, Provisioning.lost_account_id
                )
            )
        ).one_or_none()
        if taken is None:
            return None
        user = (
            await session.execute(
                select(User, TemporaryPassword.epoch)
                .outerjoin(TemporaryPassword, TemporaryPassword.user_id == User.id)
                .where(User.id == user_id, User.status == "provisioning")
            )
        ).one_or_none()
        if user is None:
            # Disabled or erased in the meantime: there is nothing to make any more.
            await session.execute(
                update(Provisioning)
                .where(Provisioning.user_id == user_id)
                .values(done_at=func.now(), leased_until=None)
            )
            return None
        row, epoch = user
        password = permanent_password or passwords.derive(user_id, epoch)
        return _Lease(
            person_of(row),
            password,
            epoch,
            taken.welcome,
            taken.adopted_account_id,
            taken.lost_account_id,
        )


def person_of(user: User) -> Person:
    """What the provider is told of a user."""
    return Person(user.id, user.email_norm, user.first_name, user.last_name, Role(user.role))


async def _record_account(user_id: UUID, account: Account, lease: _Lease) -> None:
    """T2: the user can sign in; the welcome goes out by a job of the same transaction."""
    async with db.transaction() as session:
        activated = await session.execute(
            update(User)
            .where(User.id == user_id, User.status == "provisioning")
            .values(account_id=account.id, status="active", updated_at=func.now(), version=User.version + 1)
            .returning(User.role)
        )
        role = activated.scalar_one_or_none()
        await session.execute(
            update(Provisioning)
            .where(Provisioning.user_id == user_id)
            .values(done_at=func.now(), leased_until=None, last_error=None)
        )
        if role is None:
            # Disabled while the account was being made: it is mirrored as what the user is now.
            await session.execute(update(User).where(User.id == user_id).values(account_id=account.id))
            await queue.enqueue(
                session, "identity.mirror", unique=f"identity.mirror:{user_id}", user_id=str(user_id)
            )
            return
        await audit.record(
            session, actor=None, action="user.provisioned", object_type="user", object_id=user_id, changes={}
        )
        if lease.epoch is not None and not await passwords.applied(session, user_id, lease.epoch):
            await queue.enqueue(session, "identity.apply_password", user_id=str(user_id))
        await _write_to(session, user_id, lease)
        if role == Role.STUDENT:
            await queue.enqueue(session, "courses.announce", unique="courses.announce", after=ANNOUNCE_AFTER)


async def _write_to(session: AsyncSession, user_id: UUID, lease: _Lease) -> None:
    """Tell the person: welcome, once; or of the new password, where the account had been lost."""
    if lease.lost_account_id is not None:
        template, key = "password_reset_by_admin", f"password:{user_id}:{lease.epoch}"
    elif lease.welcome is not None:
        template, key = "welcome", f"welcome:{user_id}"
    else:
        return
    await queue.enqueue(session, "notifications.send", user_id=str(user_id), template=template, key=key)


async def _record_conflict(user_id: UUID, conflict: IdentityConflictError) -> None:
    async with db.transaction() as session:
        await session.execute(
            update(User)
            .where(User.id == user_id, User.status == "provisioning")
            .values(status="identity_conflict", updated_at=func.now(), version=User.version + 1)
        )
        await session.execute(
            update(Provisioning)
            .where(Provisioning.user_id == user_id)
            .values(done_at=func.now(), leased_until=None, last_error=conflict.code, adopted_account_id=None)
        )
    logger.warning("identity conflict", extra={"user": str(user_id)})


async def _give_back(user_id: UUID, code: str) -> None:
    async with db.transaction() as session:
        await session.execute(
            update(Provisioning)
            .where(Provisioning.user_id == user_id)
            .values(leased_until=None, last_error=code)
        )


async def resume() -> None:
    """Enqueue what is open for longer than ten minutes; a step that is at work keeps its lease."""
    async with db.transaction() as session:
        waiting = (
            await session.execute(
                select(Provisioning.user_id)
                .join(TemporaryPassword, TemporaryPassword.user_id == Provisioning.user_id)
                .where(
                    Provisioning.done_at.is_(None),
                    Provisioning.created_at < func.now() - timedelta(minutes=10),
                    or_(Provisioning.leased_until.is_(None), Provisioning.leased_until < func.now()),
                )
                .limit(1000)
            )
        ).scalars()
        for user_id in waiting:
            await queue.enqueue(
                session, "identity.provision", unique=f"identity.provision:{user_id}", user_id=str(user_id)
            )
