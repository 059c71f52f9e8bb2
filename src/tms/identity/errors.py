from typing import ClassVar

from tms.platform.errors import (
    DomainError,
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)


class EmailTakenError(DomainError):
    """Two people cannot have one address, however it is spelled."""

    code = "email_taken"
    title = "A user with this e-mail address already exists"
    constraint: ClassVar[str | None] = "uq_users_email_norm"


class UserNotFoundError(NotFoundError):
    """No such user, or not visible to the caller."""

    code = "user_not_found"
    title = "User not found"


class InvalidTokenError(UnauthenticatedError):
    """The access token does not hold: forged, expired, for somebody else, or of another kind."""

    code = "invalid_token"
    title = "The access token is not valid; sign in again"


class AccountNotLinkedError(ForbiddenError):
    """The token is good, but nobody here has this account."""

    code = "account_not_linked"
    title = "Your account is not known here; ask an administrator to enrol you"


class AccountDisabledError(ForbiddenError):
    """The person has been disabled, whatever their token says."""

    code = "account_disabled"
    title = "Your account is disabled; ask an administrator"


class ProviderUnavailableError(UnavailableError):
    """The identity provider does not answer; what was asked for stays noted and goes on later."""

    code = "identity_unavailable"
    title = "The sign-in server does not answer at the moment; try again shortly"
    asked_to_wait: float | None = None
    """Seconds for which the provider itself asks to be left alone."""


class ProviderRefusesError(ProviderUnavailableError):
    """It answers, and does not let TMS do this: waiting helps nothing."""

    title = "The sign-in server does not let TMS do this: have an administrator run `tms keycloak check`"


class ComparisonCutShortError(ProviderUnavailableError):
    """Users and accounts were not all compared; `detail` says how far it came. What was repaired before stays so."""

    title = "Users and accounts were not all compared, since the sign-in server stopped answering"


class IdentityConflictError(DomainError):
    """The provider has an account of this address that is not ours; it is left untouched."""

    code = "identity_conflict"
    title = "The sign-in server already has an account with this address that TMS did not make"


class AdoptionRefusedError(DomainError):
    """It is not proven that the account of this address is this person's."""

    code = "adoption_refused"
    title = "The account cannot be taken over"


class AccountRefusedError(IdentityConflictError):
    """The provider does not take this name or address, whoever has it."""

    code = "identity_refused"
    title = "The sign-in server refuses this person's address or name; change it and try again"


class PasswordRefusedError(DomainError):
    """The provider has rules for passwords, and this one breaks them."""

    code = "password_refused"
    title = "The sign-in server's rules for passwords refuse this password; choose a longer one with more kinds of characters"


class LastAdministratorError(DomainError):
    """Somebody must be able to let people in."""

    code = "last_administrator"
    title = "This is the last active administrator; make another one first"


class StatusError(DomainError):
    """The user's status does not allow the change."""

    code = "wrong_status"
    title = "The user's status does not allow this"


class TemporaryPasswordEndedError(DomainError):
    """It was used or it has expired; a new one can be made."""

    code = "temporary_password_ended"
    title = "There is no temporary password to extend; reset the password instead"


class AccountMissingError(NotFoundError):
    """The account was removed at the provider behind our back."""

    code = "account_missing"
    title = "The sign-in server does not know this account any more"


class LeasedError(Exception):
    """Somebody else is making this account, or was until they died; the queue comes back to it."""
