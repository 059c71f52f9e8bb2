"""What progress keeps of people: results, which stay, since without a name they are nobody's."""

from tms.operations.personal_data import Holding

HOLDINGS = [Holding("section_progress"), Holding("course_progress")]
