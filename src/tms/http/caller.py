"""The signed-in caller as a typed parameter of routes."""

from typing import Annotated

from fastapi import Depends, Request

from tms.platform import caller


async def _caller(request: Request) -> caller.Caller:
    found: caller.Caller = request.state.caller
    return found


Caller = Annotated[caller.Caller, Depends(_caller)]
"""Put there by the gate, which has checked the token and the role already."""
