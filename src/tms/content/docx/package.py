"""Names and values of WordprocessingML (ECMA-376 part 1, 17)."""

from tms.content.safe_xml import Element

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
W_STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"


def value_of(element: Element | None, attribute: str = "val") -> str | None:
    """The `w:val` (or other attribute of the main namespace) of an element that may be missing."""
    if element is None:
        return None
    value = element.get(f"{{{W}}}{attribute}") or element.get(f"{{{W_STRICT}}}{attribute}")
    return None if value is None else str(value)


def is_on(element: Element | None) -> bool:
    """Whether a switch such as `w:b` is there and not turned off (ECMA-376 part 1, 17.17.4)."""
    return element is not None and value_of(element) not in {"0", "false", "off"}


def namespace_of(element: Element) -> str:
    """The element's namespace, as a prefix for names of its siblings."""
    return str(element.tag).rpartition("}")[0] + "}"
