"""Writes known documents with the programs that people write theirs with."""

import io
import subprocess
import tempfile
from pathlib import Path

import docx
import openpyxl
import pypandoc
import typst
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from pptx import Presentation
from pptx.util import Inches

from tests.content import typesetting
from tests.corpus.good.known import RIGHT_TO_LEFT
from tests.corpus.material import png, saved


def markdown(known):
    """With the marks of Pandoc's Markdown, which GitHub's shares but for footnotes within the text."""
    lines = []
    for number, lesson in enumerate(known.lessons):
        lines += [f"# {lesson.title}", ""]
        for place, block in enumerate(lesson.blocks):
            lines += [*_markdown_of(block, f"n{number}x{place}"), ""]
    return "\n".join(lines)


def _markdown_of(block, reference):
    texts = block.texts
    match block.kind:
        case "heading":
            lines = [f"## {texts[0]}"]
        case "list":
            lines = [f"- {text}" for text in texts]
        case "numbers":
            lines = [f"{number}. {text}" for number, text in enumerate(texts, 1)]
        case "table":
            head, *rows = ["| " + " | ".join(row) + " |" for row in texts]
            lines = [head, "|---|---|---|", *rows]
        case "code":
            lines = ["```", *texts[0].split("\n"), "```"]
        case "quote":
            lines = [f"> {texts[0]}"]
        case "note":
            lines = [f"{texts[0]}[^{reference}]", "", f"[^{reference}]: {texts[1]}"]
        case _:
            lines = texts
    return lines


def by_pandoc(known, kind, *options):
    """The document converted by Pandoc from Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{kind}"
        (Path(folder) / "dot.png").write_bytes(png())
        more = [f"--resource-path={folder}", "--metadata=title:T", *options]
        pypandoc.convert_text(markdown(known), kind, format="markdown", outputfile=str(path), extra_args=more)
        return path.read_bytes()


def by_python_docx(known):
    document = docx.Document()
    for lesson in known.lessons:
        document.add_heading(lesson.title, 1)
        for block in lesson.blocks:
            _write_docx(document, block, rtl=known.script in RIGHT_TO_LEFT)
    return saved(document.save)


def _write_docx(document, block, *, rtl):
    styles = {"list": "List Bullet", "numbers": "List Number", "quote": "Quote", "heading": "Heading 2"}
    if block.kind == "table":
        table = document.add_table(rows=0, cols=3)
        for row in block.texts:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
        return
    for text in block.texts:
        if block.kind == "code":
            for line in text.split("\n"):
                run = document.add_paragraph().add_run(line)
                run.font.name = "Courier New"
            continue
        paragraph = document.add_paragraph(text, style=styles.get(block.kind))
        if rtl:
            paragraph._p.get_or_add_pPr().append(OxmlElement("w:bidi"))


def by_hand_in_docx(known):
    """Headings by look alone: bold and larger, no style; as many people write."""
    document = docx.Document()
    for lesson in known.lessons:
        run = document.add_paragraph().add_run(lesson.title)
        run.bold = True
        run.font.size = 20 * 12700
        for block in lesson.blocks:
            for text in block.texts:
                document.add_paragraph(text if isinstance(text, str) else "\t".join(text))
    return saved(document.save)


def by_outline_in_docx(known):
    """Headings by outline level, in styles that have other names."""
    document = docx.Document()
    for lesson in known.lessons:
        paragraph = document.add_paragraph(lesson.title)
        level = OxmlElement("w:outlineLvl")
        level.set(qn("w:val"), "0")
        paragraph._p.get_or_add_pPr().append(level)
        for block in lesson.blocks:
            _write_docx(document, block, rtl=False)
    return saved(document.save)


def by_python_pptx(known):
    """A section header before the slides of each lesson, a slide for each heading; tables and notes."""
    presentation = Presentation()
    layouts = presentation.slide_layouts
    for lesson in known.lessons:
        slide = presentation.slides.add_slide(layouts[2])
        slide.shapes.title.text = lesson.title
        slide = None
        for block in lesson.blocks:
            if block.kind == "heading":
                slide = presentation.slides.add_slide(layouts[1])
                slide.shapes.title.text = block.texts[0]
            else:
                slide = slide or _untitled(presentation)
                _write_pptx(slide, block)
    return saved(presentation.save)


def _untitled(presentation):
    return presentation.slides.add_slide(presentation.slide_layouts[6])


def _write_pptx(slide, block):
    if block.kind == "table":
        table = slide.shapes.add_table(3, 3, Inches(1), Inches(1), Inches(6), Inches(2)).table
        for number, row in enumerate(block.texts):
            for place, text in enumerate(row):
                table.cell(number, place).text = text
    elif block.kind == "note":
        slide.shapes.add_textbox(0, 0, Inches(4), Inches(1)).text_frame.text = block.texts[0]
        slide.notes_slide.notes_text_frame.text = block.texts[1]
    else:
        frame = slide.shapes.add_textbox(0, 0, Inches(4), Inches(1)).text_frame
        frame.text = "\n".join(block.texts)


def by_openpyxl(known):
    """A sheet for each lesson with its table."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for lesson in known.lessons:
        sheet = book.create_sheet(lesson.title[:31])
        for block in lesson.blocks:
            for row in block.texts:
                sheet.append(row)
    return saved(book.save)


