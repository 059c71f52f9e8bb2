"""What every room keeps of people, joined: in the order of erasing, so that what asks for somebody's address comes before it is gone."""

from tms.batches import personal as batches
from tms.content import personal as content
from tms.courses import personal as courses
from tms.identity import personal as identity
from tms.notifications import personal as notifications
from tms.operations import personal as operations
from tms.operations import personal_data
from tms.progress import personal as progress
from tms.students import personal as students
from tms.web import personal as web

HOLDINGS = [
    *operations.HOLDINGS,
    *web.HOLDINGS,
    *notifications.HOLDINGS,
    *progress.HOLDINGS,
    *content.HOLDINGS,
    *batches.HOLDINGS,
    *courses.HOLDINGS,
    *students.HOLDINGS,
    *identity.HOLDINGS,
]


def join() -> None:
    """Make them known to this process."""
    personal_data.join(HOLDINGS)
