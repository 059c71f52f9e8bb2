"""The shapes of successful answers: `{"success": true, "data": ..., "message": ...}` as in the specification."""

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

from fastapi import Response

from tms.http.errors import Problem
from tms.platform import paging
from tms.platform.schemas import Schema

T = TypeVar("T")

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {"application/problem+json": {}}, "description": description}
    for status, description in {
        400: "The address or the request is not valid",
        401: "No valid access token",
        403: "The role does not allow this",
        404: "It does not exist, or not for the caller",
        408: "The body did not come in time",
        409: "A rule does not allow this now",
        412: "Changed since it was read",
        413: "The body is too large",
        422: "A field is not valid, or names something that does not exist",
        429: "Too many requests; wait for the seconds of Retry-After",
        503: "A part of the system does not answer; retry later",
    }.items()
}
"""The documented errors of every route under the API's prefix."""


class Answer(Schema, Generic[T]):
    """One thing."""

    success: Literal[True] = True
    data: T
    message: str | None = None


class PageInfo(Schema):
    """Where a list goes on: pass `nextCursor` as `cursor`. `total` is null above 10,000."""

    limit: int
    next_cursor: str | None
    total: int | None


class Listing(Schema, Generic[T]):
    """A page of a list."""

    success: Literal[True] = True
    data: list[T]
    page: PageInfo


def listing(page: paging.Page, shape: Callable[[Any], T]) -> Listing[T]:
    """A page of rows as an answer."""
    return Listing(
        data=[shape(row) for row in page.rows],
        page=PageInfo(limit=page.limit, next_cursor=page.next_cursor, total=page.total),
    )


def set_etag(response: Response, version: int) -> None:
    """`ETag` of a resource that people edit: its version number."""
    response.headers["ETag"] = f'"{version}"'
