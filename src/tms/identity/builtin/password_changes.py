"""New passwords, chosen by the person: instead of a temporary one, while signed in, or by a link from a mail."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import RowMapping, and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity.builtin import credentials, hashing, password_rules, sessions, throttle
from tms.identity.builtin.credentials import Outcome
from tms.identity.builtin.models import Account
from tms.identity.models import TemporaryPassword
from tms.operations import audit
from tms.platform import clock, db


class RefusedPasswordError(Exception):
    """The new password cannot be taken; the text says why, to its owner."""


class WrongPasswordError(Exception):
    """The present password is not the one that was typed."""


class OutdatedChangeError(Exception):
    """What allowed the change has been used, has expired, or was overtaken by another change."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A new password, typed twice."""

    password: str
    repeated: str


async def replace_temporary(
    account_id: UUID, password_epoch: int, choice: Choice, origin: throttle.Origin, *, device: str
) -> sessions.Started:
    """The forced change: the person is signed in, and the temporary password is dead at once."""
    account = await _acceptable(account_id, password_epoch, choice)
    hashed = await hashing.hash_password(choice.password)
    still_good = and_(
        Account.password_temporary,
        select(TemporaryPassword.user_id)
        .where(
            TemporaryPassword.user_id == Account.user_id,
            TemporaryPassword.ended_at.is_(None),
            TemporaryPassword.expires_at > clock.db_now(),
        )
        .exists(),
    )
    async with db.transaction() as session:
        await _lock(session, account_id, password_epoch, still_good)
        await _store(session, account, hashed, action="account.temporary_password_replaced")
        verdict = await throttle.check(session, account["email_norm"], origin)
        started = await sessions.start(session, account_id, password_epoch=password_epoch + 1, browser=True)
        if started is None:
            raise OutdatedChangeError
        await throttle.succeeded(session, verdict, device=device)
    return started


async def replace_own(browser: RowMapping, current: str, choice: Choice, origin: throttle.Origin) -> None:
    """Change the password while signed in; every other session ends. `browser` is a row of `sessions.of_cookie`."""
    attempt = await credentials.check(browser["email_norm"], current, origin)
    if attempt.outcome is not Outcome.RIGHT or attempt.account is None:
        raise WrongPasswordError
    epoch: int = attempt.account["password_epoch"]
    account = await _acceptable(browser["account_id"], epoch, choice)
    hashed = await hashing.hash_password(choice.password)
    async with db.transaction() as session:
        await _lock(session, account["id"], epoch, Account.enabled)
        await _store(session, account, hashed, action="account.password_changed", keep=browser["id"])
        await throttle.succeeded(session, attempt.verdict)


async def replace_forgotten(account_id: UUID, password_epoch: int, choice: Choice) -> None:
    """A new password by a link that `reset.account_of` has found good; all sessions end."""
    account = await _acceptable(account_id, password_epoch, choice)
    hashed = await hashing.hash_password(choice.password)
    async with db.transaction() as session:
        await _lock(session, account_id, password_epoch, Account.reset_requested_at.is_not(None))
        await _store(session, account, hashed, action="account.password_reset_by_link")


async def _acceptable(account_id: UUID, password_epoch: int, choice: Choice) -> RowMapping:
    """The account, if the new password keeps the rules and is not the present one."""
    statement = select(Account.__table__).where(
        Account.id == account_id, Account.password_epoch == password_epoch, Account.enabled
    )
    async with db.reading() as session:
        account = (await session.execute(statement)).mappings().one_or_none()
    if account is None:
        raise OutdatedChangeError
    complaint = password_rules.complaint(choice.password, choice.repeated, email=account["email"])
    if complaint is not None:
        raise RefusedPasswordError(complaint)
    async with hashing.slot():
        same = await hashing.matches(account["password_hash"], choice.password)
    if same:
        raise RefusedPasswordError("The new password must be another one than the present password.")
    return account


async def _lock(session: AsyncSession, account_id: UUID, password_epoch: int, condition: object) -> None:
    statement = select(Account.id).where(
        Account.id == account_id,
        Account.enabled,
        Account.password_epoch == password_epoch,
        condition,  # type: ignore[arg-type]  # a condition on the account's row, of whatever SQL type
    )
    if (await session.execute(statement.with_for_update())).scalar_one_or_none() is None:
        raise OutdatedChangeError


async def _store(
    session: AsyncSession, account: RowMapping, hashed: str, *, action: str, keep: UUID | None = None
) -> None:
    await session.execute(
        update(Account)
        .where(Account.id == account["id"])
        .values(
            password_hash=hashed,
            password_temporary=False,
            password_epoch=Account.password_epoch + 1,
            password_changed_at=clock.db_now(),
            reset_requested_at=None,
        )
    )
    await session.execute(
        update(TemporaryPassword)
        .where(TemporaryPassword.user_id == account["user_id"], TemporaryPassword.ended_at.is_(None))
        .values(ended_at=clock.db_now())
    )
    await sessions.end_all(session, account["id"], but=keep)
    await throttle.lift(session, account["email_norm"])
    await audit.record(
        session,
        actor=account["user_id"],
        action=action,
        object_type="user",
        object_id=account["user_id"],
    )
