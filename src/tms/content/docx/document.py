"""A Word document becomes lessons: one for each first-level heading, or for the highest level that there is."""

import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tms.content.docx import lessons as lessons_
from tms.content.docx import markup
from tms.content.docx.conversion import UNUSABLE, convert
from tms.content.docx.lessons import Lesson
from tms.content.docx.package import WordPackage
from tms.content.errors import CorruptDocumentError, DocumentTooComplexError, NoContentError
from tms.content.pictures import PictureFolder, StoredPicture

LESSONS_LIMIT = 1000
UNTITLED = "Untitled document"


@dataclass(slots=True)
class Document:
    """What a Word document holds. Lesson bodies name pictures as `media:N`: N counts `pictures` from 1."""

    title: str | None
    lessons: list[Lesson]
    pictures: list[StoredPicture]
    warnings: list[str]


def read(path: Path, folder: Path, *, filename: str, report: Callable[[float, str], None]) -> Document:
    """Read the document at `path`, writing its pictures to `folder`; `report` takes a fraction and a message.

    Raises a `DocumentError`; expects that the archive was inspected before.
    """
    pictures = PictureFolder(folder)
    try:
        with WordPackage(path) as package:
            report(0.2, "Reading text and pictures")
            root, work = convert(package, pictures)
            comments = _has_comments(package)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise CorruptDocumentError from error
    report(0.7, "Dividing into lessons")
    left_out = work.left_out + markup.tidy(root)
    division = lessons_.divide(root, name_of(filename))
    if len(division.lessons) > LESSONS_LIMIT:
        raise DocumentTooComplexError(
            f"The document has {len(division.lessons):,} first-level headings, more than {LESSONS_LIMIT:,}; "
            "divide it into several documents."
        )
    if not any(lesson.html.strip() for lesson in division.lessons):
        raise NoContentError
    report(0.9, f"Found {len(division.lessons)} lessons")
    left_out["comment"] += comments
    return Document(division.title, division.lessons, pictures.stored, _warnings(division, left_out))


def name_of(filename: str) -> str:
    """A title made of a file's name: without folder, extension and underscores."""
    stem = PurePosixPath(filename.replace("\\", "/")).name.rpartition(".")[0] or filename
    return lessons_.shorten(lessons_.plain_line(stem.replace("_", " "))) or UNTITLED


def _has_comments(package: WordPackage) -> int:
    name = package.related("comments", "word/comments.xml")
    root = None if name is None else package.tree(name)
    return 0 if root is None else sum(1 for _ in root.iterchildren("{*}comment"))


_LEFT_OUT = {
    "hidden": "{n} hidden passage(s) were left out; show them in Word (Font, Hidden) if students should read them.",
    "comment": "{n} comment(s) of reviewers were left out.",
    "chart": "{n} chart(s) or diagram(s) cannot be converted; paste them as pictures.",
    "picture": "{n} picture(s) are only linked or missing; insert them into the document.",
    "part": "{n} inserted document(s) were left out; copy their text into the document.",
    "element": "{n} element(s) of an unknown kind were left out.",
    "link": "{n} link(s) lead neither to a web page nor to an e-mail address; their text was kept.",
}


def _warnings(division: lessons_.Division, left_out: Counter[str]) -> list[str]:
    left_out["link"] += division.lost_links
    found = [text.format(n=left_out[kind]) for kind, text in _LEFT_OUT.items() if left_out[kind]]
    for source, count in left_out.items():
        if source.startswith(UNUSABLE):
            found.append(f"{count} times: {source.removeprefix(UNUSABLE)}; insert it as PNG or JPEG.")
    if division.byline:
        found.append(f"Left out before the first heading: {lessons_.shorten(division.byline)}")
    titles = Counter(lesson.title for lesson in division.lessons)
    found += [f"{count} lessons are called “{title}”." for title, count in titles.items() if count > 1]
    found += [
        f"The lesson “{lesson.title}” is empty." for lesson in division.lessons if not lesson.html.strip()
    ]
    bare = sum(lesson.html.count('alt=""') for lesson in division.lessons)
    if bare:
        found.append(f"{bare} picture(s) have no alternative text for people who cannot see them.")
    return found
