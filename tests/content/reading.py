"""Reads a file in the present process, cleaned as a section of it would be."""

import re

from tms.content import formats
from tms.content.lessons.document import Source
from tms.content.pictures import PictureFolder
from tms.courses import html as lesson_html

_PAGE = re.compile(f' {lesson_html.PAGE}="[0-9]+"')


def cleaned(html):
    """As a section has it."""
    return _PAGE.sub("", lesson_html.sanitise_extracted(html))


def read_file(tmp_path, filename, content):
    """The document; pictures lie in `tmp_path`. Raises a `DocumentError`."""
    path = tmp_path / "uploaded"
    path.write_bytes(content)
    kind = formats.admit(path, filename)
    source = Source(path, filename, kind, PictureFolder(tmp_path), lambda *_: None)
    document = formats.reader(kind).read(source)
    for lesson in document.lessons:
        lesson.html = cleaned(lesson.html)
    return document
