"""The parts of a realm that TMS needs: each can look how it differs from `wanted`, and mend that."""

import base64
import json
import secrets
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakError, KeycloakGetError

from tms.identity.keycloak import wanted
from tms.identity.keycloak.representation import MARK
from tms.platform.settings import SCRIPTS_CLIENT_ID, Settings

MISSING = ["is missing"]


class Piece(ABC):
    """A part of the realm. `look` tells one line for each difference, and never a secret."""

    others_can_go_on: ClassVar[bool] = True
    """Whether the parts after this one can be looked at although this one is missing."""

    def __init__(self, admin: KeycloakAdmin, settings: Settings, name: str) -> None:
        self.admin = admin
        self.settings = settings
        self.name = name

    @abstractmethod
    async def look(self) -> list[str]:
        """How it differs from what is wanted; nothing where it does not."""

    @abstractmethod
    async def mend(self) -> None:
        """Write what is wanted."""


class Realm(Piece):
    """The realm itself."""

    async def _found(self) -> dict[str, Any] | None:
        try:
            return await self.admin.a_get_realm(self.settings.keycloak_realm)
        except KeycloakGetError as error:
            if error.response_code == 404:
                return None
            raise

    async def look(self) -> list[str]:
        """The realm's own settings."""
        found = await self._found()
        return MISSING if found is None else _told(self._wrong(found), found)

    @staticmethod
    def _wrong(found: dict[str, Any]) -> dict[str, Any]:
        wrong = _different(wanted.REALM, found)
        wrong |= {
            name: most for name, most in wanted.REALM_AT_MOST.items() if not 0 < found.get(name, 0) <= most
        }
        if not found.get("passwordPolicy"):
            wrong["passwordPolicy"] = wanted.PASSWORD_POLICY
        return wrong

    async def mend(self) -> None:
        """Make the realm, or change only what differs."""
        realm = self.settings.keycloak_realm
        found = await self._found()
        if found is None:
            await self.admin.a_create_realm({"realm": realm, "displayName": "TMS", **self._wrong({})})
        else:
            await self.admin.a_update_realm(realm, self._wrong(found))


class RealmExists(Realm):
    """Whether there is a realm at all, without which nothing else can be looked at."""

    others_can_go_on = False

    async def look(self) -> list[str]:
        """Whether it is there."""
        return MISSING if await self._found() is None else []


class RoleIsThere(Piece):
    """One of our three roles."""

    def __init__(self, admin: KeycloakAdmin, settings: Settings, role: str, description: str) -> None:
        super().__init__(admin, settings, f"role {role}")
        self._role = {"name": role, "description": description}

    async def look(self) -> list[str]:
        """Whether it is there; what it is called beside its name is the organisation's."""
        found = await self.admin.a_get_realm_roles()
        return [] if self._role["name"] in {role["name"] for role in found} else MISSING

    async def mend(self) -> None:
        """Make it."""
        await self.admin.a_create_realm_role(self._role)


class Attribute(Piece):
    """The declaration of `tms_user_id` in the user profile: what is not declared is dropped silently."""

    async def _profile(self) -> dict[str, Any]:
        return await self.admin.a_get_realm_users_profile()

    async def look(self) -> list[str]:
        """Whether it is declared, and for administrators only."""
        declared = {found["name"]: found for found in (await self._profile())["attributes"]}
        found = declared.get(MARK)
        return MISSING if found is None else _told(_different(wanted.ATTRIBUTE, found), found)

    async def mend(self) -> None:
        """Declare it beside what is declared already."""
        profile = await self._profile()
        others = [found for found in profile["attributes"] if found["name"] != MARK]
        await self.admin.a_update_realm_users_profile(profile | {"attributes": [*others, wanted.ATTRIBUTE]})


class Client(Piece):
    """A client with all that `wanted` says of it."""

    others_can_go_on = False

    def __init__(self, admin: KeycloakAdmin, settings: Settings, client: dict[str, Any]) -> None:
        super().__init__(admin, settings, f"client {client['clientId']}")
        self._wanted = client

    async def look(self) -> list[str]:
        """Its kind, its flows, and exactly the addresses that it may send people to."""
        found = await find_client(self.admin, self._wanted["clientId"])
        return MISSING if found is None else _told(_different(self._wanted, found), found)

    async def mend(self) -> None:
        """Make it, or change what differs."""
        found = await find_client(self.admin, self._wanted["clientId"])
        if found is None:
            await self.admin.a_create_client(self._wanted)
            return
        attributes = found.get("attributes", {}) | self._wanted["attributes"]
        await self.admin.a_update_client(found["id"], found | self._wanted | {"attributes": attributes})


