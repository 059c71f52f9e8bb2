"""What TMS needs of its realm at Keycloak, as plain data: `realm` writes it, and tells where it is otherwise."""

from typing import Any
from urllib.parse import urlsplit

from tms.http.origins import BACK_CHANNEL_LOGOUT_PATH
from tms.identity.builtin.clients import CALLBACK_PATH
from tms.identity.keycloak.representation import MARK
from tms.platform.caller import Role
from tms.platform.settings import SCRIPTS_CLIENT_ID, Settings

ROLES = {
    Role.ADMIN: "Administers TMS",
    Role.TRAINER: "Runs batches and edits courses in TMS",
    Role.STUDENT: "Learns in TMS",
}
SERVICE_ACCOUNT_ROLES = frozenset({"manage-users", "view-users", "query-users", "view-realm"})
"""Roles of the client `realm-management`: the least with which accounts can be made, found, given roles, and listed by
role, for which alone `view-realm` is."""
AUDIENCE_MAPPER = "tms audience"

REALM = {
    "enabled": True,
    # One name for everybody: the address, in TMS as at Keycloak.
    "registrationEmailAsUsername": True,
    "loginWithEmailAllowed": True,
    "duplicateEmailsAllowed": False,
    # Who is enrolled is TMS's to say.
    "registrationAllowed": False,
    "bruteForceProtected": True,
    "permanentLockout": False,
    # A refresh token is good until its successor is used, and twice at most: an answer that was lost on the way ends nobody's
    # session, and of two who have one, as after a theft, the second to go on is refused and ends the other's too.
    "revokeRefreshToken": True,
    "refreshTokenMaxReuse": 1,
}
REALM_AT_MOST = {
    "accessTokenLifespan": 300,
    "ssoSessionIdleTimeout": 30 * 60,
    "ssoSessionMaxLifespan": 12 * 3600,
    "failureFactor": 30,
}
"""Seconds, and failed sign-ins in a row; less is as good, 0 is not."""
PASSWORD_POLICY = "length(12) and maxLength(256) and notUsername(undefined) and notEmail(undefined)"  # noqa: S105 - a rule
"""For a realm that has no policy of its own: as the built-in sign-in asks it."""

ATTRIBUTE = {
    "name": MARK,
    "displayName": "TMS user id",
    "permissions": {"view": ["admin"], "edit": ["admin"]},
    "multivalued": False,
}

_LOOPBACK = ["http://127.0.0.1/*", "http://[::1]/*", "http://localhost/*"]
"""Keycloak takes any port of these (RFC 8252, 7.3)."""


def web_client(settings: Settings) -> dict[str, Any]:
    """Our pages: a confidential client with code and PKCE, whose service account keeps the users."""
    bases = sorted({settings.public_url, settings.links_url})
    return {
        "clientId": settings.keycloak_client_id,
        "enabled": True,
        "protocol": "openid-connect",
        "publicClient": False,
        "bearerOnly": False,
        "clientAuthenticatorType": "client-secret",
        "standardFlowEnabled": True,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "serviceAccountsEnabled": True,
        "consentRequired": False,
        "frontchannelLogout": False,
        "redirectUris": [f"{base}{CALLBACK_PATH}" for base in bases],
        "webOrigins": sorted({_origin(base) for base in bases}),
        "attributes": {
            "pkce.code.challenge.method": "S256",
            "backchannel.logout.url": f"{settings.public_url}{BACK_CHANNEL_LOGOUT_PATH}",
            "backchannel.logout.session.required": "true",
            "post.logout.redirect.uris": "##".join(f"{base}/*" for base in bases),
        },
    }


def scripts_client() -> dict[str, Any]:
    """Scripts and programs on somebody's machine: a public client with passwords, or code and PKCE.

    Its tokens carry none but our roles: somebody's power over Keycloak itself does not belong into a script's token.
    """
    return {
        "clientId": SCRIPTS_CLIENT_ID,
        "enabled": True,
        "protocol": "openid-connect",
        "publicClient": True,
        "bearerOnly": False,
        "standardFlowEnabled": True,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": True,
        "serviceAccountsEnabled": False,
        "consentRequired": False,
        "fullScopeAllowed": False,
        "redirectUris": _LOOPBACK,
        "attributes": {"pkce.code.challenge.method": "S256"},
    }


def audience_mapper(settings: Settings) -> dict[str, Any]:
    """Without it Keycloak's access tokens are for `account`, and name no program that they are meant for."""
    return {
        "name": AUDIENCE_MAPPER,
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {
            "included.client.audience": settings.keycloak_client_id,
            "access.token.claim": "true",
            "id.token.claim": "false",
        },
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
