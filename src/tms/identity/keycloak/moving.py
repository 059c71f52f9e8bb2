"""Moves the accounts of the built-in sign-in to Keycloak: first all are made there, then one transaction switches over.

Until the switch nothing changes here, so that whoever is interrupted can repeat it or stay where they are. What changed
here meanwhile is brought again before the switch.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import String, cast, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity.builtin.models import Account
from tms.identity.errors import IdentityConflictError
from tms.identity.keycloak import credentials
from tms.identity.keycloak.connection import AT_ONCE, together
from tms.identity.keycloak.provider import KeycloakProvider
from tms.identity.models import User
from tms.identity.provider import Person
from tms.operations import audit
from tms.platform import db
from tms.platform.caller import Role

Tell = Callable[[int, int], None]
"""Called with how many are done, of how many."""


@dataclass(frozen=True, slots=True)
class Moving:
    """Somebody with an account here, as both tables say; equal as long as nothing changed."""

    person: Person
    account_id: UUID
    enabled: bool
    password_hash: str | None
    temporary: bool


@dataclass(frozen=True, slots=True)
class Stuck:
    """Somebody whom Keycloak does not take, and why."""

    user_id: UUID
    email: str
    reason: str


@dataclass(slots=True)
class Report:
    """How many are at Keycloak, and who is not; nobody was switched over while anybody is stuck."""

    moved: int = 0
    stuck: list[Stuck] = field(default_factory=list)


async def move(keycloak: KeycloakProvider, *, link_existing: bool, tell: Tell) -> Report:
    """Move everybody who has an account here; those moved before are moved already.

    Raises `ProviderUnavailableError` where Keycloak stops answering: repeat it then.
    """
    brought: dict[UUID, tuple[Moving, str]] = {}
    while True:
        async with db.reading() as session:
            found = await _found(session)
        # Who was erased meanwhile is not switched over; their account there is the reconciler's to remove.
        brought = {
            one.person.user_id: brought[one.person.user_id] for one in found if one.person.user_id in brought
        }
        waiting = [one for one in found if brought.get(one.person.user_id, (None,))[0] != one]
        stuck = await _bring_all(keycloak, waiting, brought, link_existing=link_existing, tell=tell)
        if stuck:
            return Report(len(found) - len(stuck), stuck)
        if await _switch(brought):
            return Report(len(brought))


async def _found(session: AsyncSession) -> list[Moving]:
    """Everybody whose account lies here, whichever account that is."""
    statement = (
        select(User, Account)
        .join(Account, cast(Account.id, String) == User.account_id)
        .where(User.status.in_(["active", "disabled"]))
        .order_by(User.id)
    )
    return [
        Moving(
            person=Person(user.id, user.email_norm, user.first_name, user.last_name, Role(user.role)),
            account_id=account.id,
            enabled=user.status == "active",
            password_hash=account.password_hash,
            temporary=account.password_temporary,
        )
        for user, account in await session.execute(statement)
    ]


async def _bring_all(
    keycloak: KeycloakProvider,
    waiting: list[Moving],
    brought: dict[UUID, tuple[Moving, str]],
    *,
    link_existing: bool,
    tell: Tell,
) -> list[Stuck]:
    stuck: list[Stuck] = []

    async def bring(one: Moving) -> None:
        try:
            brought[one.person.user_id] = one, await _bring(keycloak, one, link_existing=link_existing)
        except IdentityConflictError as error:
            stuck.append(Stuck(one.person.user_id, one.person.email, error.detail))

    for start in range(0, len(waiting), AT_ONCE):
        tell(start, len(waiting))
        await together(bring(one) for one in waiting[start : start + AT_ONCE])
    tell(len(waiting), len(waiting))
    return stuck


async def _bring(keycloak: KeycloakProvider, one: Moving, *, link_existing: bool) -> str:
    credential = None if one.password_hash is None else credentials.moved(one.password_hash)
    try:
        return await keycloak.bring(
            one.person, enabled=one.enabled, credential=credential, temporary=one.temporary
        )
    except IdentityConflictError:
        linked = await keycloak.link(one.person) if link_existing else None
        if linked is None:
            raise
        await keycloak.set_enabled(linked, enabled=one.enabled)
        return linked


async def _switch(brought: dict[UUID, tuple[Moving, str]]) -> bool:
    """Let Keycloak's accounts be the people's, all at once; false where something changed here since it was brought."""
    async with db.transaction() as session:
        # Nobody signs in, changes a password or is enrolled until this is over.
        await session.execute(text("LOCK TABLE users, accounts IN SHARE ROW EXCLUSIVE MODE"))
        if await _found(session) != [one for one, _ in sorted(brought.values(), key=_by_user)]:
            return False
        for user_id, (_, account_id) in brought.items():
            await session.execute(
                update(User)
                .where(User.id == user_id)
                .values(account_id=account_id, updated_at=func.now(), version=User.version + 1)
            )
        # Their hashes are at Keycloak; kept here, they would outlive every change and erasure.
        await session.execute(delete(Account))
        if brought:
            await audit.record(
                session,
                actor=None,
                action="users.moved_to_keycloak",
                object_type="user",
                object_id=None,
                changes={"accounts": [0, len(brought)]},
            )
    return True


def _by_user(entry: tuple[Moving, str]) -> UUID:
    return entry[0].person.user_id
