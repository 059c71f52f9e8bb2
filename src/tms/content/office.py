"""Where LibreOffice is, which opens what TMS does not read itself: OpenDocument, and the formats of Office 97-2003."""

import shutil
from functools import cache
from pathlib import Path

_COMMANDS = ("soffice", "libreoffice", "/Applications/LibreOffice.app/Contents/MacOS/soffice")


@cache
def find() -> Path | None:
    """The program itself, not the script that starts it: so it is one process, and ends as one. None if it is not here."""
    for command in _COMMANDS:
        found = shutil.which(command)
        if found is not None:
            script = Path(found).resolve()
            program = script.with_name("soffice.bin")
            return program if program.is_file() else script
    return None
