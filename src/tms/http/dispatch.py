"""From the policy line that the gate has found straight to the route that it belongs to.

The framework tries its routes one after the other, about a hundred of them and each twice. A request that comes here has
been matched already, against the one table in which every route has a line; so the route is a look-up in a dictionary.
What has no line, or asks in another way (HEAD, under a prefix), goes to the framework's own router, which decides.
"""

from functools import cached_property
from typing import NamedTuple

from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.types import ASGIApp, Receive, Scope, Send

from tms.http import direct
from tms.http.gate import FOUND
from tms.http.policy import Line


class Door(NamedTuple):
    """A route, and how a request gets through it."""

    route: RouteContext
    enter: ASGIApp
    is_direct: bool


class Dispatch:
    """ASGI in front of the framework's router."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.router = app.router.middleware_stack

    @cached_property
    def doors(self) -> dict[tuple[str, str], Door]:
        """By method and path, as policy lines spell it; made at the first request, since commands need none."""
        found: dict[tuple[str, str], Door] = {}
        for route in iter_route_contexts(self.app.routes):
            door = _door(route)
            for method in route.methods or ():
                # The first of two that fit is the one that the framework takes.
                found.setdefault((method, route.path_format or ""), door)
        return found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in by its own door."""
        found = scope.get(FOUND)
        if found is None or scope.get("root_path"):
            await self.router(scope, receive, send)
            return
        line, parameters = found
        door = self.door(scope["method"], line)
        if door is None:
            await self.router(scope, receive, send)
            return
        scope["path_params"] = parameters
        scope["endpoint"] = door.route.endpoint
        scope["route"] = door.route.original_route
        await door.enter(scope, receive, send)

    def door(self, method: str, line: Line) -> Door | None:
        """The door of a line, for what asks as the line says."""
        return self.doors.get((method, line.path))


def _door(route: RouteContext) -> Door:
    framework: ASGIApp = route.app
    compiled = direct.compiled(route, framework)
    return Door(route, compiled or framework, compiled is not None)


def install(app: FastAPI) -> None:
    """Put it in front of the application's router."""
    app.router.middleware_stack = Dispatch(app)
