"""What is kept of a person: found in the tables by their foreign keys, described by the rooms, exported and erased here.

A row is a person's if a column of it refers to `users` (`user_id`, `student_id`), or if it hangs on such a row. A column
whose name ends in `_by` says who did something: the row is not theirs, and only that they did it is told. References
without a key, secrets, and what becomes of each column are declared by the rooms and joined by `tms.personal`.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Column, LargeBinary, MetaData, Table, text
from sqlalchemy.ext.asyncio import AsyncSession

from tms.platform import db

PEOPLE = "users"


@dataclass(frozen=True, slots=True)
class Holding:
    """What one table keeps of people, and what erasing somebody does to it.

    Either its rows are `removed`, or columns are `emptied` (column: SQL of its new value) and those `kept` say nothing
    about who it was. `elsewhere` names what removes the rows instead of us.
    """

    table: str
    keyless: Mapping[str, str] = field(default_factory=dict)
    """Columns that hold `users.id` without a foreign key and make the row theirs: column -> further condition, or ''."""
    acted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Columns without a key that say who did something: column -> what else of the row that person may know."""
    also: str = ""
    """SQL condition (`:person`) for rows that are about the person and refer to them in no column of their own."""
    removed: bool = False
    elsewhere: str = ""
    emptied: Mapping[str, str] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    """Never exported: of use only to who wants to pretend to be the person, or about somebody else."""


_joined: tuple[Holding, ...] = ()


def join(holdings: Iterable[Holding]) -> None:
    """Take what every room has declared, in the order of erasing; assembly does it once in each process."""
    global _joined  # noqa: PLW0603 - as the database: set by assembly, then only read
    _joined = tuple(holdings)


def joined() -> tuple[Holding, ...]:
    """What every room has declared."""
    if not _joined:
        raise RuntimeError("personal data are asked for before assembly has joined them")
    return _joined


def _references(table: Table) -> Iterable[tuple[Column[Any], Column[Any]]]:
    for key in table.foreign_keys:
        yield key.parent, key.column


def rows_of_person(metadata: MetaData, holdings: Iterable[Holding]) -> dict[str, str]:
    """For each table that has rows of people: the SQL condition (`:person`) that finds somebody's."""
    declared = {holding.table: holding for holding in holdings}
    found: dict[str, list[str]] = {PEOPLE: ["id = :person"]}
    # A table comes after those that it refers to.
    for table in metadata.sorted_tables:
        conditions = found.setdefault(table.name, [])
        for column, target in _references(table):
            if target.table.name == PEOPLE:
                if table.name != PEOPLE and not column.name.endswith("_by"):
                    conditions.append(f"{column.name} = :person")
            elif found.get(target.table.name):
                parent = target.table.name
                theirs = " OR ".join(found[parent])
                within = f"SELECT {target.name} FROM {parent} WHERE {theirs}"  # noqa: S608 - names of our own metadata
                conditions.append(f"{column.name} IN ({within})")
        holding = declared.get(table.name)
        if holding is not None:
            for name, further in holding.keyless.items():
                conditions.append(f"({name} = :person AND {further})" if further else f"{name} = :person")
    return {name: " OR ".join(sorted(conditions)) for name, conditions in found.items() if conditions}


def deeds_of_person(metadata: MetaData, holdings: Iterable[Holding]) -> dict[tuple[str, str], frozenset[str]]:
    """For each `(table, column)` that says who did something: the columns that tell that person what it was."""
    found = {}
    for table in metadata.sorted_tables:
        shown = {
            column.name
            for column in table.columns
            if column.primary_key or column.name.endswith("_at") or column.name == "at"
        }
        for column, target in _references(table):
            if target.table.name == PEOPLE and column.name.endswith("_by"):
                found[table.name, column.name] = frozenset(shown | {column.name})
    for holding in holdings:
        primary = {column.name for column in metadata.tables[holding.table].primary_key}
        for name, more in holding.acted.items():
            found[holding.table, name] = frozenset(primary | more | {name})
    return found


async def export(session: AsyncSession, person: UUID) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """`(name, rows)` of everything kept of a person: first their own rows by table, then what they did, by table and column."""
    metadata, holdings = db.Base.metadata, joined()
    secrets = {holding.table: holding.secret for holding in holdings}
    for table, condition in rows_of_person(metadata, holdings).items():
        binary = {c.name for c in metadata.tables[table].columns if isinstance(c.type, LargeBinary)}
        shown = [
            c.name
            for c in metadata.tables[table].columns
            if c.name not in binary | secrets.get(table, frozenset())
        ]
        yield table, await _rows(session, table, shown, condition, person)
    for (table, column), columns in deeds_of_person(metadata, holdings).items():
        yield f"{table}.{column}", await _rows(session, table, sorted(columns), f"{column} = :person", person)


async def _rows(
    session: AsyncSession, table: str, columns: list[str], condition: str, person: UUID
) -> list[dict[str, Any]]:
    primary = ", ".join(column.name for column in db.Base.metadata.tables[table].primary_key)
    # Every name comes from our own metadata and every condition from our own declarations.
    statement = f"""
        SELECT to_jsonb(found) AS row FROM (
            SELECT {", ".join(columns)} FROM {table} WHERE {condition} ORDER BY {primary}
        ) AS found
    """  # noqa: S608 - see above
    return list((await session.execute(text(statement), {"person": person})).scalars())


async def erase(session: AsyncSession, person: UUID) -> None:
    """Remove and empty what every room keeps of a person, in the order of declaration. Safe to repeat."""
    conditions = rows_of_person(db.Base.metadata, joined())
    for holding in joined():
        if holding.elsewhere:
            continue
        theirs = " OR ".join(filter(None, [conditions.get(holding.table), holding.also]))
        if holding.removed:
            await session.execute(
                text(f"DELETE FROM {holding.table} WHERE {theirs}"),  # noqa: S608 - our own declarations
                {"person": person},
            )
        elif holding.emptied:
            values = ", ".join(f"{column} = {value}" for column, value in holding.emptied.items())
            changing = " OR ".join(
                f"{column} IS DISTINCT FROM {value}" for column, value in holding.emptied.items()
            )
            await session.execute(
                text(f"UPDATE {holding.table} SET {values} WHERE ({theirs}) AND ({changing})"),  # noqa: S608 - our own declarations
                {"person": person},
            )
