"""The audit log: what it keeps, that it cannot be changed, and how administrators read it."""

import csv
import io
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import insert

from tms.operations import audit
from tms.operations.models import AuditEntry
from tms.platform import client, db, spreadsheet
from tms.platform.ids import new_id

SOMETHING = "0192f0c1-2345-7abc-8def-0123456789ab"


async def note(actor=None, action="thing.done", object_type="thing", object_id=None, changes=None):
    async with db.transaction() as session:
        await audit.record(
            session,
            actor=actor,
            action=action,
            object_type=object_type,
            object_id=object_id,
            changes=changes,
        )


@pytest.fixture
async def admin(people):
    return await people.admin(first_name="Ada", last_name="Admin")


@pytest.fixture
def listed(admin):
    async def read(**filters):
        return (await admin.get("/audit", params=filters))["data"]

    return read


async def test_a_change_tells_who_what_when_and_from_where(admin, listed):
    body = {"name": "Spring", "startDate": "2026-03-02", "endDate": "2026-06-26"}
    answer = await admin.http.post("/api/v1/batches", json=body)
    batch = answer.json()["data"]["id"]
    await admin.patch(f"/batches/{batch}", {"name": "Summer"})
    changed, created = await listed()
    assert created == {
        "id": created["id"],
        "at": created["at"],
        "actorId": str(admin.id),
        "actorName": "Ada Admin",
        "action": "batch.created",
        "objectType": "batch",
        "objectId": batch,
        "changes": {},
        "requestId": answer.headers["x-request-id"],
        "address": "127.0.0.1",
    }
    assert created["at"].endswith("Z")
    assert changed["changes"] == {"name": ["Spring", "Summer"]}


async def test_of_personal_fields_only_the_name_is_kept(admin, people, listed):
    student = await people.student()
    await admin.patch(f"/users/{student.id}", {"firstName": "Grace", "phone": "+49 30 1234567"})
    [entry] = await listed(action="user.changed")
    assert set(entry["changes"]) == {"firstName", "phone"}
    assert "Grace" not in str(entry["changes"])
    assert "1234567" not in str(entry["changes"])


async def test_personal_values_are_left_out_whoever_tells_them(listed):
    await note(changes={"email": ["ada@example.org", None], "last_name": "Lovelace", "role": [None, "admin"]})
    [entry] = await listed()
    assert entry["changes"] == {"email": True, "lastName": True, "role": [None, "admin"]}


async def test_what_the_system_does_has_no_actor(listed):
    await note(action="thing.ended")
    [entry] = await listed()
    assert entry["actorId"] is None
    assert entry["actorName"] is None
    assert entry["address"] is None


