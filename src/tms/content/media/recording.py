"""A video or a sound recording becomes a lesson that plays it. The file is kept as it is."""

from lxml import etree

from tms.content.errors import TypeMismatchError
from tms.content.lessons import division, titles
from tms.content.lessons.document import Document, Manuscript, Original, Source
from tms.content.media import mp3, mp4, webm
from tms.content.media.probe import Recording
from tms.content.pictures import PIXELS_LIMIT, SIDE_LIMIT
from tms.content.sniff import Kind

_NOT_EVERYWHERE = frozenset({"hvc1", "hev1", "dvh1", "dvhe", "mp4v"})
_DESCRIBE = (
    "People who cannot hear need the words: add a transcript below the recording.",
    "People who cannot see or hear need the words: add a transcript below the video.",
)


def read(source: Source) -> Document:
    """The lesson that plays the file; raises a `DocumentError`."""
    source.report(0.3, "Looking the recording over")
    recording = _probe(source)
    if (
        recording.width * recording.height > PIXELS_LIMIT
        or max(recording.width, recording.height) > SIDE_LIMIT
    ):
        raise TypeMismatchError("The video's head tells an impossible size; convert it to MP4 anew.")
    root = etree.Element("div")
    etree.SubElement(root, "h1").text = titles.name_of(source.filename)
    number = 0
    if source.within is not None:
        number = source.pictures.keep_file(
            source.path, recording.content_type, recording.width, recording.height
        )
    played = etree.SubElement(etree.SubElement(root, "p"), "video" if recording.is_video else "audio")
    played.set("src", f"media:{number}")
    played.set("controls", "")
    played.set("preload", "metadata")
    told = [_DESCRIBE[recording.is_video]]
    if _NOT_EVERYWHERE & set(recording.codecs):
        told.append(
            "Not every browser shows videos of this kind (H.265); convert it to H.264 for all of them."
        )
    document = division.compose(Manuscript(root, warnings=told), source)
    document.lessons[0].minutes = max(1, round(recording.seconds / 60))
    if source.within is None:
        document.original = Original(recording.content_type, recording.width, recording.height)
    return document


def _probe(source: Source) -> Recording:
    if source.kind is Kind.AUDIO:
        with source.path.open("rb") as file:
            is_mp4 = file.read(8)[4:] == b"ftyp"
        return mp4.probe(source.path) if is_mp4 else mp3.probe(source.path)
    with source.path.open("rb") as file:
        is_webm = file.read(4) == b"\x1a\x45\xdf\xa3"
    return webm.probe(source.path) if is_webm else mp4.probe(source.path)
