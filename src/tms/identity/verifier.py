"""The one verifier of access tokens, for every provider: signature, issuer, audience, kind, age.

Keys come from the provider's JWK set, are kept for ten minutes, and stay good while the provider does not answer. No
forged token makes more work than parsing: an unknown key id asks the provider again at most every 30 seconds. A provider
that answers slowly holds up nobody whose key is known: they go on with the kept keys after a fraction of a second.
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
RENEWAL_SECONDS = 0.25
"""So long after the provider was asked for new keys do requests wait for them; then they go on with those at hand."""
RETRY_SECONDS = 1.0
"""While there are no keys at all, the provider is asked this often, whoever knocks."""
MOST_REMEMBERED = 20_000

ACCESS_TOKEN = frozenset({"jwt", "at+jwt"})
"""Keycloak says JWT; RFC 9068 says at+jwt."""

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
    asked_at: float = 0.0
    ever: bool = False


_keys = _Keys({})
_fetching: asyncio.Task[None] | None = None
_verified: dict[bytes, tuple[float, str, dict[str, Any]]] = {}
"""By the token's SHA-256: until when it is good (seconds since the epoch), its key id, its claims."""


def forget() -> None:
    """Forget keys and tokens, as after a restart."""
    global _keys, _fetching
    if _fetching is not None and not _fetching.get_loop().is_closed():
        _fetching.cancel()
    _keys, _fetching = _Keys({}), None
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
    opened = read(token, ACCESS_TOKEN)
    # What the claims say of themselves is looked at first: it is cheaper than a signature.
    good_until = _check_claims(opened.payload)
    await check_signature(opened)
    _remember(digest, good_until, opened.kid, opened.payload)
    return opened.payload


@dataclass(frozen=True, slots=True)
class Opened:
    """A token taken apart; nothing of it is true before its signature has been checked."""

    token: str
    kid: str
    algorithm: str
    payload: dict[str, Any]


def read(token: str, kinds: frozenset[str]) -> Opened:
    """Take a token of one of these kinds (the header's `typ`, in small letters) apart; raises `InvalidTokenError`."""
    if len(token) > LONGEST_TOKEN or not _SHAPE.fullmatch(token):
        raise InvalidTokenError
    header, payload = (_json_object(part) for part in token.split(".")[:2])
    kid, algorithm = _check_header(header, kinds)
    return Opened(token, kid, algorithm, payload)


async def check_signature(opened: Opened) -> None:
    """Raise `InvalidTokenError` where the provider has not signed this; `ProviderUnavailableError` as `verify`."""
    key = await _key(opened.kid, opened.algorithm)
    try:
        jws.deserialize_compact(opened.token, key, [opened.algorithm])
    except (JoseError, ValueError, TypeError) as error:
        raise InvalidTokenError from error


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


def _check_header(header: dict[str, Any], kinds: frozenset[str]) -> tuple[str, str]:
    kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise InvalidTokenError
    if not isinstance(kid, str) or not 0 < len(kid) <= 200:
        raise InvalidTokenError
    if not isinstance(kind, str) or kind.lower() not in kinds:
        raise InvalidTokenError
    if _REFUSED_PARAMETERS & header.keys():
        raise InvalidTokenError
    return kid, algorithm


def seconds(value: Any) -> float:
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
    expires, issued = seconds(payload.get("exp")), seconds(payload.get("iat"))
    not_before = seconds(payload.get("nbf", 0))
    if expires + LEEWAY_SECONDS <= now or max(issued, not_before) > now + LEEWAY_SECONDS:
        raise InvalidTokenError
    if expires > issued + LONGEST_LIFE_SECONDS or expires <= issued:
        raise InvalidTokenError
    return expires + LEEWAY_SECONDS


async def _key(kid: str, algorithm: str) -> Key:
    found = (await _current_keys()).get(kid)
    if found is None:
        await _fetch()
        found = _keys.found.get(kid)
    if found is None or found[0] != algorithm:
        raise InvalidTokenError
    return found[1]


async def _current_keys() -> dict[str, tuple[str, Key]]:
    if time.monotonic() >= _keys.fresh_until:
        await _fetch(kept_will_do=_keys.ever)
    return _keys.found


async def _fetch(*, kept_will_do: bool = False) -> None:
    """Ask the provider for its keys, one request at a time and not too often; old ones stay if it does not answer.

    Whom the kept ones will do does not wait for an answer that is late; the question stays under way for others.
    """
    global _fetching  # noqa: PLW0603 - a cache of this process
    now = time.monotonic()
    if _fetching is None and now >= _keys.next_fetch:
        _keys.asked_at = now
        _fetching = asyncio.create_task(_fetch_now())
    if _fetching is not None:
        left = max(0.0, _keys.asked_at + RENEWAL_SECONDS - now) if kept_will_do else None
        # Not cancelled with whoever waits: a browser that goes away must not take the others' answer with it.
        await asyncio.wait({_fetching}, timeout=left)
    if not _keys.ever:
        raise ProviderUnavailableError


async def _fetch_now() -> None:
    global _fetching  # noqa: PLW0603 - a cache of this process
    try:
        found = _usable(await providers.current().signing_keys())
    except ProviderUnavailableError:
        logger.warning("signing keys could not be fetched", extra={"kept": len(_keys.found)})
        _keys.next_fetch = time.monotonic() + (REFETCH_SECONDS if _keys.ever else RETRY_SECONDS)
    else:
        now = time.monotonic()
        _keys.found, _keys.ever = found, True
        _keys.fresh_until, _keys.next_fetch = now + KEYS_SECONDS, now + REFETCH_SECONDS
    finally:
        _fetching = None


def _usable(published: dict[str, Any]) -> dict[str, tuple[str, Key]]:
    """Signing keys of our algorithms only; Keycloak publishes keys for encryption beside them."""
    found: dict[str, tuple[str, Key]] = {}
    for jwk in published.get("keys", []):
        if not isinstance(jwk, dict):
            continue
        if jwk.get("use") != "sig" or jwk.get("alg") not in ALGORITHMS or not isinstance(jwk.get("kid"), str):
            continue
        if jwk.get("kty") not in {"RSA", "EC"}:
            continue
        try:
            found[jwk["kid"]] = (jwk["alg"], JWKRegistry.import_key(jwk))
        except (JoseError, ValueError, KeyError):
            logger.warning("a published key cannot be read", extra={"kid": jwk["kid"]})
    return found
