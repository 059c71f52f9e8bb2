"""Addresses that are their own permission: signed for a short time, for what cannot send a token (`<img>`, `<video>`)."""

from itsdangerous import BadSignature, TimestampSigner

from tms.platform.settings import get_settings

LIFETIME_SECONDS = 300
PLAYING_SECONDS = 4 * 3600
"""Of what is played: a player asks for further parts at the same address for as long as somebody watches."""


def _signer() -> TimestampSigner:
    return TimestampSigner(get_settings().key("signed addresses"), salt="media")


def sign(path: str) -> str:
    """`path` with a signature that tells when it was made."""
    signature = _signer().sign(path).decode().removeprefix(path).lstrip(".")
    return f"{path}?signature={signature}"


def is_signed(path: str, signature: str, *, seconds: int) -> bool:
    """Whether the signature belongs to this path and is not older than this."""
    try:
        _signer().unsign(f"{path}.{signature}", max_age=seconds)
    except BadSignature:
        return False
    return True
