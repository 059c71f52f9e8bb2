"""Keycloak as TMS asks it. The attribute `tms_user_id` marks an account as ours; everything else is left untouched."""

import logging
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from keycloak import KeycloakAdmin

from tms.identity.errors import (
    AccountMissingError,
    AccountRefusedError,
    IdentityConflictError,
    PasswordRefusedError,
    ProviderUnavailableError,
)
from tms.identity.keycloak import credentials, listing, representation
from tms.identity.keycloak.answers import answers
from tms.identity.keycloak.connection import Connection
from tms.identity.keycloak.credentials import UPDATE_PASSWORD
from tms.identity.keycloak.representation import MARK
from tms.identity.provider import Account, Person
from tms.platform.caller import Role

logger = logging.getLogger(__name__)

Representation = dict[str, Any]


class KeycloakProvider:
    """Implements `identity.provider.Provider` with the service account of our confidential client."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._admin = KeycloakAdmin(connection=connection)
        self._roles: dict[Role, Representation] = {}
        """The realm's roles as they are assigned; their ids stay as long as the realm."""

    async def find(self, user_id: UUID) -> Account | None:
        """The account that carries our mark for this user; the eldest where somebody has copied the mark."""
        found = await self._find(user_id)
        return None if found is None else await self._account(found)

    async def get(self, account_id: str) -> Account | None:
        """The account of this id, whoever made it."""
        try:
            return await self._account(await self._read(account_id))
        except AccountMissingError:
            return None

    async def find_by_email(self, email: str) -> Account | None:
        """The account of this address, whoever made it; or the one that has it for a name, which stands in the way too."""
        for field in ("email", "username"):
            with answers():
                found = await self._admin.a_get_users(
                    {field: email, "exact": "true", "briefRepresentation": "false", "max": 1}
                )
            if found:
                return await self._account(found[0])
        return None

    def names(self, person: Person) -> tuple[str, str]:
        """First and last name as Keycloak takes them."""
        return representation.name(person.first_name), representation.name(person.last_name)

    async def create_or_adopt(self, person: Person, *, password: str, temporary: bool) -> Account:
        """Make the account with its password in one request, then give it its role; or adopt what bears our mark.

        An adopted account keeps a password that its person has chosen; only a permanent one replaces it.
        """
        found = await self._find(person.user_id)
        if found is None:
            await self._check_address(person)
            try:
                account_id = await self._create(person, password, temporary=temporary)
            except AccountRefusedError:
                raise
            except IdentityConflictError:
                # Of somebody else, or of a parallel try of ours, which is found by its mark.
                found = await self._find(person.user_id)
                if found is None:
                    raise
        if found is not None:
            return await self._adopt(found, person, password, temporary=temporary)
        await self._set_role(account_id, person.role)
        if not temporary:
            await self.set_password(account_id, password, temporary=False)
        return Account(
            account_id,
            person.email,
            person.role,
            True,
            person.user_id,
            temporary,
            *self.names(person),
            email_verified=True,
        )

    async def update(self, account_id: str, person: Person) -> None:
        """Bring name, address and role up to date; raises `IdentityConflictError` where the address is taken."""
        await self._write_facts(await self._read(account_id), person)

    async def set_password(self, account_id: str, password: str, *, temporary: bool) -> None:
        """Replace the password, lift a lock-out, and end all sessions; a temporary one must be changed at sign-in."""
        if temporary:
            await self._set_temporary(await self._read(account_id), password)
        else:
            await self._set_permanent(account_id, password)
        with answers():
            await self._admin.a_clear_bruteforce_attempts_for_user(account_id)
            await self._admin.a_user_logout(account_id)

    async def end_temporary_password(self, account_id: str) -> None:
        """Make a password that is still temporary useless; one that the person has chosen stays.

        Keycloak cannot remove a password on a condition. Should somebody choose theirs in the milliseconds between
        our look and the removal, it is theirs that is removed: that is noticed and told to the log.
        """
        try:
            with answers():
                stored = await self._admin.a_get_credentials(account_id)
            if not _is_temporary(await self._read(account_id)):
                return
            for credential in stored:
                if credential["type"] == "password":
                    with answers():
                        await self._admin.a_delete_credential(account_id, credential["id"])
            if not _is_temporary(await self._read(account_id)):
                logger.error(
                    "a password was chosen at the moment of its expiry and has been removed: reset it",
                    extra={"account": account_id},
                )
        except AccountMissingError:
            return

    async def set_enabled(self, account_id: str, *, enabled: bool) -> None:
        """Let the account in or keep it out; disabling ends all sessions, and a missing account is out already."""
        try:
            with answers():
                await self._admin.a_update_user(account_id, {"enabled": enabled})
                if not enabled:
                    await self._admin.a_user_logout(account_id)
        except AccountMissingError:
            if enabled:
                raise

    async def delete(self, account_id: str) -> None:
        """Remove the account; one that is not there is fine."""
        try:
            with answers():
                await self._admin.a_delete_user(account_id)
        except AccountMissingError:
            return

    def list(self) -> AsyncIterator[Account]:
        """All accounts of the realm, those that are not ours too; see `listing` for what changes meanwhile."""
        return listing.accounts(self._admin)

    async def signing_keys(self) -> dict[str, Any]:
        """The public keys (a JWK set, RFC 7517) that its tokens are signed with."""
        return await self.connection.public_keys()

    async def bring(
        self, person: Person, *, enabled: bool, credential: Representation | None, temporary: bool
    ) -> str:
        """Make the account of somebody who moves here, with a hashed password, and give its id; repeating renews it.

        A password that was used or changed here since is kept. Raises `IdentityConflictError` where somebody else has
        the address, and `AccountRefusedError`.
        """
        facts = representation.facts(person) | {"enabled": enabled}
        secret: Representation = {"requiredActions": [UPDATE_PASSWORD] if temporary else []}
        secret |= {"credentials": [credential]} if credential is not None else {}
        mark = {"attributes": {MARK: [str(person.user_id)]}}
        await self._check_address(person)
        try:
            with answers():
                account_id = await self._admin.a_create_user(facts | secret | mark)
        except AccountRefusedError:
            raise
        except IdentityConflictError:
            found = await self._find(person.user_id)
            if found is None:
                raise
            account_id = found["id"]
            change = facts | secret if await self._is_as_brought(found, credential) else facts
            with answers():
                await self._admin.a_update_user(account_id, change)
        await self._set_role(account_id, person.role)
        return account_id

    async def _is_as_brought(self, found: Representation, credential: Representation | None) -> bool:
        """Whether nobody has used or changed the password since: Keycloak then still hashes it in our way."""
        with answers():
            stored = await self._admin.a_get_credentials(found["id"])
        kept = [one["credentialData"] for one in stored if one["type"] == "password"]
        if not kept or credential is None:
            return not kept and _is_temporary(found)
        return credentials.is_hashed_alike(kept[0], credential["credentialData"])

    async def link(self, person: Person) -> str | None:
        """Mark the account that already has the person's address, and give its id; its password stays.

        None where there is no such account, where Keycloak has not verified the address, or where it is somebody else's.
        """
        with answers():
            found = await self._admin.a_get_users(
                {"email": person.email, "exact": "true", "briefRepresentation": "false", "max": 2}
            )
        if len(found) != 1 or not found[0].get("emailVerified") or representation.mark(found[0]) is not None:
            return None
        (account,) = found
        attributes = account.get("attributes", {}) | {MARK: [str(person.user_id)]}
        with answers():
            await self._admin.a_update_user(
                account["id"], representation.facts(person) | {"attributes": attributes}
            )
        await self._set_role(account["id"], person.role)
        return str(account["id"])

    async def _find(self, user_id: UUID) -> Representation | None:
        with answers():
            found = await self._admin.a_get_users(
                {"q": f"{MARK}:{user_id}", "exact": "true", "briefRepresentation": "false", "max": 10}
            )
        ours = [account for account in found if representation.mark(account) == user_id]
        if len(ours) > 1:
            logger.error(
                "several accounts bear one mark", extra={"user": str(user_id), "accounts": len(ours)}
            )
        return min(ours, key=lambda account: account["createdTimestamp"], default=None)

    async def _check_address(self, person: Person) -> None:
        """Raises `IdentityConflictError` where an account that is not ours has the address.

        Looked for before one is made: the account of a directory that Keycloak meets only while it refuses to make another
        one is undone with that request, and stays known by a wrong id, with which nobody can sign in or change it.
        """
        with answers():
            found = await self._admin.a_get_users(
                {"email": person.email, "exact": "true", "briefRepresentation": "false", "max": 1}
            )
        if found and representation.mark(found[0]) != person.user_id:
            raise IdentityConflictError

    async def _read(self, account_id: str) -> Representation:
        with answers():
            return await self._admin.a_get_user(account_id)

    async def _account(self, found: Representation) -> Account | None:
        """None where the account was removed between two looks."""
        try:
            with answers():
                roles = await self._admin.a_get_realm_roles_of_user(found["id"])
        except AccountMissingError:
            return None
        return representation.account(found, {role["name"] for role in roles})

    async def _create(self, person: Person, password: str, *, temporary: bool) -> str:
        made = {**representation.facts(person), "enabled": True, "attributes": {MARK: [str(person.user_id)]}}
        if temporary:
            made |= {"credentials": [credentials.hashed(password)], "requiredActions": [UPDATE_PASSWORD]}
        with answers():
            return await self._admin.a_create_user(made)

    async def _adopt(
        self, found: Representation, person: Person, password: str, *, temporary: bool
    ) -> Account:
        await self._write_facts(found, person)
        if not temporary:
            await self.set_password(found["id"], password, temporary=False)
        elif _is_temporary(found) or not await self._has_password(found["id"]):
            await self.set_password(found["id"], password, temporary=True)
        account = await self._account(await self._read(found["id"]))
        if account is None:
            raise AccountMissingError
        return account

    async def _has_password(self, account_id: str) -> bool:
        with answers():
            stored = await self._admin.a_get_credentials(account_id)
        return any(credential["type"] == "password" for credential in stored)

    async def _write_facts(self, found: Representation, person: Person) -> None:
        """What the request leaves out, such as attributes of others and required actions, stays as it is."""
        facts = representation.facts(person)
        if representation.mark(found) != person.user_id:
            facts["attributes"] = found.get("attributes", {}) | {MARK: [str(person.user_id)]}
        with answers():
            await self._admin.a_update_user(found["id"], facts)
        await self._set_role(found["id"], person.role)

    async def _set_role(self, account_id: str, role: Role) -> None:
        """Give the account this one of our roles; roles of others are none of our business."""
        with answers():
            has = await self._admin.a_get_realm_roles_of_user(account_id)
        ours = [found for found in has if found["name"] in set(Role)]
        if role not in {found["name"] for found in ours}:
            await self._assign(account_id, role)
        if superfluous := [found for found in ours if found["name"] != role]:
            with answers():
                await self._admin.a_delete_realm_roles_of_user(account_id, superfluous)

    async def _assign(self, account_id: str, role: Role) -> None:
        if role not in self._roles:
            with answers():
                available = await self._admin.a_get_available_realm_roles_of_user(account_id)
            self._roles |= {Role(found["name"]): found for found in available if found["name"] in set(Role)}
        if role not in self._roles:
            logger.error("keycloak has not got our roles: run `tms keycloak setup`")
            raise ProviderUnavailableError
        try:
            with answers():
                await self._admin.a_assign_realm_roles(account_id, [self._roles[role]])
        except AccountMissingError:
            # The role may have been made anew, with another id.
            self._roles.clear()
            raise
        except AccountRefusedError as error:
            # So Keycloak answers where somebody else gives the account a role at the same moment.
            raise ProviderUnavailableError from error

    async def _set_temporary(self, found: Representation, password: str) -> None:
        actions = {*found.get("requiredActions", []), UPDATE_PASSWORD}
        change = {"credentials": [credentials.hashed(password)], "requiredActions": sorted(actions)}
        with answers():
            await self._admin.a_update_user(found["id"], change)

    async def _set_permanent(self, account_id: str, password: str) -> None:
        try:
            with answers():
                await self._admin.a_set_user_password(account_id, password, temporary=False)
        except AccountRefusedError as error:
            raise PasswordRefusedError from error


def _is_temporary(found: Representation) -> bool:
    return UPDATE_PASSWORD in found.get("requiredActions", [])