async def test_a_change_that_is_taken_back_leaves_no_line(listed):
    async def fail():
        async with db.transaction() as session:
            await audit.record(session, actor=None, action="a.b", object_type="a", object_id=None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await listed() == []


class TestFilters:
    @pytest.fixture(autouse=True)
    async def _lines(self, admin):
        self.admin = admin
        self.thing = new_id()
        await note(actor=admin.id, action="course.published", object_type="course", object_id=self.thing)
        await note(actor=admin.id, action="batch.created", object_type="batch", object_id=new_id())
        await note(action="course.deleted", object_type="course", object_id=new_id())

    @pytest.mark.parametrize(
        ("wanted", "actions"),
        [
            ({}, ["course.deleted", "batch.created", "course.published"]),
            ({"sort": "at"}, ["course.published", "batch.created", "course.deleted"]),
            ({"action": "course.deleted"}, ["course.deleted"]),
            ({"objectType": "course"}, ["course.deleted", "course.published"]),
            ({"from": "2000-01-01T00:00:00Z"}, ["course.deleted", "batch.created", "course.published"]),
            ({"to": "2000-01-01T00:00:00Z"}, []),
            ({"from": "2200-01-01T00:00:00+02:00"}, []),
            ({"actor": SOMETHING}, []),
        ],
    )
    async def test_each_filter(self, listed, wanted, actions):
        assert [entry["action"] for entry in await listed(**wanted)] == actions

    async def test_by_who_and_by_which_thing(self, listed):
        found = await listed(actor=str(self.admin.id))
        assert [entry["action"] for entry in found] == ["batch.created", "course.published"]
        [entry] = await listed(objectId=str(self.thing))
        assert entry["action"] == "course.published"

    async def test_a_span_holds_its_first_instant_and_not_its_last(self, listed):
        newest, middle, oldest = await listed()
        assert await listed(**{"from": oldest["at"], "to": newest["at"]}) == [middle, oldest]

    async def test_pages_neither_skip_nor_repeat_while_lines_are_added(self):
        first = await self.admin.get("/audit", params={"limit": 2})
        await note(action="late.arrival")
        rest = await self.admin.get("/audit", params={"limit": 2, "cursor": first["page"]["nextCursor"]})
        assert [entry["action"] for entry in first["data"] + rest["data"]] == [
            "course.deleted",
            "batch.created",
            "course.published",
        ]
        assert first["page"]["total"] == 3
        assert rest["page"]["nextCursor"] is None

    @pytest.mark.parametrize(
        "wanted",
        [
            {"actor": "nobody"},
            {"action": "published"},
            {"action": "a.b'--"},
            {"objectType": "Course!"},
            {"from": "2026-01-01"},
            {"from": "1767225600"},
            {"from": "2026-01-01T00:00:00"},
            {"to": "0001-01-01T00:00:00Z"},
            {"to": "2026-13-01T00:00:00Z"},
            {"sort": "actor"},
            {"cursor": "WyItYXQiLCA5OTk5OTk5OTk5OTk5OTk5OTk5OTksICIxIl0"},
        ],
    )
    async def test_bad_filters_are_refused(self, wanted):
        problem = await self.admin.get("/audit", params=wanted, status=422)
        assert problem["errors"]


@pytest.mark.parametrize("path", ["/audit", "/audit.csv"])
async def test_only_administrators_read_it(people, path):
    for person, status in [
        (await people.anonymous(), 401),
        (await people.student(), 403),
        (await people.trainer(), 403),
        (await people.admin(), 200),
    ]:
        await person.get(path, status=status)


class TestCsv:
    async def test_it_has_every_line_and_its_own_is_noted(self, admin):
        await note(actor=admin.id, action="course.published", changes={"status": ["draft", "published"]})
        answer = await admin.get("/audit.csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
        assert answer.text.startswith(spreadsheet.BOM)
        rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix(spreadsheet.BOM))))
        assert [row["action"] for row in rows] == ["audit.downloaded", "course.published"]
        assert rows[1]["actorName"] == "Ada Admin"
        assert rows[1]["changes"] == '{"status": ["draft", "published"]}'
        assert rows[0]["address"] == "127.0.0.1"

    async def test_names_are_not_formulas(self, people):
        evil = await people.admin(first_name="=HYPERLINK(1)", last_name="x")
        await note(actor=evil.id)
        answer = await evil.get("/audit.csv", params={"action": "thing.done"})
        [row] = csv.DictReader(io.StringIO(answer.text.removeprefix(spreadsheet.BOM)))
        assert row["actorName"] == "'=HYPERLINK(1) x"

    async def test_many_blocks(self, admin):
        async with db.transaction() as session:
            lines = [{"action": "a.b", "object_type": "a"}] * 2500
            await session.execute(insert(AuditEntry), lines)
        answer = await admin.get("/audit.csv", params={"action": "a.b"})
        numbers = [int(row[-1]) for row in list(csv.reader(io.StringIO(answer.text)))[1:]]
        assert len(numbers) == 2500
        assert numbers == sorted(set(numbers), reverse=True)

    @pytest.mark.parametrize(
        "value",
        [
            "=1+1",
            "+1",
            "-1",
            "@SUM(1)",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1",
            "\uff1d1",
            "\uff0b1",
            "\uff0d1",
            "\uff201",
            "\u3000=1",
        ],
    )
    def test_what_spreadsheets_would_execute_is_disarmed(self, value):
        [[cell]] = csv.reader(io.StringIO(spreadsheet.lines([[value]]), newline=""))
        assert cell == f"'{value}"

    def test_the_rest_stays_as_it_is(self):
        row = ["Grace", 'say "hi", twice', "a=b", "1-1", "", None, 7]
        [found] = csv.reader(io.StringIO(spreadsheet.lines([row]), newline=""))
        assert found == ["Grace", 'say "hi", twice', "a=b", "1-1", "", "", "7"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET action = 'nothing.happened'",
        "DELETE FROM audit_log",
        "DELETE FROM audit_log WHERE false",
        "TRUNCATE audit_log",
        "TRUNCATE audit_log, jobs CASCADE",
        "INSERT INTO audit_log (id, action, object_type) VALUES (1, 'back.dated', 'a')",
        "MERGE INTO audit_log a USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    ],
)
async def test_the_database_refuses_to_change_it(database, statement):
    await note()
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        with pytest.raises((psycopg.errors.RaiseException, psycopg.errors.GeneratedAlways)):
            await connection.execute(statement)
        kept = await (await connection.execute("SELECT action FROM audit_log")).fetchall()
    assert kept == [("thing.done",)]


async def test_an_address_that_the_client_makes_up_is_not_believed(admin, listed):
    body = {"name": "Spring", "startDate": "2026-03-02", "endDate": "2026-06-26"}
    await admin.post("/batches", body, status=201, headers={"X-Forwarded-For": "198.51.100.7"})
    [entry] = await listed()
    assert entry["address"] == "127.0.0.1"
    assert client.address.get() is None


async def test_a_filter_is_data_and_never_sql(admin):
    answer = await admin.get(f"/audit?objectType={quote(chr(39))}", status=422)
    assert answer["code"] == "validation_failed"
