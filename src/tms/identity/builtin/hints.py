"""ID tokens that come back: with one, a program shows whose session it wants to end."""

from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tms.identity.builtin import keys
from tms.platform.settings import get_settings

LONGEST = 8 * 1024


async def session_of(hint: str) -> UUID | None:
    """The session of an ID token that we signed; an expired one is as good (RP-Initiated Logout, 2). Else none."""
    if not hint or len(hint) > LONGEST or not hint.isascii():
        return None
    published = KeySet.import_key_set({"keys": (await keys.public_set())["keys"]})
    try:
        claims = jwt.decode(hint, published, [keys.ALGORITHM]).claims
        if claims.get("iss") != get_settings().issuer or claims.get("typ") != "ID":
            return None
        return UUID(str(claims.get("sid")))
    except (JoseError, ValueError):
        return None
