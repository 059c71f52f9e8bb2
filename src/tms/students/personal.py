"""What students keep of people: that they were erased, which has to be known after a restore too."""

from tms.operations.personal_data import Holding

HOLDINGS = [Holding("erasures")]
