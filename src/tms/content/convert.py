"""Becomes LibreOffice, confined: `python -m tms.content.convert PROGRAM INPUT HOME`, its request on standard input."""

import json
import os
import sys
from pathlib import Path

from tms.content import confine

# Fonts, settings and what the package keeps outside of its own folder; none of it is anybody's.
_NEEDED = (
    "/usr/lib",
    "/lib",
    "/lib64",
    "/usr/lib64",
    "/usr/share",
    "/usr/bin",
    "/bin",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/libreoffice",
    "/var/cache/fontconfig",
    "/var/lib/libreoffice",
    "/var/spool/libreoffice",
    "/dev/urandom",
    "/System",
    "/Library/Fonts",
)
# Where it makes the socket by which a second one would find it.
_SOCKETS = Path("/tmp")  # noqa: S108  LibreOffice has no setting for this place


def main() -> None:
    """Confine this process and run the program in its place."""
    program, path, home = (Path(argument).resolve() for argument in sys.argv[-3:])
    request = json.loads(sys.stdin.buffer.read())
    confine.limit_resources(**request["limits"])
    confine.end_with_parent(request["parent"])
    confine.isolate(
        readable=[path, program.parent.parent, *map(Path, _NEEDED)],
        writable=home,
        sockets=_SOCKETS,
        may_start_processes=True,
    )
    settings = f"-env:UserInstallation={(home / 'settings').as_uri()}"
    wanted = ("--convert-to", request["target"], "--outdir", str(home))
    arguments = (str(program), settings, "--headless", "--norestore", "--nolockcheck", *wanted, str(path))
    environment = {"HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    os.execve(program, arguments, environment)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main()
