"""Office documents whose XML swells, loops, or asks for what lies outside (three kinds, each with the same tricks)."""

from tests.corpus import material
from tests.corpus.hostile.case import COMPLEX, CORRUPT, MISMATCH, READ, Case, seeded
from tests.corpus.material import members, with_parts

LAUGHS = (
    "<!DOCTYPE x [<!ENTITY l0 'ha'>"
    + "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
    + "]>"
)
QUADRATIC = f"<!DOCTYPE x [<!ENTITY l9 '{'a' * 50_000}'>]>"
PASSWD = "<!DOCTYPE x [<!ENTITY l9 SYSTEM 'file:///etc/passwd'>]>"
WEB = "<!DOCTYPE x [<!ENTITY l9 SYSTEM 'http://127.0.0.1:9/x'>]>"
EXTERNAL = "<!DOCTYPE x SYSTEM 'http://127.0.0.1:9/x.dtd'>"
BANNED = ("root:x:0", "hahaha", "evil-program")
RELATIONSHIP = (
    '<Relationship Id="rId900" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{}" '
    'Target="{}"{}/></Relationships>'
)
OUTSIDE = ' TargetMode="External"'
MAIN = {
    "docx": (material.docx_file, "word/document.xml", "word/_rels/document.xml.rels"),
    "pptx": (material.pptx_file, "ppt/slides/slide1.xml", "ppt/slides/_rels/slide1.xml.rels"),
    "xlsx": (material.xlsx_file, "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels"),
}
# A place for text and one for elements in the main part of each kind.
WORDS = {"docx": material.TEXT, "pptx": material.TEXT, "xlsx": "<v>0</v>"}
ENDS = {"docx": "</w:body>", "pptx": "</p:spTree>", "xlsx": "</sheetData>"}


def text_of(kind):
    make, main, _ = MAIN[kind]
    return members(make())[main].decode()


def written(kind, text):
    make, main, _ = MAIN[kind]
    return lambda: with_parts(make(), **{main: text})


def declared(kind, doctype, word="&l9;"):
    whole = text_of(kind)
    start = whole.find("?>") + 2 if whole.startswith("<?xml") else 0
    replaced = whole[start:].replace(WORDS[kind], f"<v>{word}</v>" if kind == "xlsx" else word, 1)
    return whole[:start] + doctype + replaced


def inserted(kind, content):
    return text_of(kind).replace(ENDS[kind], content + ENDS[kind], 1)


def wide(kind):
    """An attribute longer than the parser's bound of ten million, and not to be packed well."""
    return written(kind, inserted(kind, f'<z a="{seeded(kind).randbytes(5_500_000).hex()}"/>'))


def related(kind, relationship, target, mode=OUTSIDE, **parts):
    make, _, name = MAIN[kind]

    def made():
        rels = members(make())[name].decode()
        added = RELATIONSHIP.format(relationship, target, mode)
        return with_parts(make(), **{name: rels.replace("</Relationships>", added), **parts})

    return made


def with_macros(kind):
    """A macro in a file whose list of types still promises none."""
    make, _, _ = MAIN[kind]
    folder = {"docx": "word", "pptx": "ppt", "xlsx": "xl"}[kind]
    return lambda: with_parts(make(), **{f"{folder}/vbaProject.bin": b"\xd0\xcf\x11\xe0 evil-program"})


