"""What courses keep of people: assignments stay with their dates, what somebody wrote about a person does not."""

from tms.operations.personal_data import Holding

HOLDINGS = [
    Holding("assignment_sources"),
    Holding("course_assignments", emptied={"extension_reason": "NULL"}),
    Holding("course_trainers", removed=True),
]
