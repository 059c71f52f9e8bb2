"""Access and ID tokens, with the claims that Keycloak's have."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from joserfc import jwt

from tms.identity.builtin import keys
from tms.platform.ids import new_id
from tms.platform.settings import get_settings

ACCESS_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose tokens are made."""

    account_id: UUID
    email: str
    first_name: str
    last_name: str
    role: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What the tokens are for; `signed_in_at` is in seconds since the epoch."""

    session_id: UUID
    client_id: str
    scope: str
    signed_in_at: int
    nonce: str | None = None


def profile(holder: Holder) -> dict[str, Any]:
    """The claims about the person, of tokens and of the userinfo endpoint (OpenID Connect Core, 5.1)."""
    return {
        "preferred_username": holder.email,
        "email": holder.email,
        "email_verified": True,
        "given_name": holder.first_name,
        "family_name": holder.last_name,
        "name": f"{holder.first_name} {holder.last_name}",
    }


def _common(holder: Holder, grant: Grant) -> dict[str, Any]:
    now = int(time.time())
    return {
        "exp": now + ACCESS_SECONDS,
        "iat": now,
        "auth_time": grant.signed_in_at,
        "jti": str(new_id()),
        "iss": get_settings().issuer,
        "sub": str(holder.account_id),
        "azp": grant.client_id,
        "sid": str(grant.session_id),
        **profile(holder),
    }


async def access_token(holder: Holder, grant: Grant) -> str:
    """A bearer token for the API; it lives for five minutes."""
    return await sign(
        {
            **_common(holder, grant),
            "typ": "Bearer",
            "aud": [get_settings().keycloak_client_id],
            "scope": grant.scope,
            "realm_access": {"roles": [holder.role]},
        }
    )


async def id_token(holder: Holder, grant: Grant) -> str:
    """Who signed in, for the program that asked; no API takes it."""
    claims = {**_common(holder, grant), "typ": "ID", "aud": grant.client_id}
    if grant.nonce is not None:
        claims["nonce"] = grant.nonce
    return await sign(claims)


async def sign(claims: dict[str, Any]) -> str:
    """A signed JWT (RFC 7519) of these claims."""
    signer = await keys.signer()
    return jwt.encode({"alg": keys.ALGORITHM, "kid": signer.kid}, claims, signer.key, [keys.ALGORITHM])
