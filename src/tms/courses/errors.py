from typing import ClassVar

from tms.platform.errors import DomainError, ForbiddenError, InvalidError, NotFoundError


class CourseNotFoundError(NotFoundError):
    """No such course, or not visible to the caller."""

    code = "course_not_found"
    title = "Course not found"


class SectionNotFoundError(NotFoundError):
    """No such live section in this course."""

    code = "section_not_found"
    title = "Section not found"


class AssignmentNotFoundError(NotFoundError):
    """No such assignment, or not visible to the caller."""

    code = "assignment_not_found"
    title = "Assignment not found"


class NotAnEditorError(ForbiddenError):
    """The caller may read the course, but is not named on it."""

    code = "not_an_editor"
    title = "Only administrators and the trainers named on this course may change it"


class CourseWithoutSectionsError(DomainError):
    """An empty course cannot be learnt; the specification answers 400."""

    status = 400
    code = "course_without_sections"
    title = "Cannot publish course without sections"


class LastSectionError(DomainError):
    """A published course keeps at least one section."""

    code = "last_section"
    title = "This is the last section of a published course; add another one first, or archive the course"
    constraint: ClassVar[str | None] = "ck_courses_published_has_sections"


class CourseInUseError(DomainError):
    """Only a draft that nobody was ever given can be deleted."""

    code = "course_in_use"
    title = "Only a draft that was never assigned can be deleted; archive this course instead"


class CourseArchivedError(DomainError):
    """An archived course takes no new learners; those it has keep it."""

    code = "course_archived"
    title = "An archived course takes no new learners; publish it again first"


class AssignmentClosedError(DomainError):
    """The assignment has no source any more; its record is kept as it is."""

    code = "assignment_closed"
    title = "This assignment has ended; assign the course again first"


class NotAssignedByHandError(DomainError):
    """The assignment comes from batches alone, so that its date is theirs."""

    code = "not_assigned_by_hand"
    title = "This course comes from a batch: change it there, or extend the date for this student"


class UnknownStudentError(InvalidError):
    """An assignment names somebody who does not exist."""

    code = "unknown_student"
    title = "A student does not exist"
    constraint: ClassVar[str | None] = "fk_course_assignments_student_id"
