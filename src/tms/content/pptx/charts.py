"""The figures of charts and the words of diagrams: what they say, where no browser can draw them."""

import datetime as dt
from collections.abc import Iterator
from itertools import islice

from lxml import etree

from tms.content.pptx.text import plain
from tms.content.safe_xml import Element, local
from tms.content.tables import figures

ROWS_LIMIT = 200
SERIES_LIMIT = 50
DEEPEST = 8
"""Points within points of a diagram; what is deeper stands beside its own."""
_DAY_ZERO = dt.datetime(1899, 12, 30)  # noqa: DTZ001  workbooks know no time zones
_DAYS = 2_958_466


def table_of(chart: Element) -> Element | None:
    """A chart's figures, kept in the file as they were last drawn, with a row for each category (ECMA-376 part 1, 21.2)."""
    series = list(chart.iter("{*}ser"))[:SERIES_LIMIT]
    columns = [_points(one, "val", "yVal") for one in series]
    if not any(columns):
        return None
    table = etree.Element("table")
    categories, values = _axes(chart)
    title = _title(chart.find("{*}chart/{*}title"))
    caption = f"{title} ({values})" if title and values else title or values
    if caption:
        etree.SubElement(table, "caption").text = caption
    names = [_points(one, "tx").get(0, f"Series {number}") for number, one in enumerate(series, start=1)]
    _add_row(table, "th", [categories, *names])
    rows = list(islice(_rows(columns, [_points(one, "cat", "xVal") for one in series]), ROWS_LIMIT + 1))
    for row in rows[:ROWS_LIMIT]:
        _add_row(table, "td", row)
    if len(rows) > ROWS_LIMIT:
        _add_row(table, "td", ["…"])
    return table


def _rows(columns: list[dict[int, str]], labels: list[dict[int, str]]) -> Iterator[list[str]]:
    """A row for each category, or for each point where every series has categories of its own."""
    own = [found for found in labels if found]
    shared = own[0] if own else {}
    if all(found == shared for found in own):
        for place in sorted(set(shared).union(*columns)):
            yield [shared.get(place, str(place + 1)), *(column.get(place, "") for column in columns)]
        return
    for number, column in enumerate(columns):
        for place in sorted(column):
            before, behind = [""] * number, [""] * (len(columns) - number - 1)
            yield [labels[number].get(place, str(place + 1)), *before, column[place], *behind]


def _axes(chart: Element) -> tuple[str, str]:
    """The titles of the axis with the categories, and of those with the values."""
    axes = list(chart.iter("{*}catAx", "{*}dateAx")) or list(chart.iter("{*}valAx"))[:1]
    values = [axis for axis in chart.iter("{*}valAx") if axis not in axes]
    found = [[text for one in some if (text := _title(one.find("{*}title")))] for some in (axes, values)]
    return ", ".join(dict.fromkeys(found[0])), ", ".join(dict.fromkeys(found[1]))


def _points(series: Element, *names: str) -> dict[int, str]:
    """The kept values of the first of these parts by their index, as their number format shows them."""
    for name in names:
        part = series.find(f"{{*}}{name}")
        if part is None:
            continue
        points: dict[int, str] = {}
        common = next(part.iter("{*}formatCode"), None)
        for point in part.iter("{*}pt"):
            index = point.get("idx", "")
            value = point.findtext("{*}v")
            if index.isdecimal() and len(index) < 7 and value is not None:
                # Of a category with several levels the innermost comes first.
                code = point.get("formatCode") or (common is not None and common.text) or ""
                points.setdefault(int(index), _shown(value, code))
        return points or _single(part)
    return {}


def _single(part: Element) -> dict[int, str]:
    value = part.findtext("{*}v")
    return {} if value is None else {0: value}


def _shown(value: str, code: str) -> str:
    """A figure as people write it: 4.3 instead of 4.2999999999999998, or by its format; words as they are."""
    try:
        number = float(value)
    except ValueError:
        return value
    shown = figures.written(number, code) if code else None
    if shown is None and code and 0 <= number < _DAYS:
        shown = figures.written(_DAY_ZERO + dt.timedelta(days=number), code)
    if shown is not None:
        return shown
    return f"{number:.12g}" if "." in value or "e" in value.lower() else value


def _title(title: Element | None) -> str:
    """What was typed in as a title, or stood in the cell that it refers to."""
    rich = None if title is None else title.find("{*}tx/{*}rich")
    kept = None if title is None else title.find("{*}tx/{*}strRef/{*}strCache/{*}pt/{*}v")
    return plain(rich) if rich is not None else "" if kept is None else " ".join((kept.text or "").split())


def _add_row(table: Element, tag: str, texts: list[str]) -> None:
    row = etree.SubElement(table, "tr")
    for number, text in enumerate(texts):
        cell = etree.SubElement(row, "th" if number == 0 else tag)
        cell.text = text
        if tag == "td" and number == 0:
            cell.set("scope", "row")


def words_of(diagram: Element) -> Element | None:
    """The words of a diagram (SmartArt, ECMA-376 part 1, 21.4) as a list, nested as its points are."""
    texts = {
        point.get("modelId", ""): plain(body)
        for point in diagram.iter("{*}pt")
        if (body := point.find("{*}t")) is not None and point.get("type", "node") in {"node", "asst", "doc"}
    }
    children = _children(diagram, texts)
    below = {child for found in children.values() for _, child in found}
    items = etree.Element("ul")
    left = [(items, name, 1) for name in reversed(texts) if name not in below]
    seen = set()
    while left:
        inner, name, depth = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if texts[name]:
            # A point without words, such as the diagram itself, gives its place to those below it.
            item = etree.SubElement(inner, "li")
            item.text = texts[name]
            if name in children and depth < DEEPEST:
                inner, depth = etree.SubElement(item, "ul"), depth + 1
        left += [(inner, child, depth) for _, child in sorted(children.get(name, []), reverse=True)]
    for empty in [found for found in items.iter("ul") if found.find("li") is None and found is not items]:
        above = empty.getparent()
        if above is not None:
            above.remove(empty)
    return items if items.find("li") is not None else None


def _children(diagram: Element, texts: dict[str, str]) -> dict[str, list[tuple[int, str]]]:
    """The points below each point, with their order."""
    found: dict[str, list[tuple[int, str]]] = {}
    for connection in diagram.iter("{*}cxn"):
        order, child = connection.get("srcOrd", "0"), connection.get("destId", "")
        if connection.get("type", "parOf") == "parOf" and child in texts:
            place = int(order) if order.isdecimal() and len(order) < 9 else 0
            found.setdefault(connection.get("srcId", ""), []).append((place, child))
    return found


def is_chart(element: Element) -> bool:
    """Whether a frame holds a chart, and not a diagram."""
    return local(element) == "chart"
