"""When an account that TMS did not make may be taken over: an administrator says so, and the provider vouches for it.

The provider must have seen that the address reaches the account's owner, and it must be the address that the person was
enrolled with: then the owner could have had any password of TMS that is sent there as well.
"""

from tms.identity import emails
from tms.identity.errors import AdoptionRefusedError
from tms.identity.provider import Account, Person
from tms.platform.caller import Role


def check(account: Account | None, person: Person) -> Account:
    """The account, if it is proven to be the person's; else `AdoptionRefusedError` with what can be done."""
    if account is None or emails.normalise(account.email) != emails.normalise(person.email):
        raise AdoptionRefusedError("No account has this address any more. Try again by retry-provisioning.")
    if account.user_id not in {None, person.user_id}:
        raise AdoptionRefusedError("The account is another user's. Give this user another address.")
    if not account.email_verified:
        raise AdoptionRefusedError(
            "The sign-in server has not verified that the address reaches the account's owner. "
            "Have it verified there, or give this user another address."
        )
    if not account.enabled:
        raise AdoptionRefusedError(
            "The account is disabled at the sign-in server. Have it enabled there first."
        )
    if account.role is Role.ADMIN and person.role is not Role.ADMIN:
        raise AdoptionRefusedError(
            "The account is an administrator's. Give the user the role `admin`, or another address."
        )
    return account
