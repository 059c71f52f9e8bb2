"""Users: registered, changed, let in and kept out. The local row rules and the identity provider mirrors it."""

import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity import access, emails, passwords, providers, provisioning, queries
from tms.identity.errors import (
    AccountMissingError,
    EmailTakenError,
    IdentityConflictError,
    LastAdministratorError,
    ProviderUnavailableError,
    StatusError,
    TemporaryPasswordEndedError,
    UserNotFoundError,
)
from tms.identity.models import TemporaryPassword, User, student_codes
from tms.identity.passwords import TemporaryPasswordView
from tms.operations import audit
from tms.platform import db, failpoints, idempotency, ids, limits, queue
from tms.platform.caller import Caller, Role
from tms.platform.errors import check_version

logger = logging.getLogger(__name__)

failpoints.declare(
    "identity.create.committed",
    "identity.mirror.before_update",
    "identity.mirror.after_update",
    "identity.mirror.after_enabling",
    "identity.reset_password.committed",
    "identity.apply_password.before_password",
    "identity.apply_password.after_password",
    "identity.apply_password.recorded",
    "identity.end_passwords.before_ending",
    "identity.end_passwords.after_ending",
)

PERSONAL = frozenset({"first_name", "last_name", "email", "phone"})


@dataclass(frozen=True, slots=True)
class NewUser:
    """Who is to be registered."""

    first_name: str
    last_name: str
    email: str
    phone: str | None
    role: Role


@dataclass(frozen=True, slots=True)
class Registered:
    """A user who was registered: the key, and the code that people see (students only)."""

    id: UUID
    student_code: str | None


async def _student_code(session: AsyncSession) -> str:
    number: int = (await session.execute(select(student_codes.next_value()))).scalar_one()
    return ids.code("STU", number)


async def register(session: AsyncSession, person: NewUser, *, by: UUID | None) -> Registered:
    """Insert a user without an account; `provisioning.start` in the same transaction has it made.

    Raises `EmailTakenError` where somebody has the address in any spelling, in a race too.
    """
    email_norm = emails.normalise(person.email)
    # Asked first so that a known address does not use up a code; the unique constraint settles the races.
    if (await session.execute(select(User.id).where(User.email_norm == email_norm))).first():
        raise EmailTakenError
    user_id = ids.new_id()
    code = await _student_code(session) if person.role is Role.STUDENT else None
    await session.execute(
        insert(User).values(
            id=user_id,
            email=person.email,
            email_norm=email_norm,
            first_name=person.first_name,
            last_name=person.last_name,
            phone=person.phone,
            role=person.role,
            student_code=code,
            created_by=by,
        )
    )
    await audit.record(
        session,
        actor=by,
        action="user.registered",
        object_type="user",
        object_id=user_id,
        changes={"role": [None, person.role]},
    )
    return Registered(user_id, code)


async def create(person: NewUser, *, by: UUID) -> RowMapping:
    """A trainer or an administrator, with a temporary password by e-mail; the row tells how far it is."""
    async with db.transaction() as session:
        user_id = await idempotency.claim(session)
        if user_id is None:
            user_id = (await register(session, person, by=by)).id
            await passwords.issue(session, user_id)
            await provisioning.start(session, user_id, welcome={})
            await idempotency.note(session, user_id)
    failpoints.here("identity.create.committed")
    await try_provisioning(user_id)
    async with db.reading() as session:
        return await queries.user(session, user_id)


async def try_provisioning(user_id: UUID) -> None:
    """Run the step at once; what cannot be done now is recorded, and the job goes on with it."""
    try:
        await provisioning.step(user_id)
    except (ProviderUnavailableError, IdentityConflictError) as error:
        logger.warning("provisioning goes on later", extra={"user": str(user_id), "code": error.code})


async def locked(session: AsyncSession, user_id: UUID) -> User:
    """A user as they are, until the transaction ends; raises `UserNotFoundError`, for who was erased too."""
    user = (
        await session.execute(select(User).where(User.id == user_id).with_for_update())
    ).scalar_one_or_none()
    if user is None or user.status == "erased":
        raise UserNotFoundError
    return user


