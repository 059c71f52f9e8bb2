"""Addresses that are their own permission: signed for a few minutes, for what cannot send a token (`<img>`)."""

from itsdangerous import BadSignature, TimestampSigner

from tms.platform.settings import get_settings

LIFETIME_SECONDS = 300


def _signer() -> TimestampSigner:
    return TimestampSigner(get_settings().key("signed addresses"), salt="media")


def sign(path: str) -> str:
    """`path` with a signature that holds for five minutes."""
    signature = _signer().sign(path).decode().removeprefix(path).lstrip(".")
    return f"{path}?signature={signature}"


def is_signed(path: str, signature: str) -> bool:
    """Whether the signature belongs to this path and is not older than five minutes."""
    try:
        _signer().unsign(f"{path}.{signature}", max_age=LIFETIME_SECONDS)
    except BadSignature:
        return False
    return True
