"""A student as a whole: enrolment and overview."""
