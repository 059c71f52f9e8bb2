"""Keys derived from the one server secret, each for one purpose."""

import hashlib
import hmac
import os
import secrets as random
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def load_or_make(home: Path) -> str:
    """The secret kept under `home`, made on first use; a file of mode 0600, written whole or not at all."""
    path = home / "secret_key"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = home / f".secret_key.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(random.token_urlsafe(48), encoding="ascii")
        try:
            # A link never replaces what another process has made meanwhile, as a rename would.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii").strip()


def derive(secret: str, purpose: str, length: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869) of the server secret; `purpose` keeps keys of different uses apart."""
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=f"tms:{purpose}".encode()).derive(
        secret.encode()
    )


def key_id(secret: str) -> str:
    """A short name of the secret that tells nothing about it; stored beside what was derived from it."""
    return derive(secret, "key id", 8).hex()


def mac(key: bytes, *parts: str) -> bytes:
    """HMAC-SHA256 (RFC 2104) over unambiguously joined parts."""
    return hmac.new(key, "\x1f".join(parts).encode(), hashlib.sha256).digest()
