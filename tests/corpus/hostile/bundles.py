"""ZIP archives of documents: names that lead elsewhere, archives in archives, and what systems leave in them."""

import io
import zipfile

from tests.corpus import material
from tests.corpus.hostile.case import COMPLEX, CORRUPT, ENCRYPTED, LARGE, NOTHING, READ, UNSUPPORTED, Case
from tests.corpus.hostile.containers import edited, overlapping, set_last, special
from tests.corpus.material import zipped

PAGE = f"# Measures\n\n{material.TEXT}\n"


def good():
    return zipped({"1.md": PAGE, "2.html": material.html_file()})


def many(count):
    return lambda: zipped({f"{n}.md": f"# Lesson {n}\n\ntext\n" for n in range(count)})


def nested(depth):
    def make():
        content = material.markdown_file()
        for level in range(depth):
            content = zipped({f"{level}.zip": content})
        return content

    return make


def weak_encryption():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("1.md", PAGE)
    return buffer.getvalue()


def contents():
    yield (
        "rubbish of systems",
        lambda: zipped(
            {"__MACOSX/._1.md": b"\x00\x05", ".DS_Store": b"\x00", "Thumbs.db": b"\x00", "1.md": PAGE}
        ),
        READ,
    )
    yield "outside", special(good, "../evil.md"), CORRUPT
    yield "absolute", special(good, "/etc/evil.md"), CORRUPT
    yield "link", special(good, "3.md", attributes=0o120777 << 16, content=b"/etc/passwd"), CORRUPT
    yield "encrypted", edited(weak_encryption, set_last(8, "<H", 1)), ENCRYPTED
    yield "overlap", overlapping(good), CORRUPT
    yield "bomb", lambda: zipped({"1.md": PAGE, "2.txt": b" " * 80_000_000}), LARGE
    yield "archive in archive", lambda: zipped({"1.md": PAGE, "2.zip": good()}), READ
    yield "archives alone", nested(6), UNSUPPORTED
    yield "thousands of lessons", many(1500), COMPLEX
    yield "nothing", lambda: zipped({}), NOTHING
    yield "folders alone", lambda: zipped({"a/": b"", "b/c/": b""}), NOTHING
    yield "programs alone", lambda: zipped({"a.exe": b"MZ" * 99, "b.sh": b"#!/bin/sh\n"}), UNSUPPORTED
    yield (
        "one broken document among good ones",
        lambda: zipped({"1.md": PAGE, "2.pdf": material.pdf_file()[:90]}),
        READ,
    )
    yield (
        "picture outside",
        lambda: zipped(
            {
                "a/1.md": PAGE
                + "![x](../../../../etc/passwd) ![y](/etc/passwd) ![z](http://127.0.0.1:9/z.png)\n"
            }
        ),
        READ,
    )
    yield (
        "page with a script",
        lambda: zipped({"1.html": material.html_file("<h1>M</h1><p>a</p><script>evil-program()</script>")}),
        READ,
    )
    yield "names of ten thousand letters", lambda: zipped({"a" * 10_000 + ".md": PAGE}), READ
    yield "names in no encoding", lambda: good().replace(b"1.md", b"\xff.md"), READ


def bundles():
    for name, make, expected in contents():
        yield Case("bundles", name, "lessons.zip", make, expected, ("evil-program", "root:x:0"))
