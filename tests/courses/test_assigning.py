"""Who must take what by when: sources, dates, closing and opening again. The routes have tests beside the batches'."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from tms.courses import assignments
from tms.courses.errors import (
    AssignmentClosedError,
    AssignmentNotFoundError,
    CourseArchivedError,
    NotAssignedByHandError,
    UnknownStudentError,
)
from tms.platform import db
from tms.platform.errors import InvalidError
from tms.platform.ids import new_id

SPRING = datetime(2030, 4, 1, tzinfo=UTC)
SUMMER = datetime(2030, 7, 1, tzinfo=UTC)
AUTUMN = datetime(2030, 10, 1, tzinfo=UTC)


async def give(courses, students, *, batch=None, due=None, **options):
    async with db.transaction() as session:
        return await assignments.assign(
            session,
            course_ids=[UUID(str(course)) for course in courses],
            student_ids=[student.id for student in students],
            batch_id=batch,
            due_at=due,
            by=None,
            **options,
        )


async def drop(*, batch=None, students=None, courses=None):
    async with db.transaction() as session:
        return await assignments.drop_sources(
            session,
            batch_id=batch,
            student_ids=None if students is None else [student.id for student in students],
            course_ids=None if courses is None else [UUID(course) for course in courses],
        )


async def change(assignment_id, admin, **changes):
    async with db.transaction() as session:
        await assignments.change(session, assignment_id, by=admin.id, **changes)


@pytest.fixture
def look(session):
    """`await look(assignment_id)`: its row."""

    async def read(assignment_id):
        found = await session.execute(
            text("SELECT * FROM course_assignments WHERE id = :id"), {"id": assignment_id}
        )
        return found.mappings().one()

    return read


@pytest.fixture
async def course(make_course):
    return await make_course(sections=1, published=True)


async def test_every_student_gets_every_course_once(admin, people, make_course, session):
    courses = [await make_course(sections=1, published=True) for _ in range(3)]
    students = [await people.student() for _ in range(4)]
    first = await give(courses * 2, [*students, *students])
    assert (len(first.created), first.reopened, first.kept) == (12, (), ())
    again = await give(courses, students)
    assert (again.created, again.reopened, set(again.kept)) == ((), (), set(first.created))
    for table in ("course_assignments", "assignment_sources"):
        assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 12  # noqa: S608 - names of this test
    assert await give([], students) == await give(courses, []) == assignments.Assigned()


async def test_the_earliest_date_of_the_sources_holds(admin, people, course, look):
    student, batch, other = await people.student(), new_id(), new_id()
    (assignment_id,) = (await give([course], [student], batch=batch, due={UUID(course): SUMMER})).all
    assert (await look(assignment_id))["due_at"] == SUMMER
    await give([course], [student], due=AUTUMN)
    assert (await look(assignment_id))["due_at"] == SUMMER
    await give([course], [student], batch=other, due=SPRING)
    assert (await look(assignment_id))["due_at"] == SPRING
    assert await drop(batch=other, students=[student]) == 1
    assert (await look(assignment_id))["due_at"] == SUMMER
    async with db.transaction() as session:
        await assignments.set_batch_due(session, batch_id=batch, course_id=UUID(course), due_at=None)
    assert (await look(assignment_id))["due_at"] == AUTUMN
    await give([course], [student], due=SPRING)
    assert (await look(assignment_id))["due_at"] == SPRING
    await drop(students=[student], courses=[course])
    assert (await look(assignment_id))["due_at"] is None


async def test_each_course_of_a_batch_has_its_own_date(admin, people, make_course, look, session):
    courses = {UUID(await make_course(sections=1, published=True)): due for due in (SPRING, AUTUMN, None)}
    made = await give(courses, [await people.student()], batch=new_id(), due=courses)
    for assignment_id in made.created:
        row = await look(assignment_id)
        assert row["due_at"] == courses[row["course_id"]]


async def test_the_last_source_gone_closes_and_a_new_one_opens_the_same_record(admin, people, course, look):
    student, batch = await people.student(), new_id()
    (assignment_id,) = (await give([course], [student], batch=batch, due=SPRING)).created
    await give([course], [student])
    await drop(batch=batch)
    assert (await look(assignment_id))["closed_at"] is None
    await change(assignment_id, admin, extended_to=AUTUMN, reason="Ill", waived=True)
    assert await drop(students=[student], courses=[course]) == 1
    closed = await look(assignment_id)
    assert closed["closed_at"] is not None
    assert closed["due_at"] == AUTUMN
    assert await drop(students=[student], courses=[course]) == 0
    assert (await student.get("/courses"))["data"] == []
    again = await give([course], [student], due=SUMMER)
    assert again.reopened == (assignment_id,)
    opened = await look(assignment_id)
    assert opened["due_at"] == SUMMER
    over = ("closed_at", "extended_to", "extension_reason", "extended_by", "waived_at", "announced_at")
    assert [opened[name] for name in over] == [None] * 6
    assert len((await student.get("/courses"))["data"]) == 1


async def test_a_batch_lets_go_of_named_students_or_courses_only(admin, people, make_course, session):
    courses = [await make_course(sections=1, published=True) for _ in range(2)]
    one, two = await people.student(), await people.student()
    batch, other = new_id(), new_id()
    await give(courses, [one, two], batch=batch)
    await give(courses[:1], [one], batch=other)
    assert await drop(batch=batch, students=[one]) == 2
    assert await drop(batch=batch, courses=courses[1:]) == 1

    async def has(student):
        return {listed["id"] for listed in (await student.get("/courses"))["data"]}

    assert (await has(one), await has(two)) == ({courses[0]}, {courses[0]})
    assert await drop(batch=batch) == 1
    assert (await has(one), await has(two)) == ({courses[0]}, set())


async def test_sources_by_hand_are_never_dropped_for_all(database):
    for options in ({}, {"students": []}, {"courses": []}):
        with pytest.raises(ValueError, match="by hand"):
            await drop(**options)


async def test_an_archived_course_takes_nobody_new_but_keeps_those_it_has(
    admin, people, make_course, session
):
    old = await make_course(sections=1, published=True)
    present = await make_course(sections=1, published=True)
    stays, new, left = [await people.student() for _ in range(3)]
    here, there = new_id(), new_id()
    (kept,) = (await give([old], [stays], batch=here)).created
    await give([old], [left], batch=here)
    await drop(batch=here, students=[left])
    await admin.put(f"/courses/{old}/archive")
    with pytest.raises(CourseArchivedError):
        await give([old, present], [stays])
    assert (await session.execute(text("SELECT count(*) FROM course_assignments"))).scalar_one() == 2
    moved = await give([old, present], [stays, new, left], batch=there, skip_archived=True)
    assert (len(moved.created), moved.reopened, moved.kept) == (3, (), (kept,))
    await drop(batch=here)
    assert len((await stays.get("/courses"))["data"]) == 2
    for student in (new, left):
        assert [course["id"] for course in (await student.get("/courses"))["data"]] == [present]


async def test_what_does_not_exist_gives_nobody_anything(admin, people, course, session):
    student = await people.student()
    with pytest.raises(InvalidError) as refused:
        await give([course, new_id()], [student])
    assert refused.value.fields[0].field == "courseId"
    ghost = type("Ghost", (), {"id": new_id()})
    with pytest.raises(Exception, match=UnknownStudentError.constraint):
        await give([course], [student, ghost])
    assert (await session.execute(text("SELECT count(*) FROM course_assignments"))).scalar_one() == 0


async def test_an_extension_holds_until_it_is_taken_back(admin, people, course, look):
    student, batch = await people.student(), new_id()
    (assignment_id,) = (await give([course], [student], batch=batch, due=SPRING)).created
    await change(assignment_id, admin, extended_to=AUTUMN, reason="Ill")
    row = await look(assignment_id)
    assert (row["due_at"], row["extended_to"], row["extended_by"]) == (AUTUMN, AUTUMN, admin.id)
    assert row["extension_reason"] == "Ill"
    async with db.transaction() as session:
        await assignments.set_batch_due(session, batch_id=batch, course_id=UUID(course), due_at=SUMMER)
    assert (await look(assignment_id))["due_at"] == AUTUMN
    for early in (SUMMER, SPRING):
        with pytest.raises(InvalidError) as refused:
            await change(assignment_id, admin, extended_to=early)
        assert refused.value.fields[0].field == "extendedTo"
    await change(assignment_id, admin, reason="Very ill")
    assert (await look(assignment_id))["extension_reason"] == "Very ill"
    await change(assignment_id, admin, extended_to=None)
    row = await look(assignment_id)
    assert (row["due_at"], row["extended_by"], row["extension_reason"]) == (SUMMER, None, None)


async def test_a_student_is_let_off_and_not(admin, people, course, look, clock):
    (assignment_id,) = (await give([course], [await people.student()])).created
    await change(assignment_id, admin, waived=True)
    first = (await look(assignment_id))["waived_at"]
    await clock(days=1)
    await change(assignment_id, admin, waived=True)
    assert (await look(assignment_id))["waived_at"] == first
    await change(assignment_id, admin, waived=False)
    assert (await look(assignment_id))["waived_at"] is None


async def test_the_date_by_hand_is_changed_only_where_there_is_one(admin, people, course, look):
    student = await people.student()
    (assignment_id,) = (await give([course], [student], batch=new_id(), due=SUMMER)).created
    with pytest.raises(NotAssignedByHandError):
        await change(assignment_id, admin, due_at=SPRING, waived=True)
    assert (await look(assignment_id))["waived_at"] is None
    await give([course], [student])
    await change(assignment_id, admin, due_at=SPRING)
    assert (await look(assignment_id))["due_at"] == SPRING
    await drop(students=[student], courses=[course])
    with pytest.raises(NotAssignedByHandError):
        await change(assignment_id, admin, due_at=None)


async def test_what_has_ended_or_never_was_is_not_changed(admin, people, course):
    student = await people.student()
    (assignment_id,) = (await give([course], [student])).created
    await drop(students=[student], courses=[course])
    with pytest.raises(AssignmentClosedError):
        await change(assignment_id, admin, waived=True)
    with pytest.raises(AssignmentNotFoundError):
        await change(new_id(), admin, waived=True)


async def test_reasons_are_not_in_the_audit_log(admin, people, course, session):
    (assignment_id,) = (await give([course], [await people.student()], due=SPRING)).created
    await change(assignment_id, admin, extended_to=AUTUMN, reason="Broken leg", waived=True)
    told = await session.execute(
        text("SELECT changes FROM audit_log WHERE action = 'assignment.changed' AND object_id = :id"),
        {"id": assignment_id},
    )
    assert told.scalar_one() == {
        "extendedTo": [None, AUTUMN.isoformat()],
        "reason": "changed",
        "waived": [False, True],
    }


async def test_parallel_assigning_and_dropping_neither_block_nor_lose_anything(
    admin, people, make_course, session
):
    courses = [await make_course(sections=1, published=True) for _ in range(3)]
    students = [await people.student() for _ in range(6)]
    kept, passing = new_id(), [new_id() for _ in range(4)]
    await give(courses[::-1], students[::-1], batch=passing[0])

    async def come_and_go(batch):
        for _ in range(3):
            await give(courses, students, batch=batch, due=SPRING)
            await drop(batch=batch)

    async def stay():
        await give(courses[::-1], students, batch=kept, due=AUTUMN)

    await asyncio.wait_for(asyncio.gather(stay(), *map(come_and_go, passing)), timeout=60)
    rows = (await session.execute(text("SELECT closed_at, due_at FROM course_assignments"))).all()
    assert rows == [(None, AUTUMN)] * 18


async def test_a_large_batch_is_given_its_courses_in_a_few_statements(admin, people, make_course, session):
    courses = [await make_course(sections=1, published=True) for _ in range(4)]
    async with db.transaction() as writing:
        ids = [new_id() for _ in range(2000)]
        await writing.execute(
            text(
                "INSERT INTO users (id, email, email_norm, first_name, last_name, role, student_code) "
                "SELECT id, id || '@example.org', id || '@example.org', 'A', 'B', 'student', right(id::text, 20) "
                "FROM unnest(CAST(:ids AS uuid[])) AS many(id)"
            ),
            {"ids": ids},
        )
    found = (await session.execute(text("SELECT id FROM users WHERE role = 'student'"))).scalars()
    students = [type("Student", (), {"id": user_id}) for user_id in found]
    batch = new_id()
    made = await give(courses, students, batch=batch, due=SPRING + timedelta(days=1))
    assert len(made.created) == 8000
    assert await drop(batch=batch) == 8000
