"""Enrolment: one transaction takes the student in, the account follows by a resumable step."""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from tms.batches import service as batches
from tms.identity import passwords, provisioning
from tms.identity import service as identity
from tms.identity.models import User
from tms.operations import audit
from tms.platform import db
from tms.platform.caller import Role

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of an enrolment; `account_id` is none while the identity server has not answered."""

    user_id: UUID
    account_id: str | None
    student_code: str
    email: str
    status: str
    temporary_password: str
    password_expiry: datetime
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
        registered = await identity.register(session, person, by=by)
        batch = (
            await batches.take_seats(session, batch_id=batch_id, student_ids=[registered.id], by=by)
            if batch_id
            else None
        )
        password = await passwords.issue(session, registered.id)
        welcome = {"batchName": batch.batch_name} if batch else {}
        await provisioning.start(session, registered.id, welcome=welcome)
        await audit.record(
            session,
            actor=by,
            action="student.enrolled",
            object_type="user",
            object_id=registered.id,
            changes={"batchId": [None, str(batch.batch_id)]} if batch else {},
        )
    await identity.try_provisioning(registered.id)
    async with db.reading() as reading:
        row = (
            await reading.execute(select(User.account_id, User.status).where(User.id == registered.id))
        ).one()
    return Enrolled(
        user_id=registered.id,
        account_id=row.account_id,
        student_code=registered.student_code or "",
        email=email,
        status=row.status,
        temporary_password=password.password,
        password_expiry=password.expires_at,
        batch=batch,
    )
