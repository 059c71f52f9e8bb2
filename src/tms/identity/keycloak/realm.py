"""Prepares TMS's realm at a Keycloak, and tells where it is not as TMS needs it. Uses an administrator's password."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakAuthenticationError, KeycloakConnectionError, KeycloakError

from tms.identity.keycloak import pieces
from tms.platform.errors import DomainError
from tms.platform.settings import Settings

SECONDS = 60
"""Making a realm takes Keycloak several seconds: it makes keys."""


class KeycloakSetupError(DomainError):
    """Keycloak could not be asked, or did not keep what was written; `detail` says which and what to do."""

    code = "keycloak_setup"
    title = "Keycloak could not be set up"


@dataclass(frozen=True, slots=True)
class Found:
    """A part of the realm, and how it differs from what TMS needs, one line each."""

    part: str
    differences: list[str]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[KeycloakAdmin]:
    """The realm of the settings as Keycloak's administrator. Raises `KeycloakSetupError`, out of the block too."""
    if settings.keycloak_server_url is None:
        raise KeycloakSetupError("KEYCLOAK_SERVER_URL: set it to Keycloak's address")
    if not settings.keycloak_admin_username or settings.keycloak_admin_password is None:
        raise KeycloakSetupError(
            "KEYCLOAK_ADMIN_USERNAME and KEYCLOAK_ADMIN_PASSWORD: set them to an administrator of Keycloak's realm `master`"
        )
    connection = KeycloakOpenIDConnection(
        server_url=f"{settings.keycloak_server_url}/",
        username=settings.keycloak_admin_username,
        password=settings.keycloak_admin_password.get_secret_value(),
        realm_name=settings.keycloak_realm,
        user_realm_name="master",
        timeout=SECONDS,
    )
    try:
        with _told(settings):
            yield KeycloakAdmin(connection=connection)
    finally:
        await connection.async_s.aclose()
        await connection.keycloak_openid.connection.async_s.aclose()


@contextmanager
def _told(settings: Settings) -> Iterator[None]:
    try:
        yield
    except KeycloakConnectionError as error:
        raise KeycloakSetupError(
            f"Keycloak does not answer at {settings.keycloak_server_url}: start it, or correct KEYCLOAK_SERVER_URL"
        ) from error
    except KeycloakError as error:
        raise KeycloakSetupError(_refusal(error)) from error
    except TypeError as error:
        # What python-keycloak makes of an answer that is no JSON.
        raise KeycloakSetupError(
            f"What answers at {settings.keycloak_server_url} is no Keycloak: correct KEYCLOAK_SERVER_URL"
        ) from error


def _refusal(error: KeycloakError) -> str:
    if isinstance(error, KeycloakAuthenticationError) or b"invalid_grant" in (error.response_body or b""):
        return "Keycloak does not accept KEYCLOAK_ADMIN_USERNAME and KEYCLOAK_ADMIN_PASSWORD: correct them"
    if error.response_code == 403:
        return "KEYCLOAK_ADMIN_USERNAME may not administer the realm: give it the role `admin` of the realm `master`"
    return f"Keycloak refuses a request with status {error.response_code}: its own log says why"


async def set_up(admin: KeycloakAdmin, settings: Settings) -> AsyncIterator[Found]:
    """Write what differs, part by part, and read it back; yields each part with what was changed.

    Raises `KeycloakSetupError` where something did not stick.
    """
    for piece in pieces.all_of(admin, settings):
        differences = await piece.look()
        if differences:
            await piece.mend()
            left = await piece.look()
            if left:
                raise KeycloakSetupError(f"Keycloak did not keep what was written: {piece.name}: {left[0]}")
        yield Found(piece.name, differences)


async def differences(admin: KeycloakAdmin, settings: Settings) -> AsyncIterator[Found]:
    """Each part with how it differs from what TMS needs; changes nothing."""
    for piece in pieces.all_of(admin, settings):
        found = await piece.look()
        yield Found(piece.name, found)
        if found == pieces.MISSING and not piece.others_can_go_on:
            return


async def client_secret(admin: KeycloakAdmin, settings: Settings) -> str:
    """The secret of our confidential client, once it is there."""
    found: dict[str, Any] | None = await pieces.find_client(admin, settings.keycloak_client_id)
    if found is None:
        raise KeycloakSetupError(
            f"Keycloak has no client {settings.keycloak_client_id}: run the set-up first"
        )
    return str(found["secret"])
