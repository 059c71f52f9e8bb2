"""Web pages, Markdown and plain text: what people read of them comes along, the rest of the page does not."""

import base64
import re
import time

import pytest

from tests.content.documents import DATA, PNG, build, read
from tests.content.reading import read_file
from tms.content import encodings
from tms.content.errors import DocumentTooComplexError, NoContentError
from tms.content.lessons.document import LOOKED, NUMBERED, Source
from tms.content.markdown import read as read_markdown
from tms.content.pictures import PictureFolder
from tms.content.sniff import Kind


def page(tmp_path, body, head=""):
    path = tmp_path / "a page.html"
    path.write_text(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>", encoding="utf-8")
    return read(path, tmp_path, kind=Kind.HTML)


def markdown(tmp_path, text):
    path = tmp_path / "notes.md"
    path.write_text(text, encoding="utf-8")
    return read(path, tmp_path, kind=Kind.MARKDOWN)


def plain(tmp_path, text):
    path = tmp_path / "notes.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, tmp_path, kind=Kind.TEXT)


def titles(document):
    return [lesson.title for lesson in document.lessons]


def html(document):
    assert len(document.lessons) == 1
    return document.lessons[0].html


def test_the_real_page(tmp_path):
    document = read(DATA / "command-line.html", tmp_path, kind=Kind.HTML)
    assert titles(document) == ["Command-Line Programs"]
    assert document.title == "Command-Line Programs"
    assert html(document).count("<h2>") == 23
    assert html(document).count("<pre><code>") == 62
    assert "<pre><code>$ python ../code/readings_04.py --mean inflammation-01.csv</code></pre>" in html(
        document
    )


def test_the_real_text(tmp_path):
    document = read(DATA / "files.md", tmp_path, kind=Kind.MARKDOWN)
    assert titles(document) == ["Analyzing Data from Multiple Files"]
    assert html(document).count("<h2>") == 4
    assert html(document).count("<pre><code>") == 10


def test_menus_scripts_forms_and_hidden_parts_are_left_out(tmp_path):
    document = page(
        tmp_path,
        "<header>Site</header><nav>Menu</nav><div role=navigation>More</div><h1>One</h1><script>x()</script><style>p{}</style>"
        "<p>Text<!-- no --> <input type=checkbox checked> done</p><p hidden>Secret</p><p style='display: none'>Too</p>"
        "<form><select><option>a</option></select></form><iframe src=x></iframe><aside>Side</aside><footer>Foot</footer>",
    )
    assert html(document) == "<p>Text ☑ done</p>"
    assert document.warnings == [
        "2 hidden passage(s) were left out; show them in the document if students should read them.",
        "1 inserted document(s) were left out; copy their text into the document.",
        "1 field(s) of a form were left out.",
    ]


def test_main_is_the_whole_where_it_holds_most(tmp_path):
    text = "<p>All that matters, and this is much longer than what stands around it.</p>"
    assert html(page(tmp_path, f"<p>Offers</p><main><h1>One</h1>{text}</main><p>More</p>")) == text
    little = page(tmp_path, f"{text}{text}<main><p>Not much</p></main>")
    assert html(little).count("All that matters") == 2


def test_containers_are_opened_and_nothing_before_the_first_heading_is_lost(tmp_path):
    document = page(
        tmp_path,
        "<div>Loose <b>words</b><p>First</p></div><section><div><h2>One</h2>tail<div>deep</div></div></section>",
    )
    assert titles(document) == ["Introduction", "One"]
    assert document.lessons[0].html == "<p>Loose <strong>words</strong></p><p>First</p>"
    assert document.lessons[1].html == "<p>tail</p><p>deep</p>"


def test_code_lists_tables_definitions_ruby_and_details(tmp_path):
    body = (
        "<pre>\n if <span class=k>x</span>:<br>   y\n</pre><ul><li>a<div>b</div><ul><li>c</li></ul></li></ul>"
        "<table><caption>T</caption><tr><th>h</th></tr><tr><td rowspan=x>1</td></tr></table>"
        "<dl><dt>t</dt><dd>d</dd></dl><p><ruby>漢<rt>かん</rt></ruby> <bdi>ab</bdi> <tt>c</tt></p>"
        "<details open><summary>More</summary><p>inside</p></details><p dir=rtl lang=ar>س</p>"
    )
    assert html(page(tmp_path, body)) == (
        "<pre><code> if x:\n   y</code></pre><ul><li><p>a</p><p>b</p><ul><li>c</li></ul></li></ul>"
        '<table><caption>T</caption><tbody><tr><th scope="col">h</th></tr><tr><td>1</td></tr></tbody></table>'
        "<dl><dt>t</dt><dd>d</dd></dl><p><ruby>漢<rt>かん</rt></ruby> <bdi>ab</bdi> <code>c</code></p>"
        '<details open=""><summary>More</summary><p>inside</p></details><p dir="rtl" lang="ar">س</p>'
    )


def test_text_that_looks_like_tags_stays_text(tmp_path):
    document = page(
        tmp_path, "<h1>&lt;b&gt; &amp; co</h1><p>&lt;img src=x onerror=alert(1)&gt; {{ 7*7 }}</p>"
    )
    assert titles(document) == ["<b> & co"]
    assert html(document) == "<p>&lt;img src=x onerror=alert(1)&gt; {{ 7*7 }}</p>"


def test_pictures_that_came_along_and_others(tmp_path):
    inline = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    document = page(
        tmp_path,
        f"<p><img src='{inline}' alt='A dot'></p><p><img src='https://example.org/x.png' alt='Far'></p>"
        "<p><img src='data:text/html,x'></p><svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9' aria-label='Drawn'><path d='M0 0'/></svg>",
    )
    assert html(document) == (
        '<p><img src="media:1" alt="A dot"></p><p>[Picture: Far]</p><p>[Picture]</p><p><img src="media:2" alt="Drawn"></p>'
    )
    assert [picture.content_type for picture in document.pictures] == ["image/png", "image/svg+xml"]
    assert b'viewBox="0 0 9 9"' in (tmp_path / "pictures" / document.pictures[1].file).read_bytes()
    assert any("lies elsewhere" in warning for warning in document.warnings)


def test_links_within_the_page_and_footnotes(tmp_path):
    document = page(
        tmp_path,
        "<h1 id=a>One</h1><p id=here>See <a href='#here'>here</a>, <a href='#far'>far</a><a href='#fn1' class=footnote-ref>1</a></p>"
        "<h1>Two</h1><p id=far>b</p><section class=footnotes><ol><li id=fn1><p>The note <a href='#r' class=footnote-back>↩</a></p></li></ol></section>",
    )
    rel = 'rel="noopener noreferrer"'
    assert document.lessons[0].html == (
        f'<p><a id="doc-here" {rel}></a>See <a href="#doc-here" {rel}>here</a>, far'
        f'<sup><a href="#doc-fn1" {rel}>[1]</a></sup></p><hr><ol><li id="doc-fn1"><p>The note </p></li></ol>'
    )
    assert document.lessons[1].html == "<p>b</p>"


def test_formulas_keep_their_words(tmp_path):
    math = "<math><semantics><mi>x</mi><annotation encoding='application/x-tex'>\\frac{x}{2}</annotation></semantics></math>"
    assert html(page(tmp_path, f"<p>Is {math}.</p>")) == "<p>Is \\frac{x}{2}.</p>"


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [("iso-8859-1", "cp1252"), ("utf-8", "utf-8"), ("koi8-r", "koi8-r"), ("", "utf-8-sig")],
)
def test_pages_in_the_encoding_that_they_declare(tmp_path, charset, encoding):
    text = "Übung “x”" if encoding != "koi8-r" else "Урок"
    path = tmp_path / "a.html"
    path.write_bytes(f"<html><meta charset='{charset}'><p>{text}</p></html>".encode(encoding))
    assert html(read(path, tmp_path, kind=Kind.HTML)) == f"<p>{text}</p>"


