"""Which identity provider this installation uses."""

from tms.identity.builtin.provider import BuiltinProvider
from tms.identity.keycloak.connection import Connection
from tms.identity.keycloak.provider import KeycloakProvider
from tms.identity.provider import Provider
from tms.platform.errors import DomainError
from tms.platform.settings import get_settings

_builtin = BuiltinProvider()
_keycloak: KeycloakProvider | None = None


class NotSetUpError(DomainError):
    """Keycloak is named, but not how TMS proves itself to it."""

    code = "keycloak_not_set_up"
    title = "KEYCLOAK_CLIENT_SECRET is not set: run `tms keycloak setup`, which prints the line for .env"


def current() -> Provider:
    """The provider of the settings: without a Keycloak server, the built-in one. Raises `NotSetUpError`."""
    return _builtin if get_settings().keycloak_server_url is None else keycloak()


def keycloak() -> KeycloakProvider:
    """The Keycloak of the settings, on this process' one connection. Raises `NotSetUpError`."""
    global _keycloak  # noqa: PLW0603 - one connection for the process
    if _keycloak is None:
        settings = get_settings()
        if settings.keycloak_server_url is None or settings.keycloak_client_secret is None:
            raise NotSetUpError
        _keycloak = KeycloakProvider(
            Connection(
                settings.keycloak_server_url,
                settings.keycloak_realm,
                settings.keycloak_client_id,
                settings.keycloak_client_secret.get_secret_value(),
            )
        )
    return _keycloak


async def close() -> None:
    """Close the connection to Keycloak, if there is one; who asks again gets a new one."""
    global _keycloak
    closing, _keycloak = _keycloak, None
    if closing is not None:
        await closing.connection.aclose()
