from tms.platform.errors import DomainError


class WorkEndedError(DomainError):
    """Whoever did the work was faster."""

    code = "work_ended"
    title = "This work has come to its end already; there is nothing to cancel"


class NotCancellableError(DomainError):
    """Work that does more harm half done than done."""

    code = "not_cancellable"
    title = "Work of this kind cannot be cancelled"