def test_signs_and_names_that_no_document_may_hold(tmp_path):
    assert html(
        page(
            tmp_path,
            '<p "x" a:b=c>a\x01b&#1;c&#x1F;d&#99999999;e&#228;</p><ul><li "y" p:q=1><p>z</p></li></ul>',
        )
    ) == ("<p>abcdeä</p><ul><li><p>z</p></li></ul>")
    assert html(markdown(tmp_path, "a\x01b &#1; c")) == "<p>ab � c</p>"
    assert html(plain(tmp_path, "a\x01b\x7f")) == "<p>ab</p>"


def test_elements_within_elements_beyond_measure(tmp_path):
    with pytest.raises(DocumentTooComplexError):
        page(tmp_path, "<div>" * 5000 + "a")


@pytest.mark.parametrize("body", ["", "<p> </p>", "<nav>Menu</nav>", "<h1>Only a title</h1>"])
def test_pages_with_nothing_to_learn_from(tmp_path, body):
    with pytest.raises(NoContentError):
        page(tmp_path, body)


def test_markdown_with_all_that_people_write(tmp_path):
    document = markdown(
        tmp_path,
        "---\ntitle: 'Hand *book*'\n---\nBefore.\n\n## One {#one .x}\n\n::: callout\n- [ ] open\n- [x] done\n:::\n\n"
        "|a|b|\n|-|-:|\n|1|2|\n\nText[^1] ~~gone~~ `<b>` and List<String> <your name>\n\n[^1]: The note.\n\nTerm\n: Meaning\n\n## Two\n\n```python\nif x < 1:\n    y\n```\n",
    )
    assert document.title == "Hand *book*"
    assert titles(document) == ["Hand *book*"]
    written = html(document)
    assert written.startswith("<p>Before.</p><h2>One</h2><ul><li>☐ open</li><li>☑ done</li></ul>")
    assert "<table><thead>" in written
    assert "<s>gone</s> <code>&lt;b&gt;</code> and List&lt;String&gt; &lt;your name&gt;</p>" in written
    assert "<dl><dt>Term</dt><dd>Meaning</dd></dl>" in written
    assert "<pre><code>if x &lt; 1:\n    y</code></pre>" in written
    assert written.endswith('</code></pre><hr><ol><li id="doc-fn1"><p>The note. </p></li></ol>')