class Secret(Piece):
    """The confidential client's secret, where the settings give one."""

    def _given(self) -> str | None:
        given = self.settings.keycloak_client_secret
        return None if given is None else given.get_secret_value()

    async def _client(self) -> dict[str, Any]:
        return await _client(self.admin, self.settings.keycloak_client_id)

    async def look(self) -> list[str]:
        """Whether Keycloak has the one of the settings."""
        given, known = self._given(), (await self._client()).get("secret", "")
        if given is None or secrets.compare_digest(given.encode(), known.encode()):
            return []
        return ["is another one than KEYCLOAK_CLIENT_SECRET"]

    async def mend(self) -> None:
        """Give Keycloak the one of the settings."""
        found = await self._client()
        await self.admin.a_update_client(found["id"], found | {"secret": self._given()})


class AudienceMapper(Piece):
    """What makes a client's access tokens name our client as their audience."""

    def __init__(self, admin: KeycloakAdmin, settings: Settings, client_id: str) -> None:
        super().__init__(admin, settings, f"audience of client {client_id}")
        self._client_id = client_id
        self._wanted = wanted.audience_mapper(settings)

    async def _found(self) -> tuple[str, dict[str, Any] | None]:
        client = await _client(self.admin, self._client_id)
        mappers = client.get("protocolMappers", [])
        named = [mapper for mapper in mappers if mapper["name"] == wanted.AUDIENCE_MAPPER]
        return client["id"], named[0] if named else None

    async def look(self) -> list[str]:
        """Whether the mapper is there and says what it should."""
        _, found = await self._found()
        return MISSING if found is None else _told(_different(self._wanted, found), found)

    async def mend(self) -> None:
        """Make it, or bring it back."""
        client, found = await self._found()
        if found is None:
            await self.admin.a_add_mapper_to_client(client, self._wanted)
        else:
            await self.admin.a_update_client_mapper(client, found["id"], found | self._wanted)


class ServiceAccount(Piece):
    """What our service account may do at Keycloak: keep users, and nothing more."""

    async def _found(self) -> tuple[str, str, list[dict[str, Any]]]:
        client = await _client(self.admin, self.settings.keycloak_client_id)
        account = await self.admin.a_get_client_service_account_user(client["id"])
        management = (await _client(self.admin, "realm-management"))["id"]
        has = await self.admin.a_get_client_roles_of_user(account["id"], management)
        return account["id"], management, has

    async def look(self) -> list[str]:
        """Roles that it has not got, and roles that it should not have."""
        _, _, has = await self._found()
        names = {role["name"] for role in has}
        lacking = sorted(wanted.SERVICE_ACCOUNT_ROLES - names)
        superfluous = sorted(names - wanted.SERVICE_ACCOUNT_ROLES)
        return [f"lacks {name}" for name in lacking] + [f"has {name} too" for name in superfluous]

    async def mend(self) -> None:
        """Give and take roles."""
        account, management, has = await self._found()
        names = {role["name"] for role in has}
        known = await self.admin.a_get_client_roles(management)
        lacking = [role for role in known if role["name"] in wanted.SERVICE_ACCOUNT_ROLES - names]
        superfluous = [role for role in has if role["name"] not in wanted.SERVICE_ACCOUNT_ROLES]
        if lacking:
            await self.admin.a_assign_client_role(account, management, lacking)
        if superfluous:
            await self.admin.a_delete_client_roles_of_user(account, management, superfluous)


class ScriptsScope(Piece):
    """The roles that tokens of scripts carry: ours."""

    async def _found(self) -> tuple[str, set[str]]:
        client = (await _client(self.admin, SCRIPTS_CLIENT_ID))["id"]
        found = await self.admin.a_get_realm_roles_of_client_scope(client)
        return client, {role["name"] for role in found}

    async def look(self) -> list[str]:
        """Which of our roles are left out."""
        _, names = await self._found()
        return [f"lacks role {role}" for role in sorted(set(wanted.ROLES) - names)]

    async def mend(self) -> None:
        """Add them."""
        client, names = await self._found()
        known = await self.admin.a_get_realm_roles()
        lacking = [role for role in known if role["name"] in set(wanted.ROLES) - names]
        await self.admin.a_assign_realm_roles_to_client_scope(client, lacking)


