"""What operations and the platform keep of people."""

from tms.operations.personal_data import Holding

_ABOUT_THEM = """
    body IS NOT NULL AND (
        position(convert_to(CAST(:person AS text), 'UTF8') IN body) > 0
        OR EXISTS (
            SELECT FROM (
                SELECT email AS address FROM users WHERE id = :person
                UNION SELECT email_norm FROM users WHERE id = :person
                UNION SELECT to_address FROM emails WHERE user_id = :person
            ) AS known
            WHERE position(convert_to(known.address, 'UTF8') IN body) > 0
        )
    )
"""

HOLDINGS = [
    # Answers to others hold names too: of members that were added to a batch, of an e-mail's receiver.
    Holding(
        "idempotency_keys",
        keyless={"caller_id": "", "subject_id": ""},
        also=_ABOUT_THEM,
        removed=True,
        secret=frozenset({"headers"}),
    ),
    # The database lets nobody change a line, and lines hold ids only. Whose address a line has is whoever acted.
    Holding(
        "audit_log",
        keyless={"object_id": "object_type = 'user'"},
        acted={"actor_id": frozenset({"at", "action", "object_type", "object_id", "address"})},
        kept=frozenset({"action", "object_type", "changes", "request_id", "address"}),
        secret=frozenset({"address", "actor_id"}),
    ),
    Holding("jobs", acted={"created_by": frozenset({"kind", "state", "created_at"})}),
]
