"""Books in EPUB format: their pages in order, divided where their list of chapters says."""

import time

import pytest

from tests.content.documents import DATA, PNG, pack, read
from tms.content import archive
from tms.content.errors import (
    CorruptDocumentError,
    DocumentTooComplexError,
    DocumentTooLargeError,
    EncryptedDocumentError,
    NoContentError,
)
from tms.content.sniff import Kind

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
XHTML = '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "x"><html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'


def page(body, attributes=""):
    return f"{XHTML}<head><title/></head><body {attributes}>{body}</body></html>"


def book(path, pages, nav=None, ncx=None, **more):
    """A book of pages by file name in their order; `nav` is the inner list of the navigation document."""
    names = list(pages)
    items = "".join(
        f'<item id="i{number}" href="{name}" media-type="application/xhtml+xml"/>'
        for number, name in enumerate(names)
    )
    spine = "".join(f'<itemref idref="i{number}"/>' for number in range(len(names)))
    members = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER}
    if nav is not None:
        items += '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        members["OPS/nav.xhtml"] = page(
            f'<nav epub:type="landmarks"><ol/></nav><nav epub:type="toc">{nav}</nav>'
        )
    if ncx is not None:
        items += '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
        members["OPS/toc.ncx"] = (
            '<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "x"><ncx xmlns="http://www.daisy.org/z3986/2005/ncx/">'
            f"<navMap>{ncx}</navMap></ncx>"
        )
    members["OPS/book.opf"] = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>The book</dc:title></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    members |= {f"OPS/{name}": content for name, content in pages.items()}
    return pack(path, members | more)


def chapters(tmp_path, *arguments, **more):
    return read(book(tmp_path / "a.epub", *arguments, **more), tmp_path, kind=Kind.EPUB)


def titles(document):
    return [lesson.title for lesson in document.lessons]


def link(name, title, inner=""):
    return f'<li><a href="{name}">{title}</a>{inner}</li>'


def test_the_real_book(tmp_path):
    document = read(DATA / "errors-and-debugging.epub", tmp_path, kind=Kind.EPUB)
    assert document.title == "Errors and Debugging"
    assert titles(document) == ["Errors and Exceptions", "Defensive Programming", "Debugging"]
    assert [lesson.html.count("<h2>") for lesson in document.lessons] == [15, 6, 10]
    assert [lesson.pictures for lesson in document.lessons] == [[], [1], []]


def test_pages_in_the_order_of_the_book_not_of_their_names(tmp_path):
    document = chapters(
        tmp_path, {"z.xhtml": page("<h1>One</h1><p>a</p>"), "a.xhtml": page("<h1>Two</h1><p>b&nbsp;c</p>")}
    )
    assert document.title == "The book"
    assert titles(document) == ["One", "Two"]
    assert document.lessons[1].html == "<p>b&nbsp;c</p>"


def test_the_list_of_chapters_rules_and_its_titles_are_put_in_where_missing(tmp_path):
    pages = {
        "front.xhtml": page("<p>To my cat</p>"),
        "1.xhtml": page("<p>No heading</p><h1>Loud but no chapter</h1><p>x</p>"),
        "2.xhtml": page("<div id='top'><h3>Two</h3></div><p>y</p><h4>Below</h4><p id='three'>z</p>"),
    }
    nav = (
        "<ol>"
        + link("1.xhtml", "One")
        + link("2.xhtml#top", "Zwei")
        + link("2.xhtml#three", "Three")
        + "</ol>"
    )
    document = chapters(tmp_path, pages, nav)
    assert titles(document) == ["Introduction", "One", "Two", "Three"]
    assert [lesson.html for lesson in document.lessons] == [
        "<p>To my cat</p>",
        "<p>No heading</p><h2>Loud but no chapter</h2><p>x</p>",
        "<p>y</p><h5>Below</h5>",
        "<p>z</p>",
    ]


def test_a_list_with_one_root_counts_from_below_it(tmp_path):
    pages = {"1.xhtml": page("<h1>One</h1><p>a</p>"), "2.xhtml": page("<h1>Two</h1><p>b</p>")}
    nav = (
        "<ol>"
        + link("1.xhtml", "The book", f"<ol>{link('1.xhtml', 'One')}{link('2.xhtml', 'Two')}</ol>")
        + "</ol>"
    )
    assert titles(chapters(tmp_path, pages, nav)) == ["One", "Two"]


def test_the_older_list_of_chapters_and_parts_without_a_page(tmp_path):
    pages = {"1.xhtml": page("<p>a</p>"), "2.xhtml": page("<p>b</p>"), "3.xhtml": page("<p>c</p>")}

    def point(title, target, inner=""):
        return (
            f'<navPoint><navLabel><text>{title}</text></navLabel><content src="{target}"/>{inner}</navPoint>'
        )

    ncx = point("One", "1.xhtml") + point("Two", "2.xhtml", point("Deep", "3.xhtml"))
    assert titles(chapters(tmp_path, pages, ncx=ncx)) == ["One", "Two"]
    nav = "<ol><li><span>Part I</span><ol>" + link("1.xhtml", "x") + link("2.xhtml", "y") + "</ol></li>"
    nav += link("3.xhtml", "Part II") + "</ol>"
    assert titles(chapters(tmp_path, pages, nav)) == ["Part I", "Part II"]


