"""A sample of the hostile files through the real route: the outcome's status and code, and a course as it was."""

import pytest

from tests.corpus.hostile.case import READ
from tests.corpus.hostile.corpus import CASES
from tms.content.errors import BY_CODE

SAMPLE = (
    "truncated/docx 50",
    "wrong type/png as docx",
    "nothing/empty as pdf",
    "pdf/locked AES-256",
    "archive/docx overlap",
    "archive/pptx encrypted part",
    "markup/pptx laughs",
    "tables/xlsx far cell",
    "bundles/programs alone",
    "media/drawing with entities",
    "names/7",
    "names/13",
)


@pytest.mark.parametrize("name", SAMPLE)
async def test_a_hostile_upload(admin, course, upload, sections, temporary, healthy, name):
    case = next(case for case in CASES if case.id == name)
    status = 200 if case.expected == READ else BY_CODE[case.expected].status
    # A client library would not send every name as it is.
    filename = case.filename.replace("\r", "").replace("\n", "").replace("\x00", "")
    answer = await upload(admin, course, case.make(), name=filename, status=status)
    if case.expected == READ:
        assert answer["extractedSections"] == 1
    else:
        assert answer["code"] == case.expected
        assert await sections(course) == []
    await healthy()


async def test_a_video_plays_from_the_file_that_was_uploaded(
    admin, client, course, upload, sections, healthy
):
    case = next(case for case in CASES if case.id == "media/billion seconds")
    film = case.make()
    await upload(admin, course, film, name="a film.mp4")
    html = (await sections(course))[0]["content"]
    assert html.startswith('<p><video src="/api/v1/media/')
    address = html.partition('src="')[2].partition('"')[0].replace("&amp;", "&")
    answer = await client.get(address, headers={"Range": "bytes=0-99"})
    assert (answer.status_code, answer.headers["content-type"]) == (206, "video/mp4")
    assert answer.content == film[:100]
    await healthy()
