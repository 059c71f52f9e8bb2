from uuid import UUID

from tms.identity.schemas import Email, Phone, Status
from tms.platform.schemas import Body, Id, Instant, Line100, Schema


class EnrolmentIn(Body):
    """Whom to enrol, and into which batch."""

    first_name: Line100
    last_name: Line100
    email: Email
    phone: Phone | None = None
    batch_id: Id | None = None


class BatchInfo(Schema):
    """The batch in which a seat was taken."""

    batch_id: UUID
    batch_code: str
    batch_name: str


class EnrolledOut(Schema):
    """The new student. `keycloakId` is null while `status` is `provisioning`; a repeated answer has no used password."""

    user_id: UUID
    keycloak_id: str | None
    student_id: str
    email: str
    temporary_password: str | None
    password_expiry: Instant | None
    batch_info: BatchInfo | None
    status: Status
