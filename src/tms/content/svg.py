"""Makes a drawing (SVG) safe to show: what is not known to be harmless is left out, and nothing refers to the outside.

Element and attribute names are those of SVG 2 and of Filter Effects; animation is left out, since it can change links.
"""

import re

from lxml import etree

_SVG = "http://www.w3.org/2000/svg"
_XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_SHAPES = {
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "text",
    "tspan",
    "textPath",
    "image",
}
_STRUCTURE = {
    "svg",
    "g",
    "defs",
    "symbol",
    "use",
    "switch",
    "title",
    "desc",
    "style",
    "clipPath",
    "mask",
    "marker",
}
_PAINT = {"linearGradient", "radialGradient", "stop", "pattern", "filter"}
_ELEMENTS = frozenset(_SHAPES | _STRUCTURE | _PAINT)
_FILTER_STEP = re.compile(r"fe(?!Image)[A-Z][A-Za-z]+")
_INLINE_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*", re.IGNORECASE)
_LOCAL_URL = re.compile(r"""url\(\s*["']?#[\w.:-]+["']?\s*\)""", re.IGNORECASE)
_CSS_COMMENT = re.compile(r"/\*.*?(\*/|$)", re.DOTALL)
_AT_RULE = re.compile(r"@[^{;]*(;|\{(?:[^{}]|\{[^{}]*\})*\}|$)", re.DOTALL)
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
_CSS_DANGER = re.compile(
    r"url\s*\(|expression|javascript:|-moz-binding|behavior|image-set|@|\\|<", re.IGNORECASE
)


class UnsafeDrawingError(ValueError):
    """The drawing cannot be read, or hides its content behind entities."""


def make_safe(content: bytes) -> bytes:
    """The drawing as UTF-8 XML without scripts, events, links, animation, foreign content and outside references.

    Raises `UnsafeDrawingError` for what is no SVG or declares entities.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=False,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnsafeDrawingError("not a readable drawing") from error
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and next(iter(dtd.iterentities()), None) is not None:
        raise UnsafeDrawingError("declares entities")
    if _name(root) == "svg" and "}" not in root.tag:
        root = _with_namespace(root)
    if root.tag != f"{{{_SVG}}}svg":
        raise UnsafeDrawingError("not a drawing")
    _clean(root)
    etree.cleanup_namespaces(root)
    # The element is written, not its tree: so no document type is written either.
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _with_namespace(root: etree._Element) -> etree._Element:
    """Browsers draw nothing without the namespace; drawings cut out of web pages often lack it."""
    for element in root.iter(etree.Element):
        if "}" not in element.tag:
            element.tag = f"{{{_SVG}}}{element.tag}"
    return root


def _clean(root: etree._Element) -> None:
    for element in list(root.iter()):
        if not isinstance(element.tag, str):
            _drop(element)
            continue
        name = _name(element)
        if name == "a" and element.tag.startswith(f"{{{_SVG}}}"):
            # A link's content is kept as a group.
            element.tag = f"{{{_SVG}}}g"
            name = "g"
        if element is not root and not _is_known(element):
            _drop(element)
        elif name == "style":
            element.text = safe_css("".join(element.itertext()))
            for child in list(element):
                element.remove(child)
            element.attrib.clear()
        else:
            _clean_attributes(element, name)


def _is_known(element: etree._Element) -> bool:
    namespace, _, name = element.tag.rpartition("}")
    return namespace == f"{{{_SVG}" and (name in _ELEMENTS or _FILTER_STEP.fullmatch(name) is not None)


def _drop(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is None:
        return
    # Text after the element belongs to its parent, which may be a text element.
    if element.tail:
        previous = element.getprevious()
        if previous is None:
            parent.text = (parent.text or "") + element.tail
        else:
            previous.tail = (previous.tail or "") + element.tail
    parent.remove(element)


def _clean_attributes(element: etree._Element, name: str) -> None:
    for attribute, value in list(element.attrib.items()):
        if not _is_safe(name, str(attribute), str(value)):
            del element.attrib[attribute]


def _is_safe(element: str, attribute: str, value: str) -> bool:
    if attribute in {"href", _XLINK_HREF}:
        return value.strip().startswith("#") or (
            element == "image" and _INLINE_PICTURE.fullmatch(value.strip()) is not None
        )
    if "}" in attribute:
        return attribute == _XML_SPACE
    if attribute.lower().startswith("on"):
        return False
    return not _CSS_DANGER.search(_LOCAL_URL.sub("", value))


def safe_css(css: str) -> str:
    """The plain rules of a style sheet; at-rules and rules that could fetch or run something are left out."""
    plain = _AT_RULE.sub("", _CSS_COMMENT.sub("", css))
    rules = []
    for selector, declarations in _RULE.findall(plain):
        kept = [
            declaration.strip()
            for declaration in declarations.split(";")
            if declaration.strip() and not _CSS_DANGER.search(_LOCAL_URL.sub("", declaration))
        ]
        if kept and not _CSS_DANGER.search(selector):
            rules.append(f"{selector.strip()} {{ {'; '.join(kept)} }}")
    return "\n".join(rules)
