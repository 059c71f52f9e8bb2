"""How the cells of a sheet look, which the library that reads their values does not tell."""

from dataclasses import dataclass, field
from typing import TypeAlias

Codes: TypeAlias = dict[tuple[int, int], str]
"""Number formats by row and column, both from 0."""


@dataclass(slots=True)
class Looks:
    """Number formats, and which rows and columns are hidden (counted from 0)."""

    codes: Codes = field(default_factory=dict)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
