"""One address has one spelling: the form by which people are told apart."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

LONGEST = 254


def check(address: str) -> str:
    """The address as it will be written to; raises `ValueError` with what is wrong.

    Only the syntax is checked: whether somebody reads it is seen when the welcome arrives.
    """
    if len(address) > LONGEST:
        raise ValueError(f"must have at most {LONGEST} characters")
    try:
        found = validate_email(address.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError("must be an e-mail address such as name@example.org") from error
    if len(found.normalized) > LONGEST:
        raise ValueError(f"must have at most {LONGEST} characters")
    return found.normalized


def normalise(address: str) -> str:
    """The form under which an address is unique: NFKC, case-folded, domain in its ASCII (IDNA) spelling."""
    local, _, domain = check(address).rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        domain = unicodedata.normalize("NFKC", domain)
    return unicodedata.normalize("NFKC", local).casefold() + "@" + domain.casefold()
