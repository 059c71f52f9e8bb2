"""What goes wrong before TMS runs, told in one line each: what is wrong and what to do, never a value that may be secret."""

from __future__ import annotations

import sys
from typing import NoReturn
from urllib.parse import urlsplit

from pydantic import ValidationError

from tms.identity import emails
from tms.platform.settings import Settings, get_settings

WRONG_SETTINGS = 2
FAILED = 1


class CannotStartError(Exception):
    """TMS, or a command of it, cannot do its work; the text is one line that says why and what to do."""


def fail(line: str, status: int = FAILED) -> NoReturn:
    """Print one line to standard error and end."""
    print(f"tms: {line}", file=sys.stderr)
    sys.exit(status)


def load_settings() -> Settings:
    """Return the settings; if any is wrong, print a line for each and end with status 2."""
    try:
        return get_settings()
    except ValidationError as error:
        lines = [_line(problem["loc"], problem["msg"]) for problem in error.errors(include_input=False)]
    except (OSError, UnicodeDecodeError) as error:
        lines = [f".env cannot be read ({error}): make it a readable text file of NAME=value lines"]
    print("\n".join(f"tms: {line}" for line in lines), file=sys.stderr)
    sys.exit(WRONG_SETTINGS)


def checked_address(name: str, address: str) -> str:
    """Return an administrator's e-mail address; if it is none, print a line that names the setting or argument and end."""
    try:
        return emails.check(address)
    except ValueError as error:
        fail(f"{name}: {error}", WRONG_SETTINGS)


def without_secrets(url: str) -> str:
    """Return a database's address as it may be shown: host, port and name."""
    parts = urlsplit(url)
    try:
        port = parts.port or 5432
    except ValueError:
        return parts.hostname or "?"
    return f"{parts.hostname or 'localhost'}:{port}{parts.path}"


def _line(place: tuple[int | str, ...], message: str) -> str:
    told = message.removeprefix("Value error, ")
    # A rule about several settings names them itself.
    return ": ".join([*(str(part).upper() for part in place), told])
