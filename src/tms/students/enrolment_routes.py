from fastapi import APIRouter, Response

from tms.http import policy
from tms.http.answers import Answer
from tms.http.caller import Caller
from tms.http.idempotency import IdempotentRoute
from tms.students import service
from tms.students.enrolment_schemas import BatchInfo, EnrolledOut, EnrolmentIn

POLICY = [policy.line("POST", "/students/enroll", policy.ADMIN, "administrators only")]

router = APIRouter(prefix="/students", tags=["students"], route_class=IdempotentRoute)


@router.post(
    "/enroll", responses={202: {"model": Answer[EnrolledOut], "description": "Taken in; the account follows"}}
)
async def enroll_student(body: EnrolmentIn, caller: Caller, response: Response) -> Answer[EnrolledOut]:
    """Enrol a student, with a seat and the courses of a batch if one is named: all of it or nothing.

    202 with `status: "provisioning"` where the sign-in server does not answer: the account and the welcome follow.
    """
    enrolled = await service.enrol(
        first_name=body.first_name,
        last_name=body.last_name,
        email=body.email,
        phone=body.phone,
        batch_id=body.batch_id,
        by=caller.id,
    )
    active = enrolled.status == "active"
    response.status_code = 200 if active else 202
    batch = enrolled.batch
    return Answer(
        data=EnrolledOut(
            user_id=enrolled.user_id,
            keycloak_id=enrolled.account_id,
            student_id=enrolled.student_code,
            email=enrolled.email,
            temporary_password=enrolled.temporary_password,
            password_expiry=enrolled.password_expiry,
            batch_info=BatchInfo(
                batch_id=batch.batch_id, batch_code=batch.batch_code, batch_name=batch.batch_name
            )
            if batch
            else None,
            status=enrolled.status,
        ),
        message=MESSAGES.get(enrolled.status),
    )


MESSAGES = {
    "active": "Student enrolled successfully. The welcome e-mail is on its way.",
    "provisioning": "Student enrolled. The sign-in server does not answer yet: the account and the welcome follow.",
    "identity_conflict": "Student enrolled, but the sign-in server has another account with this address: settle it first.",
}