def test_covers_and_printed_contents_are_not_read(tmp_path):
    pages = {
        "cover.xhtml": page("<p>Cover</p>", 'epub:type="cover"'),
        "title.xhtml": page('<section epub:type="titlepage"><h1>The book</h1></section>'),
        "1.xhtml": page("<h1>One</h1><p>a</p>"),
    }
    assert titles(chapters(tmp_path, pages)) == ["One"]


def test_notes_pictures_and_links_between_pages(tmp_path):
    pages = {
        "text/1.xhtml": page(
            '<h1>One</h1><p>Text<a epub:type="noteref" href="#n">*</a> <a href="2.xhtml#there">on</a> <a href="#here">near</a></p>'
            '<p id="here"><img src="../dot.png" alt="Dot"/></p><aside epub:type="footnote" id="n"><p>The note</p></aside>'
        ),
        "text/2.xhtml": page('<h1>Two</h1><p id="there">b</p><p id="here">c</p>'),
    }
    document = chapters(tmp_path, pages, **{"OPS/dot.png": PNG})
    first = document.lessons[0].html
    assert '<sup><a href="#doc-1-n" rel="noopener noreferrer">[1]</a></sup> on <a href="#doc-1-here"' in first
    assert '<img src="media:1" alt="Dot">' in first
    assert first.endswith('<hr><ol><li id="doc-1-n"><p>The note</p></li></ol>')
    assert document.lessons[1].html == "<p>b</p><p>c</p>"


def test_pages_that_are_not_well_formed_are_read_as_html(tmp_path):
    document = chapters(tmp_path, {"1.xhtml": page("<h1>One</h1><p>a<br>b & c")})
    assert document.lessons[0].html == "<p>a<br>b &amp; c</p>"


def test_anchors_without_content_do_not_swallow_what_follows(tmp_path):
    document = chapters(
        tmp_path, {"1.xhtml": page('<h1><a id="x"/>One</h1><p>a<span/>b</p><script src="y"/><p>c</p>')}
    )
    assert document.lessons[0].html == "<p>a<span></span>b</p><p>c</p>"


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({"META-INF/container.xml": "<container/>"}, CorruptDocumentError),
        ({"META-INF/container.xml": "no markup"}, CorruptDocumentError),
        ({"OPS/book.opf": "<!DOCTYPE x [<!ENTITY a 'b'>]><package>&a;</package>"}, CorruptDocumentError),
        ({"META-INF/rights.xml": "<x/>"}, EncryptedDocumentError),
        (
            {
                "META-INF/encryption.xml": "<e><EncryptionMethod Algorithm='http://www.w3.org/2001/04/xmlenc#aes128-cbc'/></e>"
            },
            EncryptedDocumentError,
        ),
        ({"OPS/1.xhtml": page("")}, NoContentError),
        ({"OPS/x.bin": b"\x00" * 6_000_000}, DocumentTooLargeError),
    ],
)
def test_books_that_cannot_be_read(tmp_path, more, outcome):
    with pytest.raises(outcome):
        chapters(tmp_path, {"1.xhtml": page("<p>a</p>")}, **more)


def test_hidden_fonts_are_no_protection(tmp_path):
    listed = "<e><EncryptionMethod Algorithm='http://www.idpf.org/2008/embedding'/></e>"
    document = chapters(
        tmp_path, {"1.xhtml": page("<h1>One</h1><p>a</p>")}, **{"META-INF/encryption.xml": listed}
    )
    assert titles(document) == ["One"]


def test_thousands_of_chapters_at_places_in_one_page_take_no_time(tmp_path):
    body = "".join(f'<p id="p{number}">x</p>' for number in range(20_000))
    listed = "".join(link(f"a.xhtml#none{number}", "none") for number in range(5000))
    listed += link("a.xhtml#p10000", "Half")
    began = time.process_time()
    with pytest.raises(DocumentTooComplexError):
        chapters(tmp_path, {"a.xhtml": page(body)}, nav=f"<ol>{listed}</ol>")
    # Looking for each place from the beginning took half a minute.
    assert time.process_time() - began < 10


def test_thousands_of_references_to_one_large_picture_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "READ_LIMIT", 50 * len(PNG))
    body = "<h1>One</h1>" + '<p><img alt="a" src="a.png"/></p>' * 100
    with pytest.raises(DocumentTooComplexError):
        chapters(tmp_path, {"a.xhtml": page(body)}, **{"OPS/a.png": PNG})
