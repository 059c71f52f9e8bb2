from tms.platform.errors import DomainError, NotFoundError


class SectionNotFoundError(NotFoundError):
    """No such section for this learner: removed, of a draft, or of a course that they do not have."""

    code = "section_not_found"
    title = "Section not found among your courses"


class ProgressNotFoundError(NotFoundError):
    """The student does not have this course, or the caller may not see the student."""

    code = "progress_not_found"
    title = "The student does not have this course"


class CompletedByTestError(DomainError):
    """Only a passed test completes the section, whatever the learner says."""

    code = "completed_by_test"
    title = "This section is completed by passing its test; send your progress without `completed`"