class ServiceToken(Piece):
    """A token of the service account, as the verifier will see tokens. It can only be looked at."""

    async def look(self) -> list[str]:
        """Whether issuer, audience and party are what TMS accepts."""
        client = await _client(self.admin, self.settings.keycloak_client_id)
        openid = self.admin.connection.keycloak_openid
        path = f"realms/{self.settings.keycloak_realm}/protocol/openid-connect/token"
        body = {
            "grant_type": "client_credentials",
            "client_id": client["clientId"],
            "client_secret": client["secret"],
        }
        answer = await openid.connection.async_s.post(f"{openid.connection.base_url}{path}", data=body)
        if answer.status_code != 200:
            return ["cannot be had: look at the client's sign-in flows and policies in Keycloak"]
        payload = answer.json()["access_token"].split(".")[1]
        return self._told(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))

    def _told(self, claims: dict[str, Any]) -> list[str]:
        audience = claims.get("aud", [])
        told = []
        if claims.get("iss") != self.settings.issuer_inside and claims.get("iss") != self.settings.issuer:
            told.append(
                f"says that Keycloak is {claims.get('iss')}, and people reach {self.settings.issuer}: "
                "set KEYCLOAK_PUBLIC_URL, or Keycloak's own option `hostname`"
            )
        if self.settings.keycloak_client_id not in ([audience] if isinstance(audience, str) else audience):
            told.append(f"is not for {self.settings.keycloak_client_id}")
        if not claims.get("sub"):
            told.append("names nobody (`sub`): give the client Keycloak's default scope `basic`")
        return told

    async def mend(self) -> None:
        """Nothing here can mend it; `look` says what to do."""


def all_of(admin: KeycloakAdmin, settings: Settings) -> list[Piece]:
    """All parts in the order in which they need each other."""
    web, scripts = settings.keycloak_client_id, wanted.scripts_client()
    realm = f"realm {settings.keycloak_realm}"
    return [
        RealmExists(admin, settings, realm),
        Realm(admin, settings, f"settings of {realm}"),
        *[RoleIsThere(admin, settings, role, told) for role, told in wanted.ROLES.items()],
        Attribute(admin, settings, f"attribute {MARK}"),
        Client(admin, settings, wanted.web_client(settings)),
        Secret(admin, settings, f"secret of client {web}"),
        AudienceMapper(admin, settings, web),
        ServiceAccount(admin, settings, f"service account of client {web}"),
        Client(admin, settings, scripts),
        AudienceMapper(admin, settings, SCRIPTS_CLIENT_ID),
        ScriptsScope(admin, settings, f"scope of client {SCRIPTS_CLIENT_ID}"),
        ServiceToken(admin, settings, "token of the service account"),
    ]


async def find_client(admin: KeycloakAdmin, client_id: str) -> dict[str, Any] | None:
    """A client by the name under which programs know it."""
    key = await admin.a_get_client_id(client_id)
    return None if key is None else await admin.a_get_client(key)


async def _client(admin: KeycloakAdmin, client_id: str) -> dict[str, Any]:
    found = await find_client(admin, client_id)
    if found is None:
        raise KeycloakError(f"the client {client_id} was removed meanwhile", response_code=404)
    return found


def _different(wants: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """What is wanted otherwise: lists hold the same in any order, and objects may hold more than is wanted."""
    return {name: value for name, value in wants.items() if not _is_met(value, found.get(name))}


def _is_met(value: Any, found: Any) -> bool:
    if isinstance(value, dict):
        return isinstance(found, dict) and not _different(value, found)
    if isinstance(value, list):
        return isinstance(found, list) and sorted(value) == sorted(found)
    return bool(value == found)


def _told(wrong: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """One line for each difference, objects by their fields; none of these values is a secret."""
    lines: list[str] = []
    for name, value in wrong.items():
        has = found.get(name)
        if isinstance(value, dict) and isinstance(has, dict):
            lines += [f"{name} {line}" for line in _told(_different(value, has), has)]
        else:
            lines.append(f"{name} is {_text(has)}, must be {_text(value)}")
    return lines


def _text(value: Any) -> str:
    return "not set" if value is None else json.dumps(value)
