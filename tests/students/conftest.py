import pytest
from benchmarks.overheard import overheard


@pytest.fixture
def statements(people):
    """The SQL statements that have been run since it was last cleared, besides those by which the gate asks who calls."""
    with overheard() as said:
        yield said
