import pytest
from sqlalchemy import event

from tms.platform import db


@pytest.fixture
def statements(people):
    """The SQL statements that have been run since it was last cleared, besides those of the gate and of the pool."""
    seen = []

    def note(connection, cursor, statement, parameters, context, executemany):
        if "FROM users \nWHERE users.account_id" not in statement:
            seen.append(statement)

    engines = [db._database().reader.sync_engine, db._database().writer.sync_engine]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
