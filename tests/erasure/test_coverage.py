"""Nothing that is kept of people escapes export and erasing: tables are found by their keys, columns by their names."""

import re

import pytest
from sqlalchemy import JSON, Column, ForeignKey, Integer, LargeBinary, MetaData, String, Table, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from tms import personal
from tms.operations.personal_data import Holding, deeds_of_person, join, joined, rows_of_person
from tms.platform import db

# Ids of people have such names; each that has no foreign key must be declared by its room.
OF_A_PERSON = re.compile(r"(^|_)(user|student|trainer|person|caller|actor|subject|owner|recipient)_id$|_by$")
# What tells of a person: words, and whatever has words in it. Numbers, instants and ids do not.
TELLING = (String, JSON, JSONB, LargeBinary)
# Of these the values are names that the programme gives, or secrets that a provider keeps.
OWN_WORDS = {"status", "state", "kind"}


def undeclared(metadata, holdings):
    """Columns that hold somebody's id and are neither keys to `users` nor declared."""
    declared = {(holding.table, name) for holding in holdings for name in {*holding.keyless, *holding.acted}}
    return sorted(
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Uuid)
        and OF_A_PERSON.search(column.name)
        and (table.name, column.name) not in declared
        and "users" not in {key.column.table.name for key in column.foreign_keys}
    )


def unclassified(metadata, holdings):
    """Tables of people without a holding, and columns of theirs of which nobody has said what erasing does to them."""
    declared = {holding.table: holding for holding in holdings}
    found = []
    for name in rows_of_person(metadata, holdings):
        holding = declared.get(name)
        if holding is None:
            found.append(name)
        elif not (holding.removed or holding.elsewhere):
            found += [
                f"{name}.{column.name}"
                for column in metadata.tables[name].columns
                if isinstance(column.type, TELLING)
                and column.name not in {*holding.emptied, *holding.kept, *OWN_WORDS}
            ]
    return sorted(found)


def test_every_reference_to_a_person_is_known():
    assert undeclared(db.Base.metadata, personal.HOLDINGS) == []


def test_every_column_of_a_person_is_classified():
    assert unclassified(db.Base.metadata, personal.HOLDINGS) == []


def test_every_holding_is_of_a_table_and_of_columns_that_are_there():
    names = [holding.table for holding in personal.HOLDINGS]
    assert len(names) == len(set(names))
    for holding in personal.HOLDINGS:
        columns = set(db.Base.metadata.tables[holding.table].columns.keys())
        told = {*holding.keyless, *holding.acted, *holding.emptied, *holding.kept, *holding.secret}
        told |= {name for more in holding.acted.values() for name in more}
        assert told - columns == set(), holding.table


async def test_the_models_have_every_key_that_the_database_has(database):
    """What is found by the models is found by the database itself."""
    async with db.reading() as session:
        keys = await session.execute(
            text("""
                SELECT c.conrelid::regclass::text, a.attname
                FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass
            """)
        )
        in_the_database = {tuple(row) for row in keys}
    in_the_models = {
        (table.name, key.parent.name)
        for table in db.Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table.name == "users"
    }
    assert in_the_database == in_the_models
    assert ("student_batches", "student_id") in in_the_models


@pytest.fixture
def planted():
    """Tables as a later room might add them, without a thought for people."""
    metadata = MetaData()
    Table("users", metadata, Column("id", Uuid, primary_key=True))
    Table(
        "certificates",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("student_id", ForeignKey("users.id")),
        Column("name_on_it", String),
        Column("points", Integer),
        Column("signed_by", ForeignKey("users.id")),
    )
    Table(
        "pages",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("of", ForeignKey("certificates.id")),
        Column("words", JSONB),
    )
    Table("visits", metadata, Column("id", Uuid, primary_key=True), Column("user_id", Uuid))
    return metadata


def test_a_forgotten_table_is_noticed(planted):
    users = Holding("users")
    assert undeclared(planted, [users]) == ["visits.user_id"]
    assert unclassified(planted, [users]) == ["certificates", "pages"]


def test_a_forgotten_column_is_noticed(planted):
    holdings = [
        Holding("users"),
        Holding("certificates"),
        Holding("pages"),
        Holding("visits", keyless={"user_id": ""}),
    ]
    assert undeclared(planted, holdings) == []
    assert unclassified(planted, holdings) == ["certificates.name_on_it", "pages.words"]
    holdings[1:3] = [Holding("certificates", emptied={"name_on_it": "NULL"}), Holding("pages", removed=True)]
    assert unclassified(planted, holdings) == []


def test_rows_and_deeds_are_told_apart(planted):
    assert rows_of_person(planted, [])["pages"] == (
        "of IN (SELECT id FROM certificates WHERE student_id = :person)"
    )
    assert deeds_of_person(planted, []) == {("certificates", "signed_by"): frozenset({"id", "signed_by"})}


def test_nothing_is_exported_before_assembly_has_joined_the_rooms():
    kept = joined()
    join([])
    try:
        with pytest.raises(RuntimeError):
            joined()
    finally:
        join(kept)
