"""What identity keeps of people: who they are, their account, and what their passwords derive from."""

from tms.operations.personal_data import Holding

_BY_PROVIDER = "the identity provider removes its account, with all that hangs on it"

HOLDINGS = [
    Holding("refresh_tokens", elsewhere=_BY_PROVIDER),
    Holding("authorization_codes", elsewhere=_BY_PROVIDER, secret=frozenset({"code_challenge", "nonce"})),
    Holding("sign_in_sessions", elsewhere=_BY_PROVIDER),
    Holding("accounts", keyless={"user_id": ""}, elsewhere=_BY_PROVIDER, secret=frozenset({"password_hash"})),
    Holding("temporary_passwords", removed=True, secret=frozenset({"key_id"})),
    # The row stays until the account is gone: its lease tells whether somebody is making one at this moment.
    Holding(
        "provisionings",
        emptied={"welcome": "NULL", "adopted_account_id": "NULL", "lost_account_id": "NULL"},
        kept=frozenset({"last_error"}),
    ),
    Holding(
        "users",
        emptied={
            "account_id": "NULL",
            # `.invalid` is never anybody's domain (RFC 2606); the address has to be unique.
            "email": "'erased-' || id || '@erased.invalid'",
            "email_norm": "'erased-' || id || '@erased.invalid'",
            "first_name": "'Erased'",
            "last_name": "'person'",
            "phone": "NULL",
            "student_code": "NULL",
            "status": "'erased'",
        },
        kept=frozenset({"role"}),
    ),
]
