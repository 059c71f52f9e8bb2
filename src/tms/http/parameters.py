"""Parameters that many routes take: ids, pages, search, preconditions."""

from typing import Annotated

from fastapi import Depends, Header, Path, Query

from tms.platform.errors import PreconditionFailedError
from tms.platform.paging import PageRequest
from tms.platform.schemas import Id

PathId = Annotated[Id, Path()]

Search = Annotated[str | None, Query(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


async def _page(
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=1000, pattern=r"^[A-Za-z0-9_-]+$")] = None,
    sort: Annotated[str | None, Query(max_length=50, pattern=r"^-?[A-Za-z]+$")] = None,
) -> PageRequest:
    return PageRequest(limit=limit, cursor=cursor, sort=sort)


PageQuery = Annotated[PageRequest, Depends(_page)]


async def _expected_version(if_match: Annotated[str | None, Header(max_length=200)] = None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    tag = if_match.strip().removeprefix("W/").strip('"')
    if not tag.isascii() or not tag.isdigit() or len(tag) > 9:
        # Some other tag can never be ours: the resource has changed as far as the caller knows.
        raise PreconditionFailedError
    return int(tag)


IfMatch = Annotated[int | None, Depends(_expected_version)]
"""The version that the caller has read, or none; services compare it under their lock."""
