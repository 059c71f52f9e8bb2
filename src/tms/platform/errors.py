"""Domain errors: each names its HTTP status, its stable code and, where one stands behind it, its database constraint.

`http.errors` answers every one of them as a problem document (RFC 9457); nothing else turns errors into answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field of a request that is at fault; `field` is spelled as on the wire (`firstName`, `sections.0.title`)."""

    field: str
    message: str


class DomainError(Exception):
    """A rule of the trade was broken; `detail` says what to do about it and never carries exception text."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "conflict"
    title: ClassVar[str] = "The request conflicts with the present state"
    constraint: ClassVar[str | None] = None
    retry_after: int | None = None
    """Seconds after which it makes sense to try again."""

    by_constraint: ClassVar[dict[str, type["DomainError"]]] = {}

    def __init__(self, detail: str | None = None, *, fields: Sequence[FieldError] = ()) -> None:
        self.detail = detail or self.title
        self.fields = tuple(fields)
        super().__init__(self.detail)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Collect the constraint, so that a race that the database settles answers as the check before it would."""
        super().__init_subclass__(**kwargs)
        constraint = cls.__dict__.get("constraint")
        if constraint is not None:
            known = DomainError.by_constraint.setdefault(constraint, cls)
            if known is not cls:
                raise TypeError(f"{constraint} stands behind both {known.__name__} and {cls.__name__}")


class NotFoundError(DomainError):
    """What does not exist and what the caller may not see are the same."""

    status = 404
    code = "not_found"
    title = "There is no such thing here"


class InvalidError(DomainError):
    """A body that is well-formed but names something that cannot be."""

    status = 422
    code = "invalid"
    title = "The request cannot be carried out as it is"


class ForbiddenError(DomainError):
    """The caller's role does not open this door."""

    status = 403
    code = "forbidden"
    title = "Your role does not allow this"


class UnauthenticatedError(DomainError):
    """No token, or one that does not hold."""

    status = 401
    code = "invalid_token"
    title = "Sign in and send a valid access token"


class UnavailableError(DomainError):
    """A part that TMS depends on does not answer; trying again later is right."""

    status = 503
    code = "unavailable"
    title = "A part of the system does not answer at the moment; try again shortly"
    retry_after = 5


class PreconditionFailedError(DomainError):
    """`If-Match` names an older version than the one stored."""

    status = 412
    code = "version_changed"
    title = "Somebody else has changed this since you read it; read it again and repeat your change"


def check_version(expected: int | None, found: int) -> None:
    """Raise 412 where somebody else was faster; `expected` is none where no `If-Match` was sent."""
    if expected is not None and expected != found:
        raise PreconditionFailedError


def missing(field: str, what: str) -> InvalidError:
    """A body names something that does not exist: `batchId`, `The batch`."""
    return InvalidError(f"{what} does not exist.", fields=[FieldError(field, "does not exist")])
