"""`tms content extract FILE`: what would become of a document, shown on the terminal; no database, nothing is kept."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tms.cli.progress import watched
from tms.content import sandbox

if TYPE_CHECKING:
    from tms.content.handover import Extraction, Lesson


def extract(path: Path, *, as_json: bool) -> None:
    """Read the document as an upload would, and print its outline; raises a `DocumentError` with advice."""
    # What is wrong is told in one line; without a handler of ours the library would print its log lines too.
    logging.getLogger("tms").addHandler(logging.NullHandler())
    # The reader works in a folder of its own, where a path from here leads nowhere.
    found = asyncio.run(_read(path.absolute()))
    if as_json:
        print(json.dumps(_as_data(found), indent=2, ensure_ascii=False))
    else:
        _show(found)


async def _read(path: Path) -> Extraction:
    with watched() as bar:
        task = bar.add_task(f"Reading {path.name}", total=1.0)

        async def progress(fraction: float, message: str) -> None:
            bar.update(task, completed=fraction, description=message)

        # What the child hands over is checked and small; its pictures go with their folder.
        async with sandbox.extracting(path, filename=path.name, progress=progress) as extraction:
            bar.update(task, completed=1.0)
            return extraction


def _show(found: Extraction) -> None:
    console = Console()
    if found.title:
        console.print(Text(found.title, style="bold"))
    table = Table("Lesson", "Level", "Pages", "Words", "Pictures", "Sure", "To look at")
    for place, lesson in enumerate(found.lessons, start=1):
        # As `Text`: a title may look like markup.
        table.add_row(
            Text(f"{place}. {lesson.title}"),
            str(lesson.level),
            _pages(lesson),
            str(lesson.words),
            str(len(lesson.pictures)),
            f"{lesson.confidence:.0%}",
            Text("\n".join(lesson.warnings)),
        )
    console.print(table)
    for warning in found.warnings:
        console.print(Text(f"- {warning}"))
    words = sum(lesson.words for lesson in found.lessons)
    console.print(f"{len(found.lessons)} lessons, {words} words, {len(found.pictures)} pictures")


def _pages(lesson: Lesson) -> str:
    if lesson.page_from is None:
        return ""
    if lesson.page_to in {None, lesson.page_from}:
        return str(lesson.page_from)
    return f"{lesson.page_from} to {lesson.page_to}"


def _as_data(found: Extraction) -> dict[str, Any]:
    """With the names of the API's outlines."""
    return {
        "kind": found.kind,
        "title": found.title,
        "warnings": list(found.warnings),
        "lessons": [
            {
                "title": lesson.title,
                "level": lesson.level,
                "pageFrom": lesson.page_from,
                "pageTo": lesson.page_to,
                "words": lesson.words,
                "images": len(lesson.pictures),
                "confidence": lesson.confidence,
                "warnings": list(lesson.warnings),
                "html": lesson.html,
            }
            for lesson in found.lessons
        ],
    }
