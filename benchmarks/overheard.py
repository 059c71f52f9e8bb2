"""What a process says to PostgreSQL, through SQLAlchemy and past it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from sqlalchemy import event
from sqlalchemy.engine import Engine

from tms.identity import access
from tms.platform import statements

Said = tuple[str, Any]
"""A statement and its parameters."""


@contextmanager
def overheard() -> Iterator[list[Said]]:
    """The statements that this process sends meanwhile, without those by which the gate asks for a status.

    BEGIN and COMMIT are none.
    """
    said: list[Said] = []
    send = statements.send

    def through_sqlalchemy(_conn: Any, _cursor: Any, text: str, values: Any, *_: Any) -> None:
        said.append((text, values))

    async def past_it(statement: statements.Statement, values: Any, driver: Any) -> Any:
        if statement is not access.status():
            said.append((statement.text, values))
        return await send(statement, values, driver)

    event.listen(Engine, "before_cursor_execute", through_sqlalchemy)
    try:
        with mock.patch.object(statements, "send", past_it):
            yield said
    finally:
        event.remove(Engine, "before_cursor_execute", through_sqlalchemy)
