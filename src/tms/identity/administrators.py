"""The first administrator, and the way back in for an organisation that has lost its last password."""

import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, text, update

from tms.identity import emails, passwords, providers, provisioning, service
from tms.identity.models import User
from tms.platform import db, failpoints
from tms.platform.caller import Role
from tms.platform.errors import DomainError

failpoints.declare("identity.recover.before_password", "identity.recover.after_password")


@dataclass(frozen=True, slots=True)
class FirstAdministrator:
    """`generated_password` is there only where one was made, and can be shown only now."""

    email: str
    generated_password: str | None


class NotAnAdministratorError(DomainError):
    """The address belongs to somebody else."""

    code = "not_an_administrator"
    title = "A user who is no administrator has this address"


async def ensure_first(email: str, password: str | None) -> FirstAdministrator | None:
    """Make the first administrator where there is none yet; returns none where there is one.

    A start that was cut short between the user and the account is taken up again by the next one.
    """
    async with db.transaction() as session:
        await session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended('first administrator', 0))")
        )
        active = (
            select(func.count())
            .select_from(User)
            .where(User.role == Role.ADMIN, User.status != "provisioning")
        )
        if (await session.execute(active)).scalar_one():
            return None
        unfinished = select(User.id).where(
            User.role == Role.ADMIN, User.email_norm == emails.normalise(email)
        )
        user_id: UUID | None = (await session.execute(unfinished)).scalar_one_or_none()
        if user_id is None:
            person = service.NewUser("First", "Administrator", emails.check(email), None, Role.ADMIN)
            user_id = (await service.register(session, person, by=None)).id
            await provisioning.start(session, user_id, welcome=None, by_job=False)
        else:
            await provisioning.again(session, user_id, by_job=False)
    chosen = password or secrets.token_urlsafe(15)
    await provisioning.step(user_id, permanent_password=chosen)
    return FirstAdministrator(email, None if password else chosen)


async def _lost_account(email: str) -> str | None:
    """The account of this administrator, if the provider does not know it any more."""
    async with db.reading() as session:
        statement = select(User.account_id).where(User.email_norm == emails.normalise(email))
        account_id: str | None = (await session.execute(statement)).scalar_one_or_none()
    if account_id is None or await providers.current().get(account_id) is not None:
        return None
    return account_id


async def recover(email: str) -> str:
    """A new permanent password for the administrator of this address, who is made or enabled as needed."""
    first = await ensure_first(email, None)
    if first is not None and first.generated_password is not None:
        return first.generated_password
    chosen = secrets.token_urlsafe(15)
    gone = await _lost_account(email)
    async with db.transaction() as session:
        statement = select(User).where(User.email_norm == emails.normalise(email)).with_for_update()
        user = (await session.execute(statement)).scalar_one_or_none()
        if user is None:
            person = service.NewUser("Another", "Administrator", emails.check(email), None, Role.ADMIN)
            user_id = (await service.register(session, person, by=None)).id
            await provisioning.start(session, user_id, welcome=None, by_job=False)
            account_id = None
        elif user.role != Role.ADMIN:
            raise NotAnAdministratorError
        else:
            user_id, account_id = user.id, None if user.account_id == gone else user.account_id
            status = "active" if account_id else "provisioning"
            changed = {"status": status, "account_id": account_id, "version": User.version + 1}
            await session.execute(update(User).where(User.id == user_id).values(**changed))
            await passwords.end(session, user_id)
            if account_id is None:
                await provisioning.again(session, user_id, by_job=False)
    if account_id is None:
        await provisioning.step(user_id, permanent_password=chosen)
    else:
        failpoints.here("identity.recover.before_password")
        await providers.current().set_password(account_id, chosen, temporary=False)
        failpoints.here("identity.recover.after_password")
        await service.mirror(user_id)
    return chosen
