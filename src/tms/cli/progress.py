"""How far commands are that take their time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


def watched() -> Progress:
    """A bar for people, on standard error; nothing where no terminal is."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not Console(stderr=True).is_terminal,
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """What is shown is asked for each time that it is."""

    told: Callable[[], str]

    def __rich__(self) -> str:
        return self.told()


def counted(told: Callable[[], str]) -> AbstractContextManager[object]:
    """A line for people that says how far work is whose end nobody knows; nothing where no terminal is.

    What is printed meanwhile stands above it, so that standard output has to be that terminal too.
    """
    console = Console(stderr=True)
    if not console.is_terminal or not sys.stdout.isatty():
        return nullcontext()
    return console.status(_Line(told))
