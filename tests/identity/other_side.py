"""What happens to accounts behind the back of TMS: by who runs the sign-in server, or by a restored backup of it."""

from uuid import UUID, uuid4

from sqlalchemy import text

from tms.identity.emails import normalise
from tms.platform import db
from tms.platform.ids import new_id

FIELDS = {"mark": "user_id", "enabled": "enabled", "role": "role", "first_name": "first_name"}


class BuiltIn:
    """The accounts of the built-in provider; `Realm` does the same in Keycloak."""

    async def add(self, email=None, *, mark=None, role="student", enabled=True):
        """A new account; gives its id."""
        account_id = new_id()
        email = email or f"{uuid4().hex}@example.org"
        await self._run(
            "INSERT INTO accounts (id, user_id, email, email_norm, first_name, last_name, role, enabled)"
            " VALUES (:id, :mark, :email, :norm, 'Some', 'Body', :role, :enabled)",
            id=account_id,
            mark=mark,
            email=email,
            norm=normalise(email),
            role=role,
            enabled=enabled,
        )
        return str(account_id)

    async def change(self, account_id, *, email=None, **fields):
        if email is not None:
            await self._run(
                "UPDATE accounts SET email = :email, email_norm = :norm WHERE id = :id",
                id=UUID(account_id),
                email=email,
                norm=normalise(email),
            )
        for name, value in fields.items():
            await self._run(
                f"UPDATE accounts SET {FIELDS[name]} = :value WHERE id = :id",  # noqa: S608 - a name of this file
                id=UUID(account_id),
                value=value,
            )

    async def delete(self, account_id):
        await self._run("DELETE FROM accounts WHERE id = :id", id=UUID(account_id))

    async def _run(self, statement, **values):
        async with db.transaction() as session:
            await session.execute(text(statement), values)
