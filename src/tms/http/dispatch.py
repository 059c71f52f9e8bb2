"""From the policy line that the gate has found straight to the route that it belongs to.

The framework tries its routes one after the other, about a hundred of them and each twice. A request that comes here has
been matched already, against the one table in which every route has a line; so the route is a look-up in a dictionary.
What has no line, or asks in another way (HEAD, under a prefix), goes to the framework's own router, which decides.
"""

from collections.abc import Iterable
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

    def __init__(self, router: ASGIApp, routes: Iterable[RouteContext]) -> None:
        self.router = router
        self.doors: dict[tuple[str, str], Door] = {}
        for route in routes:
            door = _door(route)
            for method in route.methods or ():
                # The first of two that fit is the one that the framework takes.
                self.doors.setdefault((method, route.path_format or ""), door)

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


def install(app: FastAPI) -> Dispatch:
    """Put it in front of the application's router, once all routes are there."""
    dispatch = Dispatch(app.router.middleware_stack, iter_route_contexts(app.routes))
    app.router.middleware_stack = dispatch
    return dispatch
