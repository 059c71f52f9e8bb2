"""OpenID Connect for programs: discovery, keys, tokens, revocation and userinfo, at Keycloak's addresses."""

import base64
import binascii
from typing import Any
from urllib.parse import unquote_plus
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from tms.identity import verifier
from tms.identity.builtin import clients, grants, keys, sessions, tokens
from tms.identity.builtin.authorization import SCOPES
from tms.identity.builtin.errors import OAuthError
from tms.identity.builtin.routes import browser
from tms.identity.errors import InvalidTokenError
from tms.platform import db
from tms.platform.settings import get_settings

router = APIRouter()

PROTOCOL = "protocol/openid-connect"
CLAIMS = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "sid",
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "email",
    "email_verified",
]


@router.get("/.well-known/openid-configuration")
async def discovery() -> JSONResponse:
    """What this provider can do (OpenID Connect Discovery, 3)."""
    issuer = get_settings().issuer
    endpoint = f"{issuer}/{PROTOCOL}"
    signed = [keys.ALGORITHM]
    authentication = ["client_secret_basic", "client_secret_post", "none"]
    return _json(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{endpoint}/auth",
            "token_endpoint": f"{endpoint}/token",
            "userinfo_endpoint": f"{endpoint}/userinfo",
            "jwks_uri": f"{endpoint}/certs",
            "end_session_endpoint": f"{endpoint}/logout",
            "revocation_endpoint": f"{endpoint}/revoke",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", "password"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": signed,
            "token_endpoint_auth_methods_supported": authentication,
            "revocation_endpoint_auth_methods_supported": authentication,
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": list(SCOPES),
            "claims_supported": CLAIMS,
            "prompt_values_supported": ["none", "login"],
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "authorization_response_iss_parameter_supported": True,
        }
    )


@router.get(f"/{PROTOCOL}/certs")
async def certs() -> JSONResponse:
    """The public keys that tokens are signed with (RFC 7517)."""
    return _json(await keys.public_set())


def _json(content: dict[str, Any]) -> JSONResponse:
    return JSONResponse(content, headers={"Cache-Control": "public, max-age=60"})


@router.post(f"/{PROTOCOL}/token")
async def token(request: Request) -> JSONResponse:
    """Tokens for a code, a refresh token, or (scripts only) a name and a password."""
    try:
        answer = await _exchange(request)
    except OAuthError as error:
        return _refusal(error)
    return JSONResponse(answer, headers={"Pragma": "no-cache"})


async def _exchange(request: Request) -> dict[str, Any]:
    form, client = await _form_of_client(request)
    match form.get("grant_type"):
        case "authorization_code":
            return await grants.by_code(client, form)
        case "refresh_token":
            return await grants.by_refresh_token(client, form)
        case "password":
            return await grants.by_password(client, form, browser.origin_of(request))
        case None:
            raise OAuthError("invalid_request", "Missing form parameter: grant_type")
        case _:
            raise OAuthError("unsupported_grant_type", "Unsupported grant_type")


@router.post(f"/{PROTOCOL}/revoke")
async def revoke(request: Request) -> Response:
    """End what a refresh token stands for (RFC 7009)."""
    try:
        await _revoke(request)
    except OAuthError as error:
        return _refusal(error)
    return Response(status_code=200)


async def _revoke(request: Request) -> None:
    form, client = await _form_of_client(request)
    if "token" not in form:
        raise OAuthError("invalid_request", "Missing parameter: token")
    if form["token"].count(".") == 2:
        # Access tokens are not looked up when they are used, so a revoked one would go on working: say so.
        raise OAuthError("unsupported_token_type", "Access tokens end by themselves after five minutes")
    await grants.revoke(client, form["token"])


@router.get(f"/{PROTOCOL}/userinfo")
@router.post(f"/{PROTOCOL}/userinfo")
async def userinfo(request: Request) -> JSONResponse:
    """Who holds an access token whose session is still open (OpenID Connect Core, 5.3)."""
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    try:
        claims = await verifier.claims(sent.strip() if scheme.lower() == "bearer" else "")
    except InvalidTokenError:
        return _refused_token()
    if "openid" not in str(claims.get("scope", "")).split():
        return _refused_token("insufficient_scope", "The token lacks the scope openid", status=403)
    try:
        session_id = UUID(str(claims.get("sid")))
    except ValueError:
        return _refused_token()
    async with db.reading() as session:
        row = await sessions.find(session, session_id)
    if row is None or str(row["account_id"]) != claims["sub"]:
        return _refused_token()
    holder = tokens.Holder(row["account_id"], row["email"], row["first_name"], row["last_name"], row["role"])
    return JSONResponse({"sub": claims["sub"], **tokens.profile(holder)})


def _refused_token(
    error: str = "invalid_token", description: str = "Token verification failed", *, status: int = 401
) -> JSONResponse:
    return JSONResponse(
        {"error": error, "error_description": description},
        status,
        {"WWW-Authenticate": f'Bearer realm="tms", error="{error}", error_description="{description}"'},
    )


def _refusal(error: OAuthError) -> JSONResponse:
    headers = {"Pragma": "no-cache", **browser.too_many(error.retry_after)}
    if error.error == "invalid_client":
        headers["WWW-Authenticate"] = 'Basic realm="tms"'
    return JSONResponse({"error": error.error, "error_description": error.description}, error.status, headers)


async def _form_of_client(request: Request) -> tuple[dict[str, str], clients.Client]:
    """The form, empty fields left out (RFC 6749, 3.2), and the program that sent it, which has proved itself."""
    try:
        form = {name: value for name, value in (await browser.read_form(request)).items() if value}
    except browser.UnreadableFormError as error:
        raise OAuthError("invalid_request", str(error)) from error
    name, secret = _client_credentials(request, form)
    client = clients.find(name)
    if client is None or not clients.is_authentic(client, secret):
        raise OAuthError("invalid_client", "Invalid client or Invalid client credentials", status=401)
    return form, client


def _client_credentials(request: Request, form: dict[str, str]) -> tuple[str | None, str | None]:
    """Name and secret of the program, by HTTP Basic or in the form, never by both (RFC 6749, 2.3)."""
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id"), form.get("client_secret")
    if "client_secret" in form:
        raise OAuthError("invalid_request", "Send the client's secret in one way only")
    try:
        name, _, secret = base64.b64decode(sent.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise OAuthError("invalid_client", "The client's credentials cannot be read", status=401) from error
    name = unquote_plus(name)
    if form.get("client_id", name) != name:
        raise OAuthError("invalid_request", "Two clients are named")
    return name, unquote_plus(secret)
