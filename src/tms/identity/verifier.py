"""The one verifier of access tokens, for every provider: signature, issuer, audience, kind, age.

Keys come from the provider's JWK set, are kept for ten minutes, and stay good while the provider does not answer. No
forged token makes more work than parsing: an unknown key id asks the provider again at most every 30 seconds.
"""

import asyncio
import base64
import binascii
import hashlib
import json
import logging
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from tms.identity import providers
from tms.identity.errors import InvalidTokenError, ProviderUnavailableError
from tms.platform.settings import SCRIPTS_CLIENT_ID, get_settings

logger = logging.getLogger(__name__)

ALGORITHMS = frozenset({"ES256", "RS256", "PS256"})
LONGEST_TOKEN = 16 * 1024
LEEWAY_SECONDS = 30
LONGEST_LIFE_SECONDS = 24 * 3600
"""A token that would live for years was not made by a sane provider."""
KEYS_SECONDS = 600.0
REFETCH_SECONDS = 30.0
RETRY_SECONDS = 1.0
"""While there are no keys at all, the provider is asked this often, whoever knocks."""
MOST_REMEMBERED = 20_000

_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SUBJECT = re.compile(r"[\x21-\x7e]{1,255}")
# Parameters by which a token would bring its own key or change how it is read.
_REFUSED_PARAMETERS = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"})


@dataclass(slots=True)
class _Keys:
    found: dict[str, tuple[str, Key]]
    """By key id: the algorithm that the key is for, and the key."""
    fresh_until: float = 0.0
    next_fetch: float = 0.0
    ever: bool = False


_keys = _Keys({})
_fetching = asyncio.Lock()
_verified: dict[bytes, tuple[float, str, dict[str, Any]]] = {}
"""By the token's SHA-256: until when it is good (seconds since the epoch), its key id, its claims."""


def forget() -> None:
    """Forget keys and tokens, as after a restart."""
    global _keys  # noqa: PLW0603 - caches of this process
    _keys = _Keys({})
    _verified.clear()


async def verify(token: str) -> str:
    """The subject (`sub`) of a valid access token.

    Raises `InvalidTokenError`, or `ProviderUnavailableError` where the provider's keys could never be had.
    """
    subject: str = (await claims(token))["sub"]
    return subject


async def claims(token: str) -> dict[str, Any]:
    """All claims of a valid access token; errors as `verify`."""
    if len(token) > LONGEST_TOKEN or not _SHAPE.fullmatch(token):
        raise InvalidTokenError
    digest = hashlib.sha256(token.encode("ascii")).digest()
    known = _verified.get(digest)
    if known is not None and known[0] > time.time() and known[1] in await _current_keys():
        return known[2]
    header, payload = (_json_object(part) for part in token.split(".")[:2])
    kid, algorithm = _check_header(header)
    # What the claims say of themselves is looked at first: it is cheaper than a signature.
    good_until = _check_claims(payload)
    key = await _key(kid, algorithm)
    try:
        jws.deserialize_compact(token, key, [algorithm])
    except (JoseError, ValueError, TypeError) as error:
        raise InvalidTokenError from error
    _remember(digest, good_until, kid, payload)
    return payload


def _remember(digest: bytes, good_until: float, kid: str, payload: dict[str, Any]) -> None:
    if len(_verified) >= MOST_REMEMBERED:
        now = time.time()
        for stale in [key for key, entry in _verified.items() if entry[0] <= now]:
            del _verified[stale]
        while len(_verified) >= MOST_REMEMBERED:
            del _verified[next(iter(_verified))]
    _verified[digest] = (good_until, kid, payload)


