"""The built-in identity provider's addresses, at the root: `/realms/{realm}/...`, as Keycloak has them."""

from fastapi import APIRouter, Depends, Request

from tms.http import policy
from tms.identity.builtin.routes import account, authorization, protocol, sign_out
from tms.identity.builtin.routes import browser as browser
from tms.platform.errors import NotFoundError
from tms.platform.settings import get_settings

FORM_BYTES = 16 * 1024

_LINES = (
    ("GET", ".well-known/openid-configuration", "anybody: what the sign-in server can do"),
    ("GET", "protocol/openid-connect/certs", "anybody: the public signing keys"),
    ("GET", "protocol/openid-connect/auth", "anybody: the sign-in page"),
    ("POST", "protocol/openid-connect/token", "who proves a code, a refresh token or a password: own tokens"),
    ("POST", "protocol/openid-connect/revoke", "who holds a refresh token: ends its session"),
    ("GET", "protocol/openid-connect/userinfo", "who holds an access token: themselves"),
    ("POST", "protocol/openid-connect/userinfo", "who holds an access token: themselves"),
    ("GET", "protocol/openid-connect/logout", "who has a session or its ID token: ends it"),
    ("POST", "protocol/openid-connect/logout", "who has a session or its token: ends it"),
    ("GET", "login-actions/authenticate", "anybody: the sign-in page"),
    ("POST", "login-actions/authenticate", "who knows a password: a session of their own"),
    ("GET", "login-actions/required-action", "anybody: leads to the sign-in page"),
    ("POST", "login-actions/required-action", "who has just proved a temporary password: replaces it"),
    ("GET", "login-actions/reset-credentials", "anybody: the form that asks for a link"),
    ("POST", "login-actions/reset-credentials", "anybody: one answer, whoever has an account"),
    ("GET", "login-actions/action-token", "who holds a link from a mail: the form for a new password"),
    ("POST", "login-actions/action-token", "who holds a link from a mail: replaces their password"),
    ("GET", "account", "who has a browser session: themselves"),
    ("POST", "account/password", "who has a browser session and knows the password: replaces it"),
    ("POST", "account/sign-out-everywhere", "who has a browser session: ends all of their own"),
)

# No access token opens these doors: sessions, passwords and secrets of programs do, which the routes check.
POLICY = [
    policy.Line(method, f"/realms/{{realm}}/{path}", policy.PUBLIC, sees, FORM_BYTES)
    for method, path, sees in _LINES
]


async def _known_realm(request: Request) -> None:
    settings = get_settings()
    # With Keycloak configured these addresses are Keycloak's alone.
    if settings.keycloak_server_url or request.path_params["realm"] != settings.keycloak_realm:
        raise NotFoundError("There is no such realm.")


router = APIRouter(prefix="/realms/{realm}", dependencies=[Depends(_known_realm)], include_in_schema=False)


for part in (protocol, authorization, sign_out, account):
    router.include_router(part.router)
