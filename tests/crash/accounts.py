"""Accounts as an onlooker sees them, at the built-in provider or in a realm of a genuine Keycloak."""

from types import SimpleNamespace
from uuid import uuid4

import argon2
import httpx2

MARK = "tms_user_id"
OURS = {"admin", "trainer", "student"}
SECRET = "the secret of a client in the tests that guards nothing"


class BuiltIn:
    """Rows of TMS's own database."""

    def __init__(self):
        self.tms = None

    def environment(self):
        return {}

    def prepare(self):
        """Nothing: the provider is there with TMS."""

    def close(self):
        """Nothing is held."""

    @property
    def issuer(self):
        return f"{self.tms.public_url}/realms/tms"

    def of(self, email):
        """The accounts of an address: `id`, `user_id`, `enabled`."""
        rows = self.tms.rows("SELECT id::text, user_id::text, enabled FROM accounts WHERE email = %s", email)
        return [SimpleNamespace(**row) for row in rows]

    def opens(self, email, password):
        """Whether this is the account's password, temporary or not."""
        hashed = self.tms.value("SELECT password_hash FROM accounts WHERE email = %s", email)
        try:
            return hashed is not None and argon2.PasswordHasher().verify(hashed, password)
        except argon2.exceptions.VerifyMismatchError:
            return False


class InKeycloak:
    """A realm that `tms keycloak setup` has prepared; TMS reaches it by `way`, on which things can go wrong."""

    def __init__(self, server, way):
        self.tms = None
        self.server = server
        self.way = way
        # Of its own: the server outlives this installation, and in one realm the next would find this one's people.
        self.realm = f"tms-crash-{uuid4().hex[:12]}"
        self.http = httpx2.Client(trust_env=False, timeout=60)

    def environment(self):
        return {
            **self.server.environment(self.realm),
            "KEYCLOAK_SERVER_URL": self.way.url,
            "KEYCLOAK_PUBLIC_URL": self.server.url,
            "KEYCLOAK_CLIENT_SECRET": SECRET,
        }

    def prepare(self):
        done = self.tms.start("keycloak", "setup")
        assert done.ended() == 0, done.said

    def close(self):
        self.http.close()
        self.way.close()

    @property
    def issuer(self):
        return f"{self.server.url}/realms/{self.realm}"

    def of(self, email):
        found = self._ask("users", email=email, exact="true")
        for account in found:
            roles = {role["name"] for role in self._ask(f"users/{account['id']}/role-mappings/realm")}
            assert len(roles & OURS) == 1, roles
        return [
            SimpleNamespace(
                id=account["id"], user_id=account["attributes"][MARK][0], enabled=account["enabled"]
            )
            for account in found
        ]

    def opens(self, email, password):
        form = {"grant_type": "password", "client_id": "tms-cli", "username": email, "password": password}
        answer = self.http.post(f"{self.issuer}/protocol/openid-connect/token", data=form)
        return (
            answer.status_code == 200 or answer.json()["error_description"] == "Account is not fully set up"
        )

    def _ask(self, path, **query):
        form = {
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": self.server.admin_username,
            "password": self.server.admin_password,
        }
        master = f"{self.server.url}/realms/master/protocol/openid-connect/token"
        token = self.http.post(master, data=form).raise_for_status().json()["access_token"]
        answer = self.http.get(
            f"{self.server.url}/admin/realms/{self.realm}/{path}",
            params={"briefRepresentation": "false", **query},
            headers={"Authorization": f"Bearer {token}"},
        )
        return answer.raise_for_status().json()
