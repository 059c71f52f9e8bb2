"""Which accounts a listing has shown: ids alone, in a temporary file, so that memory does not grow with their number.

SQLite makes such a file for the empty name and removes it at the end. A table of our own database would not do: the
doctor, who looks too, changes nothing there.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Self

from tms.identity.provider import Account


class Sightings:
    """The accounts seen so far, and the marks that they carry."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._seen = connection

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Self]:
        """For one listing; nothing of it is left afterwards."""
        with closing(sqlite3.connect("", isolation_level=None)) as connection:
            connection.execute("CREATE TABLE seen (account TEXT PRIMARY KEY, user TEXT) WITHOUT ROWID")
            yield cls(connection)

    def add(self, accounts: Iterable[Account]) -> None:
        """A page of the listing; an account that pages show twice is one."""
        rows = [(account.id, account.user_id and str(account.user_id)) for account in accounts]
        self._seen.execute("BEGIN")
        self._seen.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", rows)
        self._seen.execute("COMMIT")

    def unseen(self, account_ids: Iterable[str]) -> set[str]:
        """Those of the ids that no page has shown."""
        known = self._seen.execute
        return {
            one for one in account_ids if not known("SELECT 1 FROM seen WHERE account = ?", [one]).fetchone()
        }

    def marked_twice(self) -> Iterator[str]:
        """Users (their ids) whose mark several accounts carry."""
        query = "SELECT user FROM seen WHERE user IS NOT NULL GROUP BY user HAVING count(*) > 1 ORDER BY user"
        for (user_id,) in self._seen.execute(query):
            yield user_id