def csv(known):
    rows = [row for block in known.lessons[0].blocks for row in block.texts]
    return "\r\n".join(";".join(row) for row in rows).encode("utf-8-sig")


def plain(known):
    lines = []
    for lesson in known.lessons:
        lines += [lesson.title, ""]
        for block in lesson.blocks:
            lines += [*(text if isinstance(text, str) else "  ".join(text) for text in block.texts), ""]
    return "\n".join(lines).encode()


TYPST_PAGE = '#set page(width: 16cm, height: 24cm, numbering: "1", header: [Course of measures])\n#set text(size: 11pt)\n'


def by_typst(known, setting=""):
    """A PDF with bookmarks; `setting` is put before, such as two columns."""
    lines = [TYPST_PAGE + setting]
    for lesson in known.lessons:
        lines += [f"= {_escaped(lesson.title)}", ""]
        for block in lesson.blocks:
            lines += [*_typst_of(block), ""]
    return bytes(typst.compile("\n".join(lines).encode()))


def by_typst_with_figures(known):
    """A flow chart and a bar chart behind each block, whose labels are none of what is known; on no two pages at one place."""
    figures = f"\n\n#{typesetting.FLOW}\n\n#{typesetting.BARS}\n\n"
    lines = [TYPST_PAGE]
    for number, lesson in enumerate(known.lessons):
        blocks = ["\n".join(_typst_of(block)) for block in lesson.blocks]
        lines += [
            f"= {_escaped(lesson.title)}",
            "",
            f"#v({number}cm)",
            figures.join(blocks),
            "#pagebreak()",
            "",
        ]
    return bytes(typst.compile("\n".join(lines).encode()))


def _typst_of(block):
    texts = [text if block.kind == "table" else _escaped(text) for text in block.texts]
    match block.kind:
        case "heading":
            lines = [f"== {texts[0]}"]
        case "list":
            lines = [f"- {text}" for text in texts]
        case "numbers":
            lines = [f"+ {text}" for text in texts]
        case "table":
            cells = ", ".join(f"[{_escaped(cell)}]" for row in texts for cell in row)
            lines = [f"#table(columns: 3, {cells})"]
        case "code":
            lines = ["```", block.texts[0], "```"]
        case "quote":
            lines = [f"#quote(block: true)[{texts[0]}]"]
        case "note":
            lines = [f"{texts[0]}#footnote[{texts[1]}]"]
        case _:
            lines = texts
    return lines


def _escaped(text):
    return "".join(f"\\{character}" if character in "\\#*_`$<>@=+-/[]" else character for character in text)


def by_libreoffice(content, suffix, to, program):
    """The document opened and saved again by LibreOffice; `to` may name a filter, as in `doc:MS Word 97`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{suffix}"
        path.write_bytes(content)
        out = Path(folder) / "out"
        command = [
            program,
            f"-env:UserInstallation=file://{folder}/profile",
            "--headless",
            "--convert-to",
            to,
        ]
        subprocess.run(
            [*command, "--outdir", str(out), str(path)], check=True, capture_output=True, timeout=120
        )
        return next(out.iterdir()).read_bytes()


def pictures_in_docx(known):
    document = docx.Document()
    for lesson in known.lessons:
        document.add_heading(lesson.title, 1)
        for block in lesson.blocks:
            for text in block.texts:
                document.add_paragraph(text)
            document.add_picture(io.BytesIO(png(20, 20)))
    return saved(document.save)