async def _keep_an_administrator(session: AsyncSession, user: User) -> None:
    """Refuse to lose the last one; whoever takes one away waits for the others who do, so that two cannot race."""
    if user.role != Role.ADMIN or user.status != "active":
        return
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("administrators", 0))))
    others = select(User.id).where(User.role == Role.ADMIN, User.status == "active", User.id != user.id)
    if (await session.execute(others.limit(1))).first() is None:
        raise LastAdministratorError


async def update_user(
    user_id: UUID, changes: dict[str, Any], *, by: Caller, expected_version: int | None = None
) -> RowMapping:
    """Change name, phone, address or role (keys as the columns); the provider is told at once, or by the job.

    Raises `UserNotFoundError`, `EmailTakenError`, `LastAdministratorError` and `PreconditionFailedError`.
    """
    async with db.transaction() as session:
        user = await locked(session, user_id)
        check_version(expected_version, user.version)
        values = {name: value for name, value in changes.items() if getattr(user, name) != value}
        if "email" in values:
            values["email_norm"] = emails.normalise(values["email"])
        if values.get("role", user.role) != user.role:
            await _keep_an_administrator(session, user)
            if values["role"] == Role.STUDENT and user.student_code is None:
                values["student_code"] = await _student_code(session)
        if values:
            noted = {
                k: True if k in PERSONAL else [getattr(user, k), v]
                for k, v in values.items()
                if k != "email_norm"
            }
            await _change(session, user, values, by=by.id, action="user.changed", noted=noted)
    await _mirror_now(user_id)
    async with db.reading() as session:
        return await queries.user(session, user_id)


async def _change(
    session: AsyncSession, user: User, values: dict[str, Any], *, by: UUID, action: str, noted: dict[str, Any]
) -> None:
    await session.execute(
        update(User)
        .where(User.id == user.id)
        .values(**values, version=User.version + 1, updated_at=func.now())
    )
    await audit.record(session, actor=by, action=action, object_type="user", object_id=user.id, changes=noted)
    await queue.enqueue(
        session,
        "identity.mirror",
        unique=f"identity.mirror:{user.id}",
        after=provisioning.PATIENCE,
        user_id=str(user.id),
    )


async def disable(user_id: UUID, *, by: Caller) -> RowMapping:
    """Keep somebody out, whatever tokens they hold; their records and seats stay."""
    async with db.transaction() as session:
        if await idempotency.claim(session) is None:
            await _disable(session, await locked(session, user_id), by=by)
            await idempotency.note(session, user_id)
    await _mirror_now(user_id)
    async with db.reading() as session:
        return await queries.user(session, user_id)


async def _disable(session: AsyncSession, user: User, *, by: Caller) -> None:
    if user.status != "disabled":
        await _keep_an_administrator(session, user)
        noted = {"status": [user.status, "disabled"]}
        await _change(session, user, {"status": "disabled"}, by=by.id, action="user.disabled", noted=noted)


async def enable(user_id: UUID, *, by: Caller) -> RowMapping:
    """Let somebody in again; one whose account was never made is provisioned now."""
    async with db.transaction() as session:
        if await idempotency.claim(session) is None:
            await _enable(session, await locked(session, user_id), by=by)
            await idempotency.note(session, user_id)
    await try_provisioning(user_id)
    await _mirror_now(user_id)
    async with db.reading() as session:
        return await queries.user(session, user_id)


async def _enable(session: AsyncSession, user: User, *, by: Caller) -> None:
    if user.status not in {"disabled", "active"}:
        raise StatusError("Only a disabled user can be enabled.")
    if user.status == "disabled":
        status = "active" if user.account_id else "provisioning"
        noted = {"status": ["disabled", status]}
        await _change(session, user, {"status": status}, by=by.id, action="user.enabled", noted=noted)
        if status == "provisioning":
            await provisioning.again(session, user.id)
        else:
            # A password that was reset before, while the provider was away, has not been given to it yet.
            await queue.enqueue(
                session, "identity.apply_password", after=provisioning.PATIENCE, user_id=str(user.id)
            )


async def mirror(user_id: UUID) -> None:
    """Bring the provider's account to what the user is now: name, address, role, let in or not. Safe to repeat."""
    async with db.reading() as session:
        user = (await session.execute(select(User).where(User.id == user_id))).scalar_one_or_none()
    if user is None or user.account_id is None or user.status not in {"active", "disabled"}:
        return
    access.forget(user.account_id)
    provider = providers.current()
    failpoints.here("identity.mirror.before_update")
    await provider.update(user.account_id, provisioning.person_of(user))
    failpoints.here("identity.mirror.after_update")
    await provider.set_enabled(user.account_id, enabled=user.status == "active")
    failpoints.here("identity.mirror.after_enabling")


