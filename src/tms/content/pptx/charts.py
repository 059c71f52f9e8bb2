"""The figures of charts and the words of diagrams: what they say, where no browser can draw them."""

from lxml import etree

from tms.content.pptx.text import plain
from tms.content.safe_xml import Element, local

ROWS_LIMIT = 200
SERIES_LIMIT = 50


def table_of(chart: Element) -> Element | None:
    """A chart's figures, kept in the file as they were last drawn, with a row for each category (ECMA-376 part 1, 21.2)."""
    series = list(chart.iter("{*}ser"))[:SERIES_LIMIT]
    columns = [_points(one, "val", "yVal") for one in series]
    if not any(columns):
        return None
    labels = next((points for one in series if (points := _points(one, "cat", "xVal"))), {})
    table = etree.Element("table")
    title = _title(chart)
    if title:
        etree.SubElement(table, "caption").text = title
    names = [_points(one, "tx").get(0, f"Series {number}") for number, one in enumerate(series, start=1)]
    _add_row(table, "th", ["", *names])
    places = sorted({place for column in columns for place in column} | set(labels))[:ROWS_LIMIT]
    for place in places:
        _add_row(
            table, "td", [labels.get(place, str(place + 1)), *(column.get(place, "") for column in columns)]
        )
    return table


def _points(series: Element, *names: str) -> dict[int, str]:
    """The kept values of the first of these parts by their index."""
    for name in names:
        part = series.find(f"{{*}}{name}")
        if part is None:
            continue
        points: dict[int, str] = {}
        for point in part.iter("{*}pt"):
            index = point.get("idx", "")
            value = point.findtext("{*}v")
            if index.isdecimal() and len(index) < 7 and value is not None:
                # Of a category with several levels the innermost comes first.
                points.setdefault(int(index), _number(value))
        return points or _single(part)
    return {}


def _single(part: Element) -> dict[int, str]:
    value = part.findtext("{*}v")
    return {} if value is None else {0: value}


def _number(value: str) -> str:
    """A figure as people write it: 4.3 instead of 4.2999999999999998."""
    try:
        return f"{float(value):.12g}" if "." in value or "e" in value.lower() else value
    except ValueError:
        return value


def _title(chart: Element) -> str:
    rich = chart.find("{*}chart/{*}title/{*}tx/{*}rich")
    return "" if rich is None else plain(rich)


def _add_row(table: Element, tag: str, texts: list[str]) -> None:
    row = etree.SubElement(table, "tr")
    for number, text in enumerate(texts):
        cell = etree.SubElement(row, "th" if number == 0 else tag)
        cell.text = text
        if tag == "td" and number == 0:
            cell.set("scope", "row")


def words_of(diagram: Element) -> Element | None:
    """The words of a diagram (SmartArt, ECMA-376 part 1, 21.4) as a list, nested as its points are."""
    texts = {}
    for point in diagram.iter("{*}pt"):
        body = point.find("{*}t")
        if body is not None and point.get("type", "node") in {"node", "asst", "doc"}:
            texts[point.get("modelId", "")] = plain(body)
    children: dict[str, list[tuple[int, str]]] = {}
    below = set()
    for connection in diagram.iter("{*}cxn"):
        if connection.get("type", "parOf") != "parOf" or connection.get("destId", "") not in texts:
            continue
        order = connection.get("srcOrd", "0")
        children.setdefault(connection.get("srcId", ""), []).append(
            (int(order) if order.isdecimal() and len(order) < 9 else 0, connection.get("destId", ""))
        )
        below.add(connection.get("destId", ""))
    tops = [name for name in texts if name not in below]
    items = etree.Element("ul")
    for name in tops:
        _add_point(items, name, texts, children, set())
    return items if len(items) else None


def _add_point(
    items: Element,
    name: str,
    texts: dict[str, str],
    children: dict[str, list[tuple[int, str]]],
    seen: set[str],
) -> None:
    """A point without words, such as the diagram itself, gives its place to those below it."""
    if name in seen:
        return
    seen.add(name)
    inner = items
    if texts[name]:
        item = etree.SubElement(items, "li")
        item.text = texts[name]
        if name in children:
            inner = etree.SubElement(item, "ul")
    for _, child in sorted(children.get(name, [])):
        _add_point(inner, child, texts, children, seen)
    if inner is not items and len(inner) == 0:
        items[-1].remove(inner)


def is_chart(element: Element) -> bool:
    """Whether a frame holds a chart, and not a diagram."""
    return local(element) == "chart"
