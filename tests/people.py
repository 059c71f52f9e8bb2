"""People of the tests, with clients that carry their access tokens."""

from itertools import count
from time import time
from uuid import UUID

import httpx2
from sqlalchemy import insert, select

from tms.identity.builtin import hashing, tokens
from tms.identity.builtin.models import Account
from tms.identity.emails import normalise
from tms.identity.models import Provisioning, User, student_codes
from tms.platform import db
from tms.platform.ids import code, new_id

API = "/api/v1"
_numbers = count(1)


class UnexpectedStatusError(AssertionError):
    """An answer had another status than the test expects."""


class Client:
    """Requests of one person under the API's prefix; each call names the status it expects and gives back the body."""

    def __init__(self, app, user_id, account_id, email, token):
        self.id: UUID = user_id
        self.account_id = account_id
        self.email = email
        self.token = token
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, raise_app_exceptions=True),
            base_url="http://tms.test",
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )

    async def request(self, method, path, *, status=200, **options):
        response = await self.http.request(method, f"{API}{path}", **options)
        if response.status_code != status:
            raise UnexpectedStatusError(
                f"{method} {path}: {response.status_code} instead of {status}: {response.text[:2000]}"
            )
        if response.headers.get("content-type", "").startswith(
            ("application/json", "application/problem+json")
        ):
            return response.json()
        return response

    async def get(self, path, **options):
        return await self.request("GET", path, **options)

    async def post(self, path, body=None, **options):
        return await self.request("POST", path, **({"json": body} if body is not None else {}), **options)

    async def put(self, path, body=None, **options):
        return await self.request("PUT", path, **({"json": body} if body is not None else {}), **options)

    async def patch(self, path, body, **options):
        return await self.request("PATCH", path, json=body, **options)

    async def delete(self, path, **options):
        return await self.request("DELETE", path, **options)


class People:
    """Makes active users directly in the database, which is quick; enrolment itself has tests of its own."""

    def __init__(self, app):
        self.app = app
        self.clients = []

    async def close(self):
        for client in self.clients:
            await client.http.aclose()

    async def admin(self, **fields):
        return await self._make("admin", **fields)

    async def trainer(self, **fields):
        return await self._make("trainer", **fields)

    async def student(self, **fields):
        return await self._make("student", **fields)

    async def anonymous(self):
        return self._client(None, None, None, None)

    def _client(self, user_id, account_id, email, token):
        client = Client(self.app, user_id, account_id, email, token)
        self.clients.append(client)
        return client

    async def _make(self, role, first_name=None, last_name=None, email=None, status="active", password=None):
        """`password` is for who signs in at the pages; without one the account has none, which is quick."""
        number = next(_numbers)
        user_id = new_id()
        account_id = str(new_id())
        email = email or f"{role}{number}@example.org"
        hashed = await hashing.hash_password(password) if password else None
        async with db.transaction() as session:
            number = (await session.execute(select(student_codes.next_value()))).scalar_one()
            first_name = first_name or role.capitalize()
            last_name = last_name or f"Number {number}"
            await session.execute(
                insert(User).values(
                    id=user_id,
                    account_id=account_id,
                    email=email,
                    email_norm=normalise(email),
                    first_name=first_name,
                    last_name=last_name,
                    role=role,
                    status=status,
                    student_code=code("STU", number) if role == "student" else None,
                )
            )
            if status == "provisioning":
                await session.execute(insert(Provisioning).values(user_id=user_id))
            await session.execute(
                insert(Account).values(
                    id=UUID(account_id),
                    user_id=user_id,
                    email=email,
                    email_norm=normalise(email),
                    first_name=first_name,
                    last_name=last_name,
                    role=role,
                    enabled=status in {"active", "provisioning"},
                    password_hash=hashed,
                )
            )
        return self._client(user_id, account_id, email, await token_for(account_id))


async def token_for(account_id):
    """An access token of this account, signed by the identity provider's present key, in a session of its own."""
    holder = tokens.Holder(UUID(account_id), f"{account_id}@example.org", "Some", "Body", "student")
    grant = tokens.Grant(new_id(), "tms-cli", "openid profile email", int(time()))
    return await tokens.access_token(holder, grant)