async def _mirror_now(user_id: UUID) -> None:
    try:
        await mirror(user_id)
    except (ProviderUnavailableError, IdentityConflictError, AccountMissingError) as error:
        logger.warning("mirroring goes on later", extra={"user": str(user_id), "code": error.code})


async def reset_password(user_id: UUID, *, extend_only: bool, by: Caller) -> TemporaryPasswordView:
    """A new temporary password, told to the user by e-mail; or the present one for seven more days.

    Raises `TemporaryPasswordEndedError` where there is none to extend, `StatusError` for who is kept out,
    and `TooManyError` where the person was sent many e-mails.
    """
    async with db.transaction() as session:
        if await idempotency.claim(session) is None:
            view = await _new_password(session, user_id, extend_only=extend_only, by=by)
            await idempotency.note(session, user_id)
        else:
            view = await passwords.temporary_password(session, user_id)
        if view is None:
            raise TemporaryPasswordEndedError
    failpoints.here("identity.reset_password.committed")
    if not extend_only:
        try:
            await apply_password(user_id)
        except (ProviderUnavailableError, AccountMissingError) as error:
            logger.warning("password is applied later", extra={"user": str(user_id), "code": error.code})
    return view


async def _new_password(
    session: AsyncSession, user_id: UUID, *, extend_only: bool, by: Caller
) -> TemporaryPasswordView | None:
    user = await locked(session, user_id)
    if user.status not in {"active", "provisioning"}:
        raise StatusError("Enable the user before giving them a password.")
    action = "user.password_extended" if extend_only else "user.password_reset"
    await audit.record(session, actor=by.id, action=action, object_type="user", object_id=user_id)
    if extend_only:
        return await passwords.extend(session, user_id)
    await limits.spend(session, limits.MAILS_TO_ONE, str(user_id))
    await queue.enqueue(session, "identity.apply_password", after=provisioning.PATIENCE, user_id=str(user_id))
    return await passwords.issue(session, user_id)


async def apply_password(user_id: UUID) -> None:
    """Give the provider the newest temporary password, unless it has it or the person has chosen their own since."""
    async with db.reading() as session:
        row = (
            await session.execute(
                select(User.account_id, TemporaryPassword.epoch)
                .join(TemporaryPassword, TemporaryPassword.user_id == User.id)
                .where(
                    User.id == user_id,
                    User.status == "active",
                    TemporaryPassword.ended_at.is_(None),
                    TemporaryPassword.applied_epoch < TemporaryPassword.epoch,
                )
            )
        ).one_or_none()
    if row is None:
        return
    failpoints.here("identity.apply_password.before_password")
    await providers.current().set_password(
        row.account_id, passwords.derive(user_id, row.epoch), temporary=True
    )
    failpoints.here("identity.apply_password.after_password")
    async with db.transaction() as session:
        if await passwords.applied(session, user_id, row.epoch):
            await queue.enqueue(
                session,
                "notifications.send",
                user_id=str(user_id),
                template="password_reset_by_admin",
                key=f"password:{user_id}:{row.epoch}",
            )
    failpoints.here("identity.apply_password.recorded")


async def end_expired_passwords() -> int:
    """End the temporary passwords whose time is over, at the provider too; returns how many."""
    async with db.reading() as session:
        rows = (
            await session.execute(
                select(User.id, User.account_id)
                .join(TemporaryPassword, TemporaryPassword.user_id == User.id)
                .where(TemporaryPassword.ended_at.is_(None), TemporaryPassword.expires_at <= func.tms_now())
                .limit(500)
            )
        ).all()
    for row in rows:
        if row.account_id is not None:
            failpoints.here("identity.end_passwords.before_ending")
            await providers.current().end_temporary_password(row.account_id)
            failpoints.here("identity.end_passwords.after_ending")
        async with db.transaction() as session:
            # An extension that came in between wins.
            await session.execute(
                update(TemporaryPassword)
                .where(
                    TemporaryPassword.user_id == row.id,
                    TemporaryPassword.ended_at.is_(None),
                    TemporaryPassword.expires_at <= func.tms_now(),
                )
                .values(ended_at=func.tms_now())
            )
    return len(rows)
