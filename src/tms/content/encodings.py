"""Text of unknown encoding: by its byte order mark, as UTF-8, as UTF-16 without a mark, or else as Windows-1252."""

import codecs

BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SAMPLE = 4096


def decode(content: bytes) -> str:
    """The text without byte order mark; no bytes are refused, so that none can stop a document."""
    if content.startswith(codecs.BOM_UTF8):
        return content[3:].decode("utf-8", "replace")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    sample = content[:_SAMPLE]
    pairs = len(sample) // 2
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        # Latin text in UTF-16 has a zero in every second byte.
        if pairs and sample[offset::2].count(0) > 0.7 * pairs:
            return content.decode(name, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
