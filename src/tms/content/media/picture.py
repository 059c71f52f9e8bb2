"""A picture becomes a lesson that shows it."""

from lxml import etree

from tms.content.errors import CorruptDocumentError, DocumentTooComplexError
from tms.content.lessons import division, titles
from tms.content.lessons.document import Document, Manuscript, Source
from tms.content.pictures import TooManyPixelsError, UnusablePictureError


def read(source: Source) -> Document:
    """The lesson that shows the picture; raises a `DocumentError`."""
    try:
        number = source.pictures.keep(source.path.read_bytes())
    except TooManyPixelsError as error:
        raise DocumentTooComplexError(f"The file is {error}; make it smaller and upload it again.") from error
    except UnusablePictureError as error:
        raise CorruptDocumentError(f"The file is {error}; save it anew as PNG or JPEG.") from error
    root = etree.Element("div")
    etree.SubElement(root, "h1").text = titles.name_of(source.filename)
    etree.SubElement(etree.SubElement(root, "p"), "img", src=f"media:{number}", alt="")
    return division.compose(Manuscript(root), source)
