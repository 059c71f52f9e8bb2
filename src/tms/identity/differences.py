"""What can differ between a user here and an account at the identity provider, and what is done about it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from tms.identity import emails
from tms.identity.provider import Account, Person
from tms.platform.caller import Role

Names = Callable[[Person], tuple[str, str]]


class Kind(StrEnum):
    """How the two sides differ; the names are stable, reports and the doctor use them."""

    ACCOUNT_WITHOUT_USER = "account_without_user"
    """An account carries our mark, and there is no such user: only reported. It opens nothing here."""
    ACCOUNT_OF_ERASED = "account_of_erased_user"
    """It is removed."""
    ACCOUNT_MISSING = "account_missing"
    """The account was deleted there, or an older state was restored: reported, and made anew when that is asked for."""
    ACCOUNT_REPLACED = "account_replaced"
    """The user's account is gone, and another one carries the user's mark: the user is linked to that one."""
    MARK_TWICE = "mark_on_two_accounts"
    """Only reported: somebody has to say which one is the person's."""
    NOT_READ = "account_not_read"
    """Only reported: it was listed as different, and the provider, which answers otherwise, cannot show it alone."""
    MARK = "mark_differs"
    """The account has lost our mark, or carries another: it is written anew, as all that follow."""
    ENABLED = "enabled_differs"
    ROLE = "role_differs"
    ADDRESS = "address_differs"
    NAME = "name_differs"


MIRRORED = frozenset({Kind.MARK, Kind.ENABLED, Kind.ROLE, Kind.ADDRESS, Kind.NAME})
"""What telling the provider again repairs: the local side rules."""


@dataclass(frozen=True, slots=True)
class Side:
    """A user as far as the provider is concerned; `waits` while a job is about to tell the provider."""

    id: UUID
    account_id: str | None
    status: str
    role: str
    email_norm: str
    first_name: str
    last_name: str
    waits: bool

    @property
    def person(self) -> Person:
        """What the provider is told."""
        return Person(self.id, self.email_norm, self.first_name, self.last_name, Role(self.role))


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference; at least one of the ids is known. `repaired` once both sides agree again."""

    kind: Kind
    user_id: UUID | None
    account_id: str | None
    repaired: bool = False

    def __str__(self) -> str:
        """Ids only, never who it is."""
        about = [f"user {self.user_id}"] if self.user_id else []
        about += [f"account {self.account_id}"] if self.account_id else []
        return f"{self.kind.value}: {', '.join(about)}"


def between(account: Account, linked: Side | None, marked: Side | None, names: Names) -> list[Kind]:
    """How an account differs from the user who is `linked` to it, or else from the one whose mark it carries.

    `names` spells a user's names as the provider keeps them. Foreign accounts, of which nobody here knows, differ in nothing; nor do users of whom a job is about to tell.
    """
    if linked is not None:
        settled = linked.status in {"active", "disabled"} and not linked.waits
        return _facts(account, linked, names) if settled else []
    if account.user_id is None or (marked is not None and marked.waits):
        return []
    if marked is None:
        return [Kind.ACCOUNT_WITHOUT_USER]
    if marked.status == "erased":
        return [Kind.ACCOUNT_OF_ERASED]
    # Who waits for an account adopts the one that carries their mark.
    return [] if marked.status in {"provisioning", "identity_conflict"} else [Kind.MARK_TWICE]


def _facts(account: Account, user: Side, names: Names) -> list[Kind]:
    found = []
    if account.user_id != user.id:
        found.append(Kind.MARK)
    if account.enabled != (user.status == "active"):
        found.append(Kind.ENABLED)
    if account.role != user.role:
        found.append(Kind.ROLE)
    if _spelled(account.email) != user.email_norm:
        found.append(Kind.ADDRESS)
    if (account.first_name, account.last_name) != names(user.person):
        found.append(Kind.NAME)
    return found


def _spelled(address: str) -> str:
    try:
        return emails.normalise(address)
    except ValueError:
        return ""
