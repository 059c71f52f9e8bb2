from tms.platform.errors import NotFoundError


class StudentNotFoundError(NotFoundError):
    """No such student, or not visible to the caller."""

    code = "student_not_found"
    title = "Student not found"