def tricks(kind):
    for name, doctype in (
        ("laughs", LAUGHS),
        ("quadratic", QUADRATIC),
        ("a file", PASSWD),
        ("the web", WEB),
        ("outer types", EXTERNAL),
    ):
        text = declared(kind, doctype, "&l9;" * (4000 if name == "quadratic" else 1))
        yield name, written(kind, text), CORRUPT
    yield (
        "utf-16 laughs",
        written(kind, declared(kind, LAUGHS).replace("UTF-8", "UTF-16").encode("utf-16")),
        CORRUPT,
    )
    seven = "<?xml version='1.0' encoding='UTF-7'?>+ADw-x/>"
    yield "utf-7", written(kind, seven), CORRUPT
    deep = inserted(kind, "<z>" * 100_000 + "</z>" * 100_000)
    # The reader of workbooks takes cells as they come and builds no tree.
    yield "deep", written(kind, deep), READ if kind == "xlsx" else COMPLEX
    yield "wide attribute", wide(kind), READ if kind == "xlsx" else COMPLEX
    include = (
        '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
    )
    yield "inclusion", written(kind, inserted(kind, include)), READ
    yield "broken markup", written(kind, text_of(kind)[:-40]), CORRUPT
    yield "picture elsewhere", related(kind, "image", "http://127.0.0.1:9/x.png"), READ
    yield "template elsewhere", related(kind, "attachedTemplate", "http://127.0.0.1:9/x.dotm"), READ
    yield (
        "object",
        related(kind, "oleObject", "embeddings/a.bin", "", **{"embeddings/a.bin": b"evil-program"}),
        READ,
    )
    yield "macros", with_macros(kind), READ
    yield "relationship outside", related(kind, "image", "../../../../etc/passwd", ""), READ


def special():
    chunk = "<html><body><script>evil-program()</script><p>inserted</p></body></html>"
    body = inserted(
        "docx",
        '<w:altChunk xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:id="rId900"/>',
    )
    yield (
        "docx inserted page",
        related(
            "docx", "aFChunk", "afchunk.html", "", **{"word/afchunk.html": chunk, "word/document.xml": body}
        ),
        READ,
    )
    field = (
        '<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>DDEAUTO c:\\\\evil-program</w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>'
    )
    yield "docx field that runs", written("docx", inserted("docx", field)), READ
    yield (
        "docx control",
        related("docx", "control", "activeX/a.xml", "", **{"word/activeX/a.xml": "<x/>"}),
        READ,
    )
    shape = '<p:pic><p:nvPicPr><p:cNvPr id="9" name="x"/><p:cNvPicPr/><p:nvPr/></p:nvPicPr><p:blipFill/><p:spPr/></p:pic>'
    yield "pptx picture of nothing", written("pptx", inserted("pptx", shape)), READ
    yield (
        "pptx slide missing",
        lambda: with_parts(material.pptx_file(), **{"ppt/slides/slide1.xml": b""}),
        CORRUPT,
    )


def markups():
    for kind in MAIN:
        for name, make, expected in tricks(kind):
            yield Case("markup", f"{kind} {name}", f"lesson.{kind}", make, expected, BANNED)
    for name, make, expected in special():
        yield Case("markup", name, f"lesson.{name.split()[0]}", make, expected, BANNED)
    bare = (
        "<!DOCTYPE html ["
        + LAUGHS.partition("[")[2]
        + "<html xmlns='http://www.w3.org/1999/xhtml'><body>&l9;</body></html>"
    )
    yield Case("markup", "html laughs", "lesson.html", bare.encode, READ, BANNED)
    chapter = material.members(material.epub_file())["c.xhtml"].decode()
    yield Case(
        "markup",
        "epub laughs",
        "lesson.epub",
        lambda: with_parts(
            material.epub_file(), **{"c.xhtml": LAUGHS + chapter.replace(material.TEXT, "&l9;")}
        ),
        READ,
        BANNED,
    )
    deep = b"<!DOCTYPE html><html><body>" + b"<div>" * 100_000 + b"text" + b"</div>" * 100_000
    yield Case("markup", "html deep", "lesson.html", lambda: deep, COMPLEX, BANNED)
    quotes = b"> " * 20_000 + b"text\n"
    yield Case("markup", "markdown deep", "lesson.md", lambda: quotes, READ, BANNED)
    brackets = b"[" * 200_000 + b"\n\n" + b"*a **b " * 50_000
    yield Case("markup", "markdown of brackets", "lesson.md", lambda: brackets, READ, BANNED)
    script = material.html_file(
        "<h1>M</h1><p>text</p><script>evil-program()</script><img src=x onerror='evil-program()'>"
    )
    yield Case("markup", "html script", "lesson.html", lambda: script, READ, ("evil-program", "onerror"))
    yield Case("markup", "slides as sheet", "lesson.xlsx", material.pptx_file, MISMATCH)
