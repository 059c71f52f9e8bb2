from typing import ClassVar

from tms.platform.errors import DomainError, ForbiddenError, InvalidError, NotFoundError


class BatchNotFoundError(NotFoundError):
    """No such batch, or not one of the caller's."""

    code = "batch_not_found"
    title = "Batch not found"


class MemberNotFoundError(NotFoundError):
    """The student holds no seat in the batch."""

    code = "member_not_found"
    title = "The student is not in this batch"


class TrainerNotFoundError(NotFoundError):
    """Nobody of this id runs the batch."""

    code = "batch_trainer_not_found"
    title = "This person does not run the batch"


class BatchCourseNotFoundError(NotFoundError):
    """The batch does not have the course, or there is no such course for the caller."""

    code = "batch_course_not_found"
    title = "The batch has no such course"


class BatchCancelledError(DomainError):
    """A cancelled batch is a record; nobody joins it and nothing is planned with it."""

    code = "batch_cancelled"
    title = "The batch has been cancelled"


class BatchFullError(DomainError):
    """There are not enough free seats."""

    code = "batch_full"
    title = "There are not enough free seats in the batch"
    constraint: ClassVar[str | None] = "ck_batches_seats"


class AlreadyMemberError(DomainError):
    """A student has one seat in a batch, not two."""

    code = "already_member"
    title = "The student is in the batch already"
    constraint: ClassVar[str | None] = "pk_student_batches"


class CapacityTooSmallError(DomainError):
    """Nobody loses a seat by a smaller number."""

    code = "capacity_below_seats"
    title = "More seats are taken than the new capacity has"


class NotAStudentError(InvalidError):
    """Seats are for students, whatever the state of their account, but not for erased people."""

    code = "not_a_student"
    title = "Only students can take a seat in a batch"


class NotATrainerError(InvalidError):
    """A batch is run by an active trainer or administrator."""

    code = "not_a_trainer"
    title = "Only an active trainer or administrator can run a batch"


class DatesError(InvalidError):
    """A batch does not end before it starts."""

    code = "invalid_dates"
    title = "The batch would end before it starts"
    constraint: ClassVar[str | None] = "ck_batches_dates"


class TimezoneError(InvalidError):
    """A zone that the database's clock does not know."""

    code = "unknown_timezone"
    title = "The time zone is not known"


class ForeignAssignmentError(ForbiddenError):
    """A trainer changes what their own batches or an administrator's hand gave, not what other batches gave."""

    code = "assignment_of_another_batch"
    title = "The course comes from a batch that you do not run"