@pytest.mark.parametrize("depth", [5, 15, 40, 90])
@pytest.mark.parametrize(
    "nest",
    [
        lambda depth: "".join(f"{'  ' * level}- item {level}\n" for level in range(depth)),
        lambda depth: "".join(f"{'   ' * level}1. item {level}\n" for level in range(depth)),
        lambda depth: "\n".join(
            f"{'> ' * (level + 1)}item {level}\n{'> ' * (level + 1)}" for level in range(depth)
        ),
        lambda depth: "".join(f"{'  ' * level}- > item {level}\n" for level in range(depth)),
    ],
    ids=["lists", "numbers", "quotations", "both"],
)
def test_whatever_lies_deep_in_markdown_is_kept(tmp_path, nest, depth):
    text = html(markdown(tmp_path, f"Before.\n\n{nest(depth)}\n\nAfter it.\n"))
    assert [int(number) for number in re.findall(r"item (\d+)\b", text)] == list(range(depth))
    assert text.endswith("<p>After it.</p>")


def test_a_deep_item_ends_where_it_is_indented_less(tmp_path):
    deep = "".join(f"{'  ' * level}- item {level}\n" for level in range(15))
    text = html(markdown(tmp_path, f"{deep}  - second\n\nAfter it.\n"))
    assert re.search(r"item 9\s*<br>\s*item 10\s*<br>.*item 14</li></ul>", text, re.DOTALL), text
    assert "<li>second</li></ul></li></ul><p>After it.</p>" in text.replace("\n", "")


def test_headings_of_markdown_without_front_matter(tmp_path):
    document = markdown(tmp_path, "Start\n\nOne\n===\n\na\n\n### Deep\n\nTwo\n===\n")
    assert titles(document) == ["Introduction", "One", "Two"]
    assert document.lessons[1].html == "<p>a</p><h3>Deep</h3>"


