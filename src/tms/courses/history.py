from typing import Any

from pydantic.alias_generators import to_camel
from sqlalchemy import RowMapping

_LONG = frozenset({"content", "description"})


def differing(before: RowMapping, values: dict[str, Any]) -> dict[str, Any]:
    """Those of the new values that are not there already."""
    return {name: value for name, value in values.items() if before[name] != value}


def changes(before: RowMapping, values: dict[str, Any]) -> dict[str, Any]:
    """For the audit log: before and after of each field; of long texts only that they changed."""
    return {
        to_camel(name): "changed" if name in _LONG else [before[name], value]
        for name, value in values.items()
    }
