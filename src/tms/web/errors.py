from tms.platform.errors import DomainError, ForbiddenError, NotFoundError, UnauthenticatedError


class SignInNeededError(UnauthenticatedError):
    """Nobody is signed in; the browser is sent to sign in and comes back to `back_to`."""

    code = "sign_in_needed"
    title = "Sign in to go on"

    def __init__(self, back_to: str) -> None:
        super().__init__()
        self.back_to = back_to


class SignInFailedError(DomainError):
    """The sign-in was not brought to its end: too late, twice, or refused by the identity provider."""

    status = 400
    code = "sign_in_failed"
    title = "Signing in did not work"


class FormExpiredError(ForbiddenError):
    """A form without the token of this browser's session: from another site, or from before the last sign-in."""

    code = "form_expired"
    title = "This form has expired"


class StaffOnlyError(ForbiddenError):
    """A learner at the door of the staff's pages."""

    code = "staff_only"
    title = "This page is for trainers and administrators"


class AdministratorsOnlyError(ForbiddenError):
    """A trainer at the door of the administrators' pages."""

    code = "administrators_only"
    title = "This page is for administrators"


class LessonNotFoundError(NotFoundError):
    """The course is not assigned to the learner, or the section is not part of it any more."""

    code = "lesson_not_found"
    title = "This lesson is not here"
