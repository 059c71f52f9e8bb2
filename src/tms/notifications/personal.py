"""What notifications keep of people."""

from tms.operations.personal_data import Holding

HOLDINGS = [
    # A mail without its address and words would tell nothing, so that the whole row goes; some have an address only.
    Holding(
        "emails",
        also="""
            user_id IS NULL AND lower(to_address) IN (
                SELECT lower(email) FROM users WHERE id = :person
                UNION SELECT email_norm FROM users WHERE id = :person
            )
        """,
        removed=True,
    ),
]
