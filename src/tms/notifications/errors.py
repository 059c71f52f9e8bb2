from tms.platform.errors import DomainError, NotFoundError


class EmailNotFoundError(NotFoundError):
    """No such e-mail."""

    code = "email_not_found"
    title = "E-mail not found"


class EmailQueuedError(DomainError):
    """It waits for its turn, or is being sent right now."""

    code = "email_queued"
    title = "This e-mail is about to be sent already"


class MailNotConfiguredError(DomainError):
    """The e-mail stays where it is."""

    code = "mail_not_configured"
    title = "There is nothing to send e-mail with; set SMTP_URL or SENDGRID_API_KEY and start TMS again"


class RecipientDisabledError(DomainError):
    """People who were disabled or erased get no mail."""

    code = "recipient_disabled"
    title = "The recipient's account is disabled; enable it first"


class SecretEndedError(DomainError):
    """The e-mail would carry a password or link that no longer works."""

    code = "secret_ended"
    title = (
        "What this e-mail would carry was used or has expired; reset the password, which sends a new e-mail"
    )


class LeasedError(Exception):
    """Another worker has this e-mail in hand, or had until it died; the queue comes back to it."""