def _no_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError("a name comes twice")
        found[name] = value
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _json_object(part: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        found = json.loads(raw, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidTokenError from error
    if not isinstance(found, dict):
        raise InvalidTokenError
    return found


def _check_header(header: dict[str, Any]) -> tuple[str, str]:
    kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise InvalidTokenError
    if not isinstance(kid, str) or not 0 < len(kid) <= 200:
        raise InvalidTokenError
    # Keycloak says JWT; RFC 9068 says at+jwt.
    if not isinstance(kind, str) or kind.lower() not in {"jwt", "at+jwt"}:
        raise InvalidTokenError
    if _REFUSED_PARAMETERS & header.keys():
        raise InvalidTokenError
    return kid, algorithm


def _seconds(value: Any) -> float:
    """A NumericDate (RFC 7519, 2); anything else is no date."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise InvalidTokenError
    return float(value)


def _check_claims(payload: dict[str, Any]) -> float:
    """Everything but the signature; returns until when the token is good."""
    settings = get_settings()
    audience = payload.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    subject = payload.get("sub")
    right = (
        payload.get("iss") == settings.issuer
        and settings.keycloak_client_id in audiences
        and all(isinstance(name, str) for name in audiences)
        and payload.get("typ") == "Bearer"
        and payload.get("azp") in (settings.keycloak_client_id, SCRIPTS_CLIENT_ID)
        and isinstance(subject, str)
        and _SUBJECT.fullmatch(subject) is not None
        and _has_sound_roles(payload)
    )
    if not right:
        raise InvalidTokenError
    return _check_age(payload)


def _has_sound_roles(payload: dict[str, Any]) -> bool:
    """Roles are not taken from tokens, but a token that garbles them was not made by the provider."""
    access = payload.get("realm_access", {})
    roles = access.get("roles", []) if isinstance(access, dict) else None
    return isinstance(roles, list) and all(isinstance(role, str) for role in roles)


def _check_age(payload: dict[str, Any]) -> float:
    now = time.time()
    expires, issued = _seconds(payload.get("exp")), _seconds(payload.get("iat"))
    not_before = _seconds(payload.get("nbf", 0))
    if expires + LEEWAY_SECONDS <= now or max(issued, not_before) > now + LEEWAY_SECONDS:
        raise InvalidTokenError
    if expires > issued + LONGEST_LIFE_SECONDS or expires <= issued:
        raise InvalidTokenError
    return expires + LEEWAY_SECONDS


async def _key(kid: str, algorithm: str) -> Key:
    found = (await _current_keys()).get(kid)
    if found is None:
        await _fetch(wanted=kid)
        found = _keys.found.get(kid)
    if found is None or found[0] != algorithm:
        raise InvalidTokenError
    return found[1]


async def _current_keys() -> dict[str, tuple[str, Key]]:
    if time.monotonic() >= _keys.fresh_until:
        await _fetch()
    return _keys.found


async def _fetch(*, wanted: str | None = None) -> None:
    """Ask the provider for its keys, one request at a time and not too often; old ones stay if it does not answer."""
    async with _fetching:
        now = time.monotonic()
        somebody_was_faster = wanted in _keys.found if wanted is not None else now < _keys.fresh_until
        if not somebody_was_faster and now >= _keys.next_fetch:
            await _fetch_now(now)
    if not _keys.ever:
        raise ProviderUnavailableError


async def _fetch_now(now: float) -> None:
    try:
        published = await providers.current().signing_keys()
    except ProviderUnavailableError:
        logger.warning("signing keys could not be fetched", extra={"kept": len(_keys.found)})
        _keys.next_fetch = now + (REFETCH_SECONDS if _keys.ever else RETRY_SECONDS)
        return
    _keys.found = _usable(published)
    _keys.ever = True
    _keys.fresh_until = now + KEYS_SECONDS
    _keys.next_fetch = now + REFETCH_SECONDS


def _usable(published: dict[str, Any]) -> dict[str, tuple[str, Key]]:
    """Signing keys of our algorithms only; Keycloak publishes keys for encryption beside them."""
    found: dict[str, tuple[str, Key]] = {}
    for jwk in published.get("keys", []):
        if jwk.get("use") != "sig" or jwk.get("alg") not in ALGORITHMS or not isinstance(jwk.get("kid"), str):
            continue
        if jwk.get("kty") not in {"RSA", "EC"}:
            continue
        try:
            found[jwk["kid"]] = (jwk["alg"], JWKRegistry.import_key(jwk))
        except (JoseError, ValueError, KeyError):
            logger.warning("a published key cannot be read", extra={"kid": jwk["kid"]})
    return found
