"""Has LibreOffice save a document in a format that TMS reads, within limits as a reader of documents has them."""

import asyncio
import logging
import shutil
import sys
from pathlib import Path

from tms.content import child, office
from tms.content.child import Limits, Progress
from tms.content.errors import CorruptDocumentError, DocumentTooComplexError, UnsupportedTypeError
from tms.content.sniff import Kind

log = logging.getLogger(__name__)

LIMITS = Limits(memory_bytes=1024 * 1024 * 1024, seconds=300, open_files=256, may_start_processes=True)
# LibreOffice asks to be started anew once it has made the folder of its settings.
_START_ANEW = 81
_STARTS = 3


async def convert(path: Path, target: Kind, *, folder: Path, progress: Progress | None = None) -> Path:
    """The document in the format `target`, a file below `folder`; raises a `DocumentError`.

    The program gets a new home below `folder` each time, so that no document finds anything of another one.
    """
    program = office.find()
    if program is None:
        raise UnsupportedTypeError
    home = folder / "office"
    await asyncio.to_thread(home.mkdir)
    if progress is not None:
        await progress(0.05, "Opening the document with LibreOffice")
    command = (
        sys.executable,
        "-I",
        "-X",
        "utf8",
        "-m",
        "tms.content.convert",
        str(program),
        str(path),
        str(home),
    )
    request = {"target": target.value}
    for _ in range(_STARTS):
        code, trace = await child.run(command, folder=home, request=request, limits=LIMITS)
        if code != _START_ANEW:
            break
    made = home / f"{path.stem}.{target.value}"
    if code < 0:
        log.warning("LibreOffice was stopped", extra={"exit_code": code})
        raise DocumentTooComplexError
    if code != 0 or not made.is_file() or made.is_symlink():
        log.warning("LibreOffice made nothing of a document", extra={"exit_code": code, "trace": trace})
        raise CorruptDocumentError(
            "LibreOffice could not open the document; if it is protected by a password, remove it, else save it anew."
        )
    kept = folder / f"converted.{target.value}"
    await asyncio.to_thread(made.replace, kept)
    await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
    return kept
