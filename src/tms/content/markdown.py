"""A Markdown text becomes lessons: CommonMark with tables, footnotes, task lists, definitions and front matter."""

import html
import re

from lxml import etree
from lxml.html import defs
from markdown_it import MarkdownIt
from markdown_it.parser_block import ParserBlock
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from mdit_py_plugins.tasklists import tasklists_plugin

from tms.content import encodings
from tms.content.lessons import division
from tms.content.lessons.document import Document, Source
from tms.content.lessons.titles import plain_line, shorten
from tms.content.web import parsing
from tms.content.web.reader import manuscript

_TITLE = re.compile(r"^title:[ \t]*(.+)$", re.MULTILINE)
# Divisions of pandoc and Quarto (`::: callout`) and attributes behind a heading say how something looks; no text of theirs.
_FENCE = re.compile(r"^ {0,3}:{3,}[^\n]*$", re.MULTILINE)
_HEADING_ATTRIBUTES = re.compile(r"^( {0,3}#{1,6} [^\n]*?)[ \t]*\{[.#][^}\n]*\}[ \t]*$", re.MULTILINE)
# Of lists and quotations, one within the other.
_MARKERS = re.compile(r"^(?:[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$)))*[ \t]*")
_TAG = re.compile(r"</?([A-Za-z][\w-]*)")


class _Blocks(ParserBlock):
    """Blocks within blocks as deep as the library goes; it drops what lies deeper, which here is kept as lines of text."""

    def tokenize(self, state: StateBlock, startLine: int, endLine: int) -> None:  # noqa: N803 - named by the library
        """Read lines into the state's tokens."""
        if state.level < state.md.options.maxNesting:
            super().tokenize(state, startLine, endLine)
            return
        end = startLine
        while end < endLine and (state.isEmpty(end) or state.sCount[end] >= state.blkIndent):
            end += 1
        lines = state.getLines(startLine, end, state.blkIndent, False).split("\n")
        words = [text for line in lines if (text := _MARKERS.sub("", line).rstrip())]
        if words:
            state.push("paragraph_open", "p", 1)
            inline = state.push("inline", "", 0)
            inline.content = "\\\n".join(words)
            inline.map = [startLine, end]
            inline.children = []
            state.push("paragraph_close", "p", -1)
        state.line = end


def read(source: Source) -> Document:
    """The lessons of a Markdown text; pictures are those that lie beside it. Raises a `DocumentError`."""
    source.report(0.2, "Reading text")
    text = encodings.decode(source.path.read_bytes()).replace("\x00", "")
    parser = MarkdownIt("commonmark", {"html": True})
    parser.block = _Blocks()
    parser.enable(["table", "strikethrough"])
    for plugin in (front_matter_plugin, footnote_plugin, tasklists_plugin, deflist_plugin):
        parser.use(plugin)
    tokens = parser.parse(_HEADING_ATTRIBUTES.sub(r"\1", _FENCE.sub("", text)))
    for token in tokens:
        _keep_as_text(token)
        for child in token.children or []:
            _keep_as_text(child)
    body = parser.renderer.render(tokens, parser.options, {})
    page = manuscript(parsing.parse_html_text(f"<html><body>{body}</body></html>"), source)
    title = _title_of(tokens)
    if title and page.root.find("h1") is None:
        # Generators of sites show this title above the text, whose own headings then begin with the second level.
        heading = etree.Element("h1")
        heading.text = title
        page.root.insert(0, heading)
    page.title = title
    return division.compose(page, source)


def _keep_as_text(token: Token) -> None:
    """`<name>` is markup only where HTML has such an element; otherwise somebody wrote a placeholder."""
    if token.type not in {"html_inline", "html_block"}:
        return
    tag = _TAG.match(token.content.lstrip())
    if tag is None or tag[1].lower() in defs.tags:
        return
    if token.type == "html_inline":
        token.type = "text"
    else:
        token.content = f"<p>{html.escape(token.content.strip())}</p>\n"


def _title_of(tokens: list[Token]) -> str | None:
    front = next((token.content for token in tokens if token.type == "front_matter"), "")
    found = _TITLE.search(front)
    return None if found is None else shorten(plain_line(found[1].strip().strip("\"'"))) or None
