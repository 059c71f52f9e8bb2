"""Sign-out messages of the identity provider: the logout tokens of OpenID Connect Back-Channel Logout 1.0."""

import time
from dataclasses import dataclass
from typing import Any

from tms.identity import verifier
from tms.identity.errors import InvalidTokenError
from tms.platform.settings import get_settings

KINDS = frozenset({"jwt", "logout+jwt"})
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LONGEST_NAME = 255
OLDEST_SECONDS = 300
"""A message that was under way for longer than this is not believed, whatever its own expiry says."""


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """Whose sign-in is over: the account, one of its sign-ins (`sid`), or both; `jti` names the message itself."""

    jti: str
    subject: str | None
    sid: str | None
    good_until: float
    """Seconds since the epoch, after which the same message is refused for its age."""


async def verify(token: str) -> LogoutToken:
    """What a logout token says, if it is one and is for us (section 2.6 of the specification).

    Raises `InvalidTokenError`, or `ProviderUnavailableError` where the provider's keys could never be had.
    """
    opened = verifier.read(token, KINDS)
    found = _check_claims(opened.payload)
    await verifier.check_signature(opened)
    return found


def _check_claims(payload: dict[str, Any]) -> LogoutToken:
    settings = get_settings()
    audience = payload.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    events = payload.get("events")
    right = (
        payload.get("iss") == settings.issuer
        and settings.keycloak_client_id in audiences
        # A nonce is what tells ID tokens, which browsers carry, from these.
        and "nonce" not in payload
        and isinstance(events, dict)
        and isinstance(events.get(EVENT), dict)
    )
    jti, subject, sid = (_name(payload.get(claim)) for claim in ("jti", "sub", "sid"))
    if not right or jti is None or (subject is None and sid is None):
        raise InvalidTokenError
    return LogoutToken(jti, subject, sid, _check_age(payload))


def _name(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or not value.isprintable():
        raise InvalidTokenError
    return value


def _check_age(payload: dict[str, Any]) -> float:
    now = time.time()
    issued = verifier.seconds(payload.get("iat"))
    good_until = min(verifier.seconds(payload.get("exp", issued + OLDEST_SECONDS)), issued + OLDEST_SECONDS)
    good_until += verifier.LEEWAY_SECONDS
    if good_until <= now or issued > now + verifier.LEEWAY_SECONDS:
        raise InvalidTokenError
    return good_until