def test_pictures_beside_a_markdown_text(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("![Dot](pics/a%20b.png) ![No](no.png)")
    source = Source(
        path,
        "a.md",
        Kind.MARKDOWN,
        PictureFolder(tmp_path),
        lambda *_: None,
        beside=lambda name: PNG if name == "pics/a b.png" else None,
    )
    assert read_markdown(source).lessons[0].html == '<p><img src="media:1" alt="Dot"> [Picture: No]</p>'


def test_plain_text_with_underlined_headings(tmp_path):
    document = plain(
        tmp_path,
        "Before.\n\nOne\n===\nA line\nand its end.\n\n- a\n- b\n  more\n\n3. c\n4. d\n\n    code\n      more\n\nPart\n----\n<b>x</b>\n\nTwo\n===\n\nb\n",
    )
    assert titles(document) == ["Introduction", "One", "Two"]
    assert document.lessons[1].html == (
        '<p>A line and its end.</p><ul><li>a</li><li>b more</li></ul><ol start="3"><li>c</li><li>d</li></ol>'
        "<pre><code>code\n  more</code></pre><h2>Part</h2><p>&lt;b&gt;x&lt;/b&gt;</p>"
    )
    assert document.lessons[1].confidence == NUMBERED


def test_plain_text_with_numbered_headings(tmp_path):
    text = "1 Start\n\na\n\n1.1 Detail\n\nb\n\n2 Goal\n\n1. not a heading.\n\n1 Start again\n"
    document = plain(tmp_path, text)
    assert titles(document) == ["1 Start", "2 Goal"]
    assert document.lessons[0].html == "<p>a</p><h2>1.1 Detail</h2><p>b</p>"


def test_plain_text_with_headings_in_capitals(tmp_path):
    document = plain(tmp_path, "FIRST STEPS\n\na\n\nÜBUNGEN\n\nb\n")
    assert titles(document) == ["FIRST STEPS", "ÜBUNGEN"]
    assert document.lessons[0].confidence == LOOKED


def test_plain_text_without_headings_is_one_lesson(tmp_path):
    document = plain(tmp_path, "SHOUT\r\n\r\na\r\n\r\n-----\r\nb\x00")
    assert titles(document) == ["notes"]
    assert html(document) == "<p>SHOUT</p><p>a</p><hr><p>b</p>"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings(encoding):
    assert (
        encodings.decode("Übung – “x”\nand more plain text".encode(encoding))
        == "Übung – “x”\nand more plain text"
    )


def test_every_format_gives_the_same_of_the_same(tmp_path):
    made = [
        markdown(tmp_path, "a\n\n# One\n\nb\n\n## Sub\n\n- c\n"),
        page(tmp_path, "<p>a</p><h1>One</h1><p>b</p><h2>Sub</h2><ul><li>c</li></ul>"),
        read(
            build(
                tmp_path / "x.docx",
                (None, "a"),
                ("Heading 1", "One"),
                (None, "b"),
                ("Heading 2", "Sub"),
                ("List Bullet", "c"),
            ),
            tmp_path,
        ),
    ]
    for document in made:
        assert [(lesson.title, lesson.words, lesson.confidence) for lesson in document.lessons] == [
            ("Introduction", 2, 1.0),
            ("One", 4, 1.0),
        ]
        assert document.lessons[1].html == "<p>b</p><h2>Sub</h2><ul><li>c</li></ul>"


def test_a_page_of_thousands_of_links_to_its_parts_takes_no_time(tmp_path):
    parts = "".join(
        f'<a href="#n{number}">x</a><div id="n{number}">part {number}</div>' for number in range(20_000)
    )
    began = time.process_time()
    html = read_file(tmp_path, "a.html", f"<h1>Heat</h1>{parts}".encode()).lessons[0].html
    # Looking for each place from the beginning took half a minute.
    assert time.process_time() - began < 15
    assert html.count("<a href=") == 20_000
