"""Pages neither skip nor repeat rows, in every order, whatever the page size."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from tms.operations.models import AuditEntry, Job
from tms.platform import db, paging
from tms.platform.ids import new_id
from tms.platform.paging import InvalidPageError, PageRequest

SORTS = {"kind": Job.kind, "progress": Job.progress, "createdAt": Job.created_at}


async def fetch(request):
    async with db.reading() as session:
        return await paging.fetch(
            session, select(Job.id, Job.kind, Job.progress), request=request, sorts=SORTS, key=Job.id
        )


async def fill(kinds):
    async with db.transaction() as session:
        await session.execute(Job.__table__.delete())
        for index, kind in enumerate(kinds):
            await session.execute(
                insert(Job).values(id=new_id(), kind=kind, created_by=new_id(), progress=index % 3 / 2)
            )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(
        st.text(
            st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]), max_size=5
        ),
        max_size=12,
    ),
    limit=st.integers(1, 5),
    sort=st.sampled_from(["kind", "-kind", "progress", "-progress", "createdAt", "-createdAt"]),
)
async def test_all_rows_come_once_and_in_order(database, kinds, limit, sort):
    await fill(kinds)
    seen, cursor = [], None
    while True:
        page = await fetch(PageRequest(limit=limit, cursor=cursor, sort=sort))
        assert page.total == len(kinds)
        assert len(page.rows) <= limit
        seen += page.rows
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len({row["id"] for row in seen}) == len(seen) == len(kinds)
    whole = await fetch(PageRequest(limit=200, sort=sort))
    assert [row["id"] for row in whole.rows] == [row["id"] for row in seen]


async def test_a_row_that_is_added_meanwhile_moves_nothing(database):
    await fill("bdf")
    first = await fetch(PageRequest(limit=2, sort="kind"))
    async with db.transaction() as session:
        await session.execute(insert(Job).values(id=new_id(), kind="a", created_by=new_id()))
    second = await fetch(PageRequest(limit=2, sort="kind", cursor=first.next_cursor))
    assert [row["kind"] for row in second.rows] == ["f"]


async def test_a_cursor_belongs_to_its_order(database):
    await fill("abc")
    cursor = (await fetch(PageRequest(limit=1, sort="kind"))).next_cursor
    for sort in ("-kind", "createdAt"):
        with pytest.raises(InvalidPageError):
            await fetch(PageRequest(limit=1, sort=sort, cursor=cursor))


@given(st.text(max_size=40))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_rubbish_is_no_cursor(database, rubbish):
    if not rubbish:
        return
    with pytest.raises(InvalidPageError):
        await fetch(PageRequest(cursor=rubbish, sort="kind"))


async def test_totals_end_at_ten_thousand(database):
    async with db.transaction() as session:
        await session.execute(
            insert(Job), [{"id": new_id(), "kind": "many", "created_by": new_id()} for _ in range(10_001)]
        )
    assert (await fetch(PageRequest(limit=1))).total is None


async def test_wildcards_are_searched_as_they_stand(database):
    async with db.transaction() as session:
        for action in ("100%", "100x", "a_b", "axb", "back\\slash"):
            await session.execute(insert(AuditEntry).values(action=action, object_type="test"))
    async with db.reading() as session:
        for text, found in {
            "0%": ["100%"],
            "a_b": ["a_b"],
            "K\\S": ["back\\slash"],
            "X": ["100x", "axb"],
        }.items():
            rows = await session.execute(
                select(AuditEntry.action)
                .where(paging.contains(AuditEntry.action, text))
                .order_by(AuditEntry.action)
            )
            assert list(rows.scalars()) == found
