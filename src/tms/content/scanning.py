"""Nothing is kept or read that the virus scanner has not seen, where there is one."""

import logging

from tms.content.errors import DocumentTooLargeError, InfectedError
from tms.content.receiving import ReceivedFile
from tms.platform import scanner

log = logging.getLogger(__name__)


async def check(received: ReceivedFile) -> None:
    """Raises `InfectedError`, `DocumentTooLargeError`, or `scanner.ScannerUnavailableError`."""
    try:
        found = await scanner.scan(received.path)
    except scanner.TooLargeForScannerError as error:
        raise DocumentTooLargeError(
            "The file is larger than the virus scanner looks at. Send a smaller one, or ask the administrator to raise "
            "the scanner's StreamMaxLength."
        ) from error
    if found is not None:
        log.warning("the virus scanner found something", extra={"found": found, "sha256": received.sha256})
        raise InfectedError(
            f"The virus scanner found {found[:100]} in the file; nothing of it was kept. Have the device examined that it came from."
        )
