"""Enrolment: one transaction takes the student in, the account follows by a resumable step."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.batches import service as batches
from tms.batches.models import Batch
from tms.identity import passwords, provisioning
from tms.identity import queries as identity_queries
from tms.identity import service as identity
from tms.operations import audit
from tms.platform import db, failpoints, idempotency
from tms.platform.caller import Role

failpoints.declare("students.enrol.before_commit", "students.enrol.committed", "students.enrol.answered")


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of an enrolment; `account_id` is none while the identity server has not answered."""

    user_id: UUID
    account_id: str | None
    student_code: str
    email: str
    status: str
    temporary_password: str | None
    """None in a repeated answer, once the password has been used or has expired."""
    password_expiry: datetime | None
    batch: batches.BatchInfo | None


async def enrol(
    *, first_name: str, last_name: str, email: str, phone: str | None, batch_id: UUID | None, by: UUID
) -> Enrolled:
    """Enrol a student, with a seat and the courses of a batch if one is named: all of it or nothing.

    T1 commits the user, the code, the seat, the assignments, the audit line and the job that makes the account. Then
    the account is made at once where the identity server answers. Raises `EmailTakenError`, `batch_full` and the like.
    """
    person = identity.NewUser(first_name, last_name, email, phone, Role.STUDENT)
    async with db.transaction() as session:
        user_id = await idempotency.claim(session)
        if user_id is None:
            user_id = await _take_in(session, person, batch_id=batch_id, by=by)
            await idempotency.note(session, user_id)
        failpoints.here("students.enrol.before_commit")
    failpoints.here("students.enrol.committed")
    await identity.try_provisioning(user_id)
    enrolled = await _enrolled(user_id, batch_id)
    failpoints.here("students.enrol.answered")
    return enrolled


async def _take_in(
    session: AsyncSession, person: identity.NewUser, *, batch_id: UUID | None, by: UUID
) -> UUID:
    """T1: everything of the enrolment that is ours, with the job that does the rest."""
    user_id = (await identity.register(session, person, by=by)).id
    welcome = {}
    if batch_id:
        batch = await batches.take_seats(session, batch_id=batch_id, student_ids=[user_id], by=by)
        welcome = {"batchName": batch.batch_name}
    await passwords.issue(session, user_id)
    await provisioning.start(session, user_id, welcome=welcome)
    await audit.record(
        session,
        actor=by,
        action="student.enrolled",
        object_type="user",
        object_id=user_id,
        changes={"batchId": [None, str(batch_id)]} if batch_id else {},
    )
    return user_id


async def _enrolled(user_id: UUID, batch_id: UUID | None) -> Enrolled:
    """The enrolment as it stands, for the first answer and for a repeated one alike."""
    async with db.reading() as session:
        user = await identity_queries.user(session, user_id)
        password = await passwords.temporary_password(session, user_id)
        batch = None
        if batch_id:
            columns = select(Batch.id, Batch.batch_code, Batch.name).where(Batch.id == batch_id)
            batch = batches.BatchInfo(*(await session.execute(columns)).one())
    return Enrolled(
        user_id=user_id,
        account_id=user["keycloak_id"],
        student_code=user["student_id"],
        email=user["email"],
        status=user["status"],
        temporary_password=password.password if password else None,
        password_expiry=password.expires_at if password else None,
        batch=batch,
    )
