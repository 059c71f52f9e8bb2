"""What batches keep of people: seats, which stay where a batch is over, and the batches that a trainer runs."""

from tms.operations.personal_data import Holding

HOLDINGS = [Holding("student_batches"), Holding("batch_trainers", removed=True)]
