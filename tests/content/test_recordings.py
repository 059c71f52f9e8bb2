"""Pictures, videos and sounds: each a lesson that shows or plays it; and archives of documents."""

import struct

import pytest

from tests.content.documents import PNG
from tests.content.reading import read_file
from tests.corpus import material
from tests.corpus.material import mp4_file, png, track, webm_file, zipped
from tms.content import archive
from tms.content.errors import CorruptDocumentError, UnsupportedTypeError
from tms.content.lessons.document import Original
from tms.content.media import mp3, mp4, webm
from tms.content.media.probe import Recording
from tms.content.metadata import without_metadata

PLAYED = '<p><{} src="media:0" controls="" preload="metadata"></{}></p>'


@pytest.fixture
def probe(tmp_path):
    def look(module, content):
        path = tmp_path / "recording"
        path.write_bytes(content)
        return module.probe(path)

    return look


def test_what_the_head_of_a_recording_tells(probe):
    assert probe(mp4, mp4_file()) == Recording("video/mp4", 5.0, 640, 360)
    assert probe(mp4, mp4_file(tracks=[track(b"soun", 0, 0)])).content_type == "audio/mp4"
    assert probe(webm, webm_file()) == Recording("video/webm", 5.0, 640, 360)
    assert probe(mp3, material.mp3_file(100)) == Recording("audio/mpeg", pytest.approx(2.61, abs=0.01))
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x00" + b"\x00" * 128
    assert probe(mp3, material.mp3_file(100, tag)).seconds == pytest.approx(2.61, abs=0.01)
    counted = bytearray(material.mp3_file(10))
    counted[36:48] = b"Xing" + struct.pack(">II", 1, 10_000)
    assert probe(mp3, bytes(counted)).seconds == pytest.approx(261.2, abs=0.1)


@pytest.mark.parametrize("cut", [10, 60, 200, 500, 724])
def test_a_video_cut_short_is_found_out(probe, cut):
    assert len(mp4_file()) == 725
    with pytest.raises(CorruptDocumentError):
        probe(mp4, mp4_file()[:cut])


@pytest.mark.parametrize(
    ("name", "content", "element", "kind", "minutes"),
    [
        ("a film.mp4", mp4_file(duration=600_000), "video", "video/mp4", 10),
        ("a film.webm", webm_file(duration=90_000.0), "video", "video/webm", 2),
        ("a film.mp3", material.mp3_file(), "audio", "audio/mpeg", 1),
        ("a film.m4a", mp4_file(brand=b"M4A ", tracks=[track(b"soun", 0, 0)]), "audio", "audio/mp4", 1),
    ],
)
def test_a_recording_is_a_lesson_that_plays_the_file_itself(tmp_path, name, content, element, kind, minutes):
    document = read_file(tmp_path, name, content)
    lesson = document.lessons[0]
    assert (lesson.title, lesson.minutes) == ("a film", minutes)
    assert lesson.html == PLAYED.format(element, element)
    size = (640, 360) if element == "video" else (0, 0)
    assert document.original == Original(kind, *size)
    assert document.pictures == []
    assert "add a transcript" in document.warnings[0]


def test_a_picture_is_a_lesson_that_shows_it(tmp_path):
    document = read_file(tmp_path, "the_plan.png", png(3, 4))
    assert document.lessons[0].title == "the plan"
    assert document.lessons[0].html == '<p><img src="media:1" alt=""></p>'
    assert (document.pictures[0].width, document.pictures[0].height) == (3, 4)


def jpeg(orientation):
    tiff = (
        b"MM\x00*"
        + struct.pack(">IH", 8, 1)
        + struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
        + b"GPS-secret"
    )
    exif = b"Exif\x00\x00" + tiff
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    comment = b"\xff\xfe\x00\x08secret"
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 4, 4, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + segment + comment + frame + b"\xff\xda\x00\x02" + b"\x12\x34\xff\xd9"


def test_what_pictures_tell_of_people_is_taken_out_and_their_way_up_stays():
    plain = without_metadata(jpeg(1), "image/jpeg")
    assert b"secret" not in plain
    assert plain.endswith(b"\xff\xda\x00\x02\x12\x34\xff\xd9")
    turned = without_metadata(jpeg(6), "image/jpeg")
    assert b"secret" not in turned
    assert struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0) in turned
    assert without_metadata(turned, "image/jpeg") == turned
    noted = png(extra=material.chunk(b"tEXt", b"Author\x00secret") + material.chunk(b"eXIf", b"secret"))
    assert without_metadata(noted, "image/png") == png()
    chunks = (
        b"VP8X" + struct.pack("<I", 10) + b"\x0c" + b"\x00" * 9 + b"EXIF" + struct.pack("<I", 6) + b"secret"
    )
    webp = b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks
    assert without_metadata(webp, "image/webp") == (
        b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\x00" * 10
    )


def test_an_archive_is_the_lessons_of_its_documents_as_people_count_them(tmp_path):
    content = zipped(
        {
            "10 last.md": "# Last\n\ntext\n",
            "2 first.md": "# First\n\n![a dot](pictures/dot.png)\n\n# Second\n\ntext\n",
            "pictures/dot.png": png(5, 5),
            "3 plan.png": png(6, 6),
            "4 film.mp4": mp4_file(),
            "__MACOSX/._2 first.md": b"\x00",
            ".hidden.md": "# Hidden\n",
            "5 inner.zip": zipped({"a.md": "# Inner\n"}),
        }
    )
    document = read_file(tmp_path, "course.zip", content)
    assert [lesson.title for lesson in document.lessons] == ["First", "Second", "3 plan", "4 film", "Last"]
    assert '<img src="media:1" alt="a dot">' in document.lessons[0].html
    assert '<video src="media:2"' in document.lessons[3].html
    assert [one.content_type for one in document.pictures] == ["image/png", "video/mp4", "image/png"]
    assert (tmp_path / "picture-2.mp4").read_bytes() == mp4_file()
    assert [warning for warning in document.warnings if "left out" in warning] == [
        "“5 inner.zip” was left out: An archive within an archive is not opened; upload it by itself."
    ]
    assert not (tmp_path / "member").exists()


def test_an_archive_with_nothing_to_read_says_why(tmp_path):
    with pytest.raises(UnsupportedTypeError, match=r"“a.exe”"):
        read_file(tmp_path, "course.zip", zipped({"a.exe": b"MZ" + b"\x00" * 99}))


def test_a_page_of_an_archive_that_shows_one_large_picture_without_end_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "READ_LIMIT", 50 * len(PNG))
    endless = "<h1>Heat</h1>" + '<p><img alt="a" src="a.png"></p>' * 100
    pages = {"a.html": endless, "a.png": PNG, "b.html": "<h1>Ice</h1><p>Water freezes.</p>"}
    document = read_file(tmp_path, "all.zip", zipped(pages))
    assert [lesson.title for lesson in document.lessons] == ["Ice"]
    assert any("a.html" in warning and "left out" in warning for warning in document.warnings)
