"""Passwords as Keycloak stores them: hashed by us, so that an account is made with its password in one quick request."""

import base64
import hashlib
import json
import os
import re
from typing import Any

from tms.identity.builtin.hashing import RANDOM_CHARACTERS

UPDATE_PASSWORD = "UPDATE_PASSWORD"  # noqa: S105 - the name of a required action
_SALT_BYTES = 16
_KEY_BYTES = 64
# The string form of the Password Hashing Competition, as argon2-cffi writes it; base64 without padding.
_ARGON2 = re.compile(
    r"\$argon2(?P<type>id|i|d)\$v=(?P<version>\d+)\$m=(?P<memory>\d+),t=(?P<passes>\d+),p=(?P<lanes>\d+)"
    r"\$(?P<salt>[A-Za-z0-9+/]+)\$(?P<hash>[A-Za-z0-9+/]+)"
)
_VERSIONS = {"16": "1.0", "19": "1.3"}


def hashed(password: str) -> dict[str, Any]:
    """Keycloak's CredentialRepresentation of a random password, with one iteration of PBKDF2-SHA256 (RFC 8018).

    One iteration is fine because nobody guesses 80 random bits at any speed; Keycloak replaces it by its own hash at
    the first sign-in. Raises `ValueError` for a password that cannot have so many.
    """
    if len(password) < RANDOM_CHARACTERS:
        raise ValueError("only passwords that we have made at random are hashed quickly")
    salt = os.urandom(_SALT_BYTES)
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1, _KEY_BYTES)
    return _representation(
        {"hashIterations": 1, "algorithm": "pbkdf2-sha256"},
        {"value": _base64(key), "salt": _base64(salt)},
    )


def moved(phc: str) -> dict[str, Any]:
    """Keycloak's form of an argon2 hash of ours, so that the password stays as it is. Raises `ValueError`."""
    found = _ARGON2.fullmatch(phc)
    if found is None or found["version"] not in _VERSIONS:
        raise ValueError("this is no argon2 hash that Keycloak knows")
    value = _decoded(found["hash"])
    parameters = {
        "hashLength": [str(len(value))],
        "memory": [found["memory"]],
        "type": [found["type"]],
        "version": [_VERSIONS[found["version"]]],
        "parallelism": [found["lanes"]],
    }
    return _representation(
        {"hashIterations": int(found["passes"]), "algorithm": "argon2", "additionalParameters": parameters},
        {"value": _base64(value), "salt": _base64(_decoded(found["salt"])), "additionalParameters": {}},
    )


def is_hashed_alike(one: str, other: str) -> bool:
    """Whether two `credentialData` name the same algorithm with the same costs."""
    first, second = (json.loads(data) for data in (one, other))
    first_costs, second_costs = (data.get("additionalParameters") or {} for data in (first, second))
    return all(first.get(name) == second.get(name) for name in ("algorithm", "hashIterations")) and all(
        first_costs.get(name) == second_costs.get(name) for name in ("memory", "parallelism", "type")
    )


def _representation(data: dict[str, Any], secret: dict[str, Any]) -> dict[str, Any]:
    return {"type": "password", "credentialData": json.dumps(data), "secretData": json.dumps(secret)}


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
