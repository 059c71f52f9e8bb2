"""All accounts of a realm, each with its role, in few requests: who has which of our roles first, then the accounts.

Keycloak counts its pages from the start, in the order of the accounts' names. Pages overlap, so that what is removed
meanwhile, by our own repairs too, shifts no account past the reader. One that is renamed meanwhile can still be missed or come
twice, and a role that was given just now can be missing. Who acts on what a listing shows asks for the account by itself first.
"""

import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Self, cast

from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakGetError, raise_error_from_response
from keycloak.urls_patterns import URL_ADMIN_REALM_ROLES_MEMBERS

from tms.identity.errors import AccountMissingError, ProviderUnavailableError
from tms.identity.keycloak import representation
from tms.identity.keycloak.answers import answers
from tms.identity.patience import patiently
from tms.identity.provider import Account
from tms.platform.caller import Role

logger = logging.getLogger(__name__)

PAGE = 500
"""Accounts in a page. Each page has Keycloak sort all accounts, so that small ones cost more."""
SMALLEST_PAGE = 50
"""A Keycloak that does not answer in time is asked for half as many, down to these."""

OVERLAP = 50
"""One in so many accounts is read with the page before it too, which shows whether accounts were shifted past us."""

Page = list[dict[str, Any]]
Read = Callable[[int, int], Awaitable[Page]]
"""Reads a page: how many accounts come before it, and how many it may hold."""


async def accounts(admin: KeycloakAdmin) -> AsyncIterator[Account]:
    """Every account, also those that are not ours, in the order of their names; memory holds one page.

    Raises `ProviderUnavailableError` where a page cannot be had however often it is asked for.
    """
    with _Members.opened() as members:
        for role in Role:
            async for page in _pages(_members_of(admin, role)):
                members.add(role, page)
        async for page in _pages(_all(admin)):
            for found in page:
                yield representation.account(found, members.roles(found["id"]))


async def _pages(read: Read) -> AsyncIterator[Page]:
    """Each page begins with the end of the one before it; where it does not, since some were removed, we go back once."""
    first, size, went_back = 0, PAGE, False
    before: set[str] = set()

    async def one() -> Page:
        nonlocal size
        try:
            return await read(first, size)
        except ProviderUnavailableError:
            size = max(size // 2, min(size, SMALLEST_PAGE))
            raise

    # Until there is nothing: Keycloak leaves accounts out of a page that a directory behind it does not have any more.
    while page := await patiently(one):
        if first > 0 and page[0]["id"] not in before and not went_back:
            first, went_back = max(0, first - size // 2), True
            continue
        went_back = False
        yield [found for found in page if found["id"] not in before]
        before = {found["id"] for found in page}
        first += size - max(1, size // OVERLAP)


def _all(admin: KeycloakAdmin) -> Read:
    async def read(first: int, most: int) -> Page:
        with answers():
            return await admin.a_get_users({"first": first, "max": most, "briefRepresentation": "false"})

    return read


def _members_of(admin: KeycloakAdmin, role: Role) -> Read:
    """Those who have the role directly, not by a group or another role: as when an account is looked at alone."""
    path = URL_ADMIN_REALM_ROLES_MEMBERS.format(
        **{"realm-name": admin.connection.realm_name, "role-name": role}
    )

    async def read(first: int, most: int) -> Page:
        try:
            with answers():
                response = await admin.connection.a_raw_get(
                    path, first=first, max=most, briefRepresentation="true"
                )
                return cast("Page", raise_error_from_response(response, KeycloakGetError))
        except AccountMissingError as error:
            logger.exception("keycloak has not got our roles: run `tms keycloak setup`")
            raise ProviderUnavailableError from error

    return read


class _Members:
    """Who has which of our roles, as ids in a temporary file of SQLite's, which is removed at the end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._known = connection

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Self]:
        with closing(sqlite3.connect("", isolation_level=None)) as connection:
            connection.execute(
                "CREATE TABLE members (account TEXT, role TEXT, PRIMARY KEY (account, role)) WITHOUT ROWID"
            )
            yield cls(connection)

    def add(self, role: Role, page: Page) -> None:
        """A page of those who have the role; one that pages show twice is one."""
        self._known.execute("BEGIN")
        self._known.executemany(
            "INSERT OR IGNORE INTO members VALUES (?, ?)", [(found["id"], role) for found in page]
        )
        self._known.execute("COMMIT")

    def roles(self, account_id: str) -> set[str]:
        found = self._known.execute("SELECT role FROM members WHERE account = ?", [account_id])
        return {role for (role,) in found}
