"""How large a file may be, by what its first bytes say that it is. Nobody keeps bytes for us beyond that."""

from tms.content.sniff import Kind, sniff_media

_MEBIBYTE = 1024 * 1024
DOCUMENT_BYTES = 200 * _MEBIBYTE
"""Documents, pictures and archives: they are read as a whole."""
RECORDING_BYTES = 2000 * _MEBIBYTE
"""Videos and sounds, of which only the head is read."""
FORM_BYTES = RECORDING_BYTES + _MEBIBYTE
"""A form with a file in it. What is no recording is refused as soon as it is larger than `DOCUMENT_BYTES`."""
HEAD_BYTES = 64
"""What it takes to tell them apart."""


def most(head: bytes) -> int:
    """The limit in bytes for a file that begins like this."""
    return RECORDING_BYTES if sniff_media(head) in {Kind.VIDEO, Kind.AUDIO} else DOCUMENT_BYTES
