"""What can be done with batches: planning them, seats, their courses, and single students' dates.

Each locks the rows of its batches first, in id order, then (through `courses.assignments`) courses, then assignments.
"""

from tms.batches.service.assigning import assign_by_hand, change_assignment, drop_by_hand
from tms.batches.service.curriculum import catch_up, put_course, remove_course
from tms.batches.service.departure import leave, lock_batches
from tms.batches.service.planning import add_trainer, cancel, change, create, remove_trainer
from tms.batches.service.seats import BatchInfo, add, move, remove, take_seats

__all__ = [
    "BatchInfo",
    "add",
    "add_trainer",
    "assign_by_hand",
    "cancel",
    "catch_up",
    "change",
    "change_assignment",
    "create",
    "drop_by_hand",
    "leave",
    "lock_batches",
    "move",
    "put_course",
    "remove",
    "remove_course",
    "remove_trainer",
    "take_seats",
]
