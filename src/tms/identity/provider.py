"""What TMS asks of an identity provider. `builtin` keeps accounts in our own database; the local role always rules."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from tms.platform.caller import Role


@dataclass(frozen=True, slots=True)
class Person:
    """What the provider is told of a user; `user_id` marks the account as ours."""

    user_id: UUID
    email: str
    first_name: str
    last_name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Account:
    """What the provider knows; `id` is the `sub` of its tokens, `user_id` our mark, if it is ours."""

    id: str
    email: str
    role: Role | None
    enabled: bool
    user_id: UUID | None
    password_is_temporary: bool
    first_name: str
    last_name: str
    email_verified: bool
    """Whether the provider has seen that the address reaches this person."""


class Provider(Protocol):
    """Every method may raise `ProviderUnavailableError`; none is called inside a transaction.

    `update`, `set_password` and `set_enabled` raise `AccountMissingError` where the account was removed meanwhile.
    """

    async def find(self, user_id: UUID) -> Account | None:
        """The account that carries our mark for this user."""

    async def get(self, account_id: str) -> Account | None:
        """The account of this id, whoever made it."""

    async def find_by_email(self, email: str) -> Account | None:
        """The account of this address, whoever made it."""

    def names(self, person: Person) -> tuple[str, str]:
        """First and last name as the provider keeps them, which need not take every character."""

    async def create_or_adopt(self, person: Person, *, password: str, temporary: bool) -> Account:
        """Make the account with its role and password, or adopt what a crashed try left behind.

        Raises `IdentityConflictError` where the address belongs to an account without our mark.
        """

    async def update(self, account_id: str, person: Person) -> None:
        """Bring name, address, role and mark up to date; raises `IdentityConflictError` where the address is taken."""

    async def set_password(self, account_id: str, password: str, *, temporary: bool) -> None:
        """Replace the password, lift a lock-out, and end all sessions; a temporary one must be changed at sign-in."""

    async def end_temporary_password(self, account_id: str) -> None:
        """Make a password that is still temporary useless; one that the person has chosen stays."""

    async def set_enabled(self, account_id: str, *, enabled: bool) -> None:
        """Let the account in or keep it out; disabling ends all sessions."""

    async def delete(self, account_id: str) -> None:
        """Remove the account; one that is not there is fine."""

    def list(self) -> AsyncIterator[Account]:
        """All accounts, in pages behind the scenes."""

    async def signing_keys(self) -> dict[str, Any]:
        """The public keys (a JWK set, RFC 7517) that its tokens are signed with."""
