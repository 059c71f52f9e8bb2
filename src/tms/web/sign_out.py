"""Out, without the browser: the identity provider tells us that a sign-in is over (OpenID Connect Back-Channel Logout 1.0)."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import JSONResponse, Response

from tms.http import policy
from tms.http.origins import BACK_CHANNEL_LOGOUT_PATH
from tms.identity import logout_tokens
from tms.identity.errors import InvalidTokenError
from tms.platform import db
from tms.web import sessions

LONGEST_BODY = 20 * 1024

# No cookie and no form token: what proves the message is the provider's signature under it.
POLICY = [
    policy.Line(
        "POST",
        BACK_CHANNEL_LOGOUT_PATH,
        policy.PUBLIC,
        "the sign-in server, by its signature: ends sessions",
        LONGEST_BODY,
    )
]

router = APIRouter(include_in_schema=False)


@router.post(BACK_CHANNEL_LOGOUT_PATH)
async def sign_out(logout_token: Annotated[str, Form(max_length=LONGEST_BODY)] = "") -> Response:
    """End the page sessions of a sign-in, or of everything an account is signed in to.

    200 when they are over, also where there were none; 400 for what is no such message (section 2.8).
    """
    try:
        told = await logout_tokens.verify(logout_token)
    except InvalidTokenError:
        return JSONResponse({"error": "invalid_request"}, 400, headers={"Cache-Control": "no-store"})
    async with db.transaction() as session:
        good_until = datetime.fromtimestamp(told.good_until, UTC)
        if await sessions.spend_logout_token(session, told.jti, good_until):
            await sessions.end_by_provider(session, subject=told.subject, sid=told.sid)
    return Response(status_code=200, headers={"Cache-Control": "no-store"})
