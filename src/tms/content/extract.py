"""The child process that reads one document: `python -m tms.content.extract INPUT FOLDER`, its request on standard input.

It writes `result.json` and pictures into FOLDER, and one line of JSON for each step of progress to standard output.
Nothing here is trusted by the parent (`tms.content.sandbox`), which also ends it when it takes too long.
"""

import errno
import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import tms
from tms.content import confine, formats
from tms.content.errors import DocumentError, DocumentTooComplexError, DocumentTooLargeError
from tms.content.lessons.document import Report, Source
from tms.content.pictures import PictureFolder
from tms.content.protocol import EXIT_FAILED, EXIT_OUT_OF_MEMORY, RESULT

Read: TypeAlias = Callable[[Path, Path, str, Report], dict[str, Any]]


def read_document(path: Path, folder: Path, filename: str, report: Report) -> dict[str, Any]:
    """Tell the kind and read the file, or say what it has to be made first; raises a `DocumentError`."""
    report(0.1, "Looking the file over")
    kind = formats.admit(path, filename)
    target = formats.FORMATS[kind].becomes
    if target is not None:
        return {"outcome": "convert", "kind": kind, "target": target}
    source = Source(path, filename, kind, PictureFolder(folder), report)
    return {"kind": kind, **asdict(formats.reader(kind).read(source))}


def main(read: Read = read_document) -> int:
    """Read the document named on the command line within the limits of the request; gives the exit code."""
    path, folder = Path(sys.argv[-2]).resolve(), Path(sys.argv[-1]).resolve()
    request = json.loads(sys.stdin.buffer.read())
    confine.limit_resources(**request["limits"])
    confine.end_with_parent(request["parent"])
    confinement = confine.isolate(
        readable=[path, *_own_folders()],
        writable=folder,
        may_start_processes=request["limits"]["may_start_processes"],
    )
    try:
        result = _outcome(read, path, folder, request["filename"])
        result |= asdict(confinement)
        (folder / RESULT).write_bytes(json.dumps(result).encode())
    except MemoryError:
        # Whatever would need memory now could fail again.
        os._exit(EXIT_OUT_OF_MEMORY)
    except Exception:  # noqa: BLE001  a fault in reading must not look like a success; the parent logs the trace
        traceback.print_exc(limit=-20)
        return EXIT_FAILED
    return 0


def _outcome(read: Read, path: Path, folder: Path, filename: str) -> dict[str, Any]:
    try:
        return {"outcome": "read", **read(path, folder, filename, _report)}
    except RecursionError:
        return _refused(DocumentTooComplexError())
    except DocumentError as refusal:
        return _refused(refusal)
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        return _refused(DocumentTooLargeError())


def _refused(error: DocumentError) -> dict[str, Any]:
    return {"outcome": "refused", "code": error.code, "detail": error.detail}


def _report(fraction: float, message: str) -> None:
    sys.stdout.write(json.dumps({"fraction": fraction, "message": message}) + "\n")
    sys.stdout.flush()


def _own_folders() -> list[Path]:
    """Where Python, its libraries and this program lie: modules are still loaded while a document is read."""
    system = [Path(name) for name in ("/usr/lib", "/lib", "/usr/lib64", "/lib64", "/usr/local/lib")]
    return [Path(sys.prefix), Path(sys.base_prefix), Path(tms.__file__).parent, *system]


if __name__ == "__main__":
    sys.exit(main())
