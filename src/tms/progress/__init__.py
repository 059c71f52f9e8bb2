"""What was learnt: sections done, time spent, the place to resume."""
