"""What happens to a realm's accounts behind the back of TMS; `tests.identity.other_side` does the same to the built-in ones."""

from uuid import uuid4

from tms.identity.keycloak.representation import MARK

FIELDS = {"first_name": "firstName", "enabled": "enabled", "verified": "emailVerified"}


class Realm:
    """The accounts of a realm, in the hands of Keycloak's administrator."""

    def __init__(self, at_keycloak):
        self.admin = at_keycloak.admin

    async def add(self, email=None, *, mark=None, role="student", enabled=True, verified=True):
        """A new account; gives its id."""
        email = email or f"{uuid4().hex}@example.org"
        account_id = await self.admin.a_create_user(
            {
                "username": email,
                "email": email,
                "emailVerified": verified,
                "firstName": "Some",
                "lastName": "Body",
                "enabled": enabled,
                "attributes": {MARK: [str(mark)]} if mark else {},
            }
        )
        await self._give(account_id, role)
        return account_id

    async def change(self, account_id, **fields):
        found = await self.admin.a_get_user(account_id)
        if "email" in fields:
            found |= dict.fromkeys(("email", "username"), fields["email"])
        if "mark" in fields:
            found["attributes"] = {MARK: [str(fields["mark"])]} if fields["mark"] else {}
        found |= {FIELDS[name]: value for name, value in fields.items() if name in FIELDS}
        await self.admin.a_update_user(account_id, found)
        if "role" in fields:
            has = await self.admin.a_get_realm_roles_of_user(account_id)
            ours = [role for role in has if role["name"] in {"admin", "trainer", "student"}]
            await self.admin.a_delete_realm_roles_of_user(account_id, ours)
            await self._give(account_id, fields["role"])

    async def delete(self, account_id):
        await self.admin.a_delete_user(account_id)

    async def _give(self, account_id, role):
        await self.admin.a_assign_realm_roles(account_id, [await self.admin.a_get_realm_role(role)])
