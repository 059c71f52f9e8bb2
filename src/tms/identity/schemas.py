from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from tms.identity import emails
from tms.platform.caller import Role
from tms.platform.schemas import Body, Flag, Instant, Line100, Schema

Email = Annotated[
    str,
    Field(
        min_length=3,
        max_length=emails.LONGEST,
        examples=["ada@example.org"],
        json_schema_extra={"format": "email"},
    ),
    AfterValidator(emails.check),
]
Phone = Annotated[
    str, Field(min_length=3, max_length=20, pattern=r"^\+?[0-9][0-9 ()./-]*$", examples=["+49 30 1234567"])
]
Status = Literal["provisioning", "active", "identity_conflict", "disabled", "erased"]


class UserIn(Body):
    """A new trainer or administrator; students are enrolled."""

    first_name: Line100
    last_name: Line100
    email: Email
    phone: Phone | None = None
    role: Literal["admin", "trainer"]


class UserPatch(Body):
    """What to change; fields that are left out stay. `phone: null` removes it."""

    first_name: Line100 = ""
    last_name: Line100 = ""
    email: Email = ""
    phone: Phone | None = None
    role: Role = Role.STUDENT


class MePatch(Body):
    """What people change of themselves."""

    first_name: Line100 = ""
    last_name: Line100 = ""
    phone: Phone | None = None


class UserOut(Schema):
    """A user as administrators see them, and people themselves."""

    id: UUID
    keycloak_id: str | None
    student_id: str | None
    email: str
    first_name: str
    last_name: str
    phone: str | None
    role: Role
    status: Status
    created_at: Instant
    updated_at: Instant


class ResetPasswordIn(Body):
    """`extendOnly`: keep the present temporary password and let it work for longer."""

    extend_only: Flag = False


class ResetPasswordOut(Schema):
    """Shown once more until it is used or expires."""

    temporary_password: str
    password_expiry: Instant
