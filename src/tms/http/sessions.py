"""Sessions as typed parameters of routes. Always use these aliases: one dependency under two scopes is two sessions."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from tms.platform import db, failpoints, idempotency

failpoints.declare("http.write.before_commit", "http.write.committed")


async def _write(request: Request) -> AsyncIterator[AsyncSession]:
    async with db.transaction() as session:
        await idempotency.claim(session)
        # The route class stores the answer in this very transaction.
        request.state.write_session = session
        yield session
        failpoints.here("http.write.before_commit")
    failpoints.here("http.write.committed")


async def _read() -> AsyncIterator[AsyncSession]:
    async with db.reading() as session:
        yield session


WriteSession = Annotated[AsyncSession, Depends(_write, scope="function")]
"""One transaction for the request, committed before the answer leaves; a refused commit becomes an error answer."""

ReadSession = Annotated[AsyncSession, Depends(_read, scope="function")]
"""Reads only; the server refuses writes."""


def open_read(_: Request) -> AbstractAsyncContextManager[AsyncSession]:
    """A `ReadSession` for who calls a route without the framework."""
    return db.reading()


open_write = asynccontextmanager(_write)
"""A `WriteSession`, likewise."""
