"""Promises of the built-in provider: its accounts are what the users are, and it keeps no secret in the open.

What a user is now is told to the provider by a job; while that job waits, the two may differ.
"""

from dataclasses import replace

from tms.operations.doctor import FAULT, Check
from tms.platform.settings import get_settings

_WAITS = """
    EXISTS (SELECT FROM procrastinate_jobs j WHERE j.task_name LIKE 'identity.%'
            AND j.status IN ('todo', 'doing') AND j.args ->> 'user_id' = {user}::text)
"""
_MIRROR = "Change these people's names back and forth (PATCH /users/{id}), which tells the provider again."


def _waits(user: str) -> str:
    return _WAITS.format(user=user)


def _is_used() -> bool:
    return get_settings().keycloak_server_url is None


_CHECKS = [
    Check(
        "identity.active_have_accounts",
        "Every active person has one account, with the same address and role, that lets them in.",
        f"""
        SELECT u.id::text FROM users u LEFT JOIN accounts a ON a.id::text = u.account_id
        WHERE u.status = 'active' AND (a.id IS NULL OR NOT a.enabled
          OR (a.user_id, a.role, a.email_norm) IS DISTINCT FROM (u.id, u.role, u.email_norm))
          AND NOT {_waits("u.id")}
        """,  # noqa: S608 - made of constants of this file
        _MIRROR,
    ),
    Check(
        "identity.disabled_are_shut",
        "The account of somebody disabled or erased lets nobody in.",
        f"""
        SELECT u.id::text FROM users u JOIN accounts a ON a.id::text = u.account_id OR a.user_id = u.id
        WHERE u.status IN ('disabled', 'erased') AND a.enabled AND NOT {_waits("u.id")}
          AND NOT EXISTS (SELECT FROM provisionings p WHERE p.user_id = u.id AND p.done_at IS NULL)
        """,  # noqa: S608 - made of constants of this file
        "Disable these people once more (POST /users/{id}/enable, then /disable).",
    ),
    Check(
        "identity.accounts_have_users",
        "Every account that was made for a user is that user's account.",
        f"""
        SELECT a.id::text FROM accounts a LEFT JOIN users u ON u.id = a.user_id
        WHERE a.user_id IS NOT NULL
          AND (u.id IS NULL OR (u.account_id IS DISTINCT FROM a.id::text AND NOT {_waits("u.id")}
            AND NOT EXISTS (SELECT FROM provisionings p WHERE p.user_id = u.id AND p.done_at IS NULL)))
        """,  # noqa: S608 - made of constants of this file
        "If the database was restored in parts, restore it whole; else report it.",
    ),
    Check(
        "identity.disabled_are_signed_out",
        "No sign-in of a shut account lives on.",
        """
        SELECT s.id::text FROM sign_in_sessions s JOIN accounts a ON a.id = s.account_id
        WHERE NOT a.enabled AND s.expires_at > tms_now() AND s.idle_until > tms_now()
        """,
        "Enable and disable the owners of these sessions once more, which ends them.",
    ),
    Check(
        "identity.passwords_are_hashed",
        "Of a password only its argon2id hash is kept, and of a signing key only its encrypted form.",
        r"""
        SELECT 'accounts ' || id FROM accounts WHERE password_hash !~ '^\$argon2id\$v=19\$'
        UNION ALL SELECT 'signing_keys ' || kid FROM signing_keys
        WHERE private !~ '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){4}$'
        """,
        "Treat these passwords and keys as known to others: replace them. " + FAULT,
    ),
]

CHECKS = [replace(check, applies=_is_used) for check in _CHECKS]
