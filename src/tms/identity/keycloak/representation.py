"""A person as Keycloak writes one (its UserRepresentation), and back."""

import re
from collections.abc import Collection
from typing import Any
from uuid import UUID

from tms.identity.keycloak.credentials import UPDATE_PASSWORD
from tms.identity.provider import Account, Person
from tms.platform.caller import Role

MARK = "tms_user_id"
"""The attribute that makes an account ours; it must be declared in the realm's user profile, or it is dropped silently."""

# What Keycloak's default user profile refuses in names (its validator `person-name-prohibited-characters`).
_REFUSED_IN_NAMES = re.compile(r"[<>&\"$%!#?§;*~/\\|^=\[\]{}()\x00-\x1f\x7f]+")
_STRONGEST_FIRST = (Role.ADMIN, Role.TRAINER, Role.STUDENT)


def facts(person: Person) -> dict[str, Any]:
    """Address and name; an account without either name could not sign in."""
    return {
        "username": person.email,
        "email": person.email,
        "emailVerified": True,
        "firstName": name(person.first_name),
        "lastName": name(person.last_name),
    }


def name(ours: str) -> str:
    """The name without what Keycloak refuses. Ours stays as it is; the copy there is for Keycloak's own pages."""
    return " ".join(_REFUSED_IN_NAMES.sub(" ", ours).split()) or "-"


def mark(found: dict[str, Any]) -> UUID | None:
    """Whose account it is; none where it is not ours."""
    values = found.get("attributes", {}).get(MARK) or [""]
    try:
        return UUID(values[0])
    except ValueError:
        return None


def account(found: dict[str, Any], roles: Collection[str]) -> Account:
    """`roles` are the names of the realm roles that the account has directly."""
    return Account(
        id=found["id"],
        email=found.get("email") or found["username"],
        role=next((role for role in _STRONGEST_FIRST if role in roles), None),
        enabled=found["enabled"],
        user_id=mark(found),
        password_is_temporary=UPDATE_PASSWORD in found.get("requiredActions", []),
        first_name=found.get("firstName") or "",
        last_name=found.get("lastName") or "",
        email_verified=found.get("emailVerified") is True,
    )
