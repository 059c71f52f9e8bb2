"""The identity provider that is part of TMS: accounts are rows of the same database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, case, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity import emails
from tms.identity.builtin import hashing, keys, sessions, throttle
from tms.identity.builtin.models import Account as AccountRow
from tms.identity.errors import AccountMissingError, IdentityConflictError, ProviderUnavailableError
from tms.identity.provider import Account, Person
from tms.platform import clock, db
from tms.platform.caller import Role
from tms.platform.ids import new_id

PAGE = 500

_COLUMNS = (
    AccountRow.id,
    AccountRow.email,
    AccountRow.role,
    AccountRow.enabled,
    AccountRow.user_id,
    AccountRow.password_temporary,
    AccountRow.first_name,
    AccountRow.last_name,
)


@asynccontextmanager
async def _reachable() -> AsyncIterator[None]:
    """A database that does not answer is, to those who ask for an identity provider, a provider that does not."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise ProviderUnavailableError from error


@asynccontextmanager
async def _transaction() -> AsyncIterator[AsyncSession]:
    async with _reachable(), db.transaction() as session:
        yield session


def _account(row: RowMapping) -> Account:
    return Account(
        id=str(row["id"]),
        email=row["email"],
        role=Role(row["role"]),
        enabled=row["enabled"],
        user_id=row["user_id"],
        password_is_temporary=row["password_temporary"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        # Nobody but TMS writes addresses here.
        email_verified=True,
    )


def _id(account_id: str) -> UUID:
    try:
        return UUID(account_id)
    except ValueError as error:
        raise AccountMissingError from error


def _facts(person: Person) -> dict[str, Any]:
    return {
        "email": person.email,
        "email_norm": emails.normalise(person.email),
        "first_name": person.first_name,
        "last_name": person.last_name,
        "role": person.role.value,
    }


class BuiltinProvider:
    """Implements `identity.provider.Provider`."""

    async def find(self, user_id: UUID) -> Account | None:
        """The account that carries our mark for this user."""
        async with _reachable(), db.reading() as session:
            row = await _one(session, select(*_COLUMNS).where(AccountRow.user_id == user_id))
        return None if row is None else _account(row)

    async def get(self, account_id: str) -> Account | None:
        """The account of this id, whoever made it."""
        try:
            found = UUID(account_id)
        except ValueError:
            return None
        async with _reachable(), db.reading() as session:
            row = await _one(session, select(*_COLUMNS).where(AccountRow.id == found))
        return None if row is None else _account(row)

    async def find_by_email(self, email: str) -> Account | None:
        """The account of this address, whoever made it."""
        async with _reachable(), db.reading() as session:
            same = AccountRow.email_norm == emails.normalise(email)
            row = await _one(session, select(*_COLUMNS).where(same))
        return None if row is None else _account(row)

    def names(self, person: Person) -> tuple[str, str]:
        """First and last name as the provider keeps them: just as they are."""
        return person.first_name, person.last_name

    async def create_or_adopt(self, person: Person, *, password: str, temporary: bool) -> Account:
        """Make the account, or adopt what a crashed try left behind.

        An adopted account keeps a password that its person has chosen; only a permanent one, which somebody is about
        to be told, replaces it.
        """
        hashed = await hashing.hash_password(password, is_random=temporary)
        async with _transaction() as session:
            made = insert(AccountRow).values(
                id=new_id(),
                user_id=person.user_id,
                password_hash=hashed,
                password_temporary=temporary,
                **_facts(person),
            )
            row = await _one(session, made.on_conflict_do_nothing().returning(*_COLUMNS))
            if row is None:
                row = await self._adopt(session, person, hashed, temporary=temporary)
        return _account(row)

    async def _adopt(
        self, session: AsyncSession, person: Person, hashed: str, *, temporary: bool
    ) -> RowMapping:
        own = select(AccountRow.id, AccountRow.password_temporary, AccountRow.password_hash).where(
            AccountRow.user_id == person.user_id
        )
        found = await _one(session, own.with_for_update())
        if found is None:
            raise IdentityConflictError
        await self._write_facts(session, found["id"], person)
        if not temporary or found["password_temporary"] or found["password_hash"] is None:
            await _replace_password(session, found["id"], hashed, temporary=temporary)
        row = await _one(session, select(*_COLUMNS).where(AccountRow.id == found["id"]))
        if row is None:
            raise AccountMissingError
        return row

    async def update(self, account_id: str, person: Person) -> None:
        """Bring name, address, role and mark up to date; raises `IdentityConflictError` where the address is taken."""
        async with _transaction() as session:
            await self._write_facts(session, _id(account_id), person)

    async def _write_facts(self, session: AsyncSession, account_id: UUID, person: Person) -> None:
        try:
            # Flushed here and now: a refusal at the commit could not be told from another one.
            async with session.begin_nested():
                facts = _facts(person)
                # A link that went to a mistyped address is worthless once the address is put right.
                same_address = AccountRow.email_norm == facts["email_norm"]
                requested = case((same_address, AccountRow.reset_requested_at), else_=None)
                changed = await session.execute(
                    update(AccountRow)
                    .where(AccountRow.id == account_id)
                    .values(user_id=person.user_id, reset_requested_at=requested, **facts)
                    .returning(AccountRow.id)
                )
                missing = changed.scalar_one_or_none() is None
        except IntegrityError as error:
            raise IdentityConflictError from error
        if missing:
            raise AccountMissingError

    async def set_password(self, account_id: str, password: str, *, temporary: bool) -> None:
        """Replace the password, lift a lock-out, and end all sessions; a temporary one must be changed at sign-in."""
        found = _id(account_id)
        hashed = await hashing.hash_password(password, is_random=temporary)
        async with _transaction() as session:
            await _replace_password(session, found, hashed, temporary=temporary)

    async def end_temporary_password(self, account_id: str) -> None:
        """Make a password that is still temporary useless; one that the person has chosen stays."""
        async with _transaction() as session:
            await session.execute(
                update(AccountRow)
                .where(AccountRow.id == _id(account_id), AccountRow.password_temporary)
                .values(password_hash=None, password_epoch=AccountRow.password_epoch + 1)
            )

    async def set_enabled(self, account_id: str, *, enabled: bool) -> None:
        """Let the account in or keep it out; disabling ends all sessions, and a missing account is out already."""
        async with _transaction() as session:
            changed = await session.execute(
                update(AccountRow)
                .where(AccountRow.id == _id(account_id))
                .values(enabled=enabled)
                .returning(AccountRow.id)
            )
            if changed.scalar_one_or_none() is None and enabled:
                raise AccountMissingError
            if not enabled:
                await sessions.end_all(session, _id(account_id))

    async def delete(self, account_id: str) -> None:
        """Remove the account with all that hangs on it; one that is not there is fine."""
        async with _transaction() as session:
            await session.execute(delete(AccountRow).where(AccountRow.id == _id(account_id)))

    async def list(self) -> AsyncIterator[Account]:
        """All accounts in the order of their ids, in pages behind the scenes."""
        after: UUID | None = None
        while True:
            statement = select(*_COLUMNS).order_by(AccountRow.id).limit(PAGE)
            if after is not None:
                statement = statement.where(AccountRow.id > after)
            async with _reachable(), db.reading() as session:
                rows = (await session.execute(statement)).mappings().all()
            for row in rows:
                yield _account(row)
            if len(rows) < PAGE:
                return
            after = rows[-1]["id"]

    async def signing_keys(self) -> dict[str, Any]:
        """The public keys (a JWK set, RFC 7517) that its tokens are signed with."""
        async with _reachable():
            return await keys.public_set()


async def _one(session: AsyncSession, statement: Select[Any] | Any) -> RowMapping | None:
    row: RowMapping | None = (await session.execute(statement)).mappings().one_or_none()
    return row


async def _replace_password(session: AsyncSession, account_id: UUID, hashed: str, *, temporary: bool) -> None:
    changed = await session.execute(
        update(AccountRow)
        .where(AccountRow.id == account_id)
        .values(
            password_hash=hashed,
            password_temporary=temporary,
            password_epoch=AccountRow.password_epoch + 1,
            password_changed_at=clock.db_now(),
            reset_requested_at=None,
        )
        .returning(AccountRow.email_norm)
    )
    name = changed.scalar_one_or_none()
    if name is None:
        raise AccountMissingError
    await sessions.end_all(session, account_id)
    await throttle.lift(session, name)
