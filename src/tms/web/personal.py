"""What the pages keep of people: the browsers that they are signed in with."""

from tms.operations.personal_data import Holding

HOLDINGS = [Holding("page_sessions", removed=True)]
