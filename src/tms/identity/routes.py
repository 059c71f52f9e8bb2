from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from sqlalchemy import RowMapping

from tms.http import policy
from tms.http.answers import Answer, Listing, listing, set_etag
from tms.http.caller import Caller
from tms.http.idempotency import IdempotentRoute
from tms.http.parameters import IfMatch, PageQuery, PathId, Search
from tms.http.sessions import ReadSession
from tms.identity import mending, queries, service
from tms.identity.schemas import MePatch, ResetPasswordIn, ResetPasswordOut, UserIn, UserOut, UserPatch
from tms.platform import limits
from tms.platform.caller import Role
from tms.platform.schemas import Body

ADMIN_ONLY = "administrators only"
_ONESELF = policy.Sight("oneself", admin=policy.Reach.OWN, trainer=policy.Reach.OWN, student=policy.Reach.OWN)
POLICY = [
    policy.line("GET", "/me", policy.EVERYONE, _ONESELF),
    policy.line("PATCH", "/me", policy.EVERYONE, _ONESELF),
    policy.line("GET", "/users", policy.ADMIN, ADMIN_ONLY),
    policy.line("POST", "/users", policy.ADMIN, ADMIN_ONLY),
    policy.line("GET", "/users/{user_id}", policy.ADMIN, ADMIN_ONLY),
    policy.line("PATCH", "/users/{user_id}", policy.ADMIN, ADMIN_ONLY),
    policy.line("POST", "/users/{user_id}/disable", policy.ADMIN, ADMIN_ONLY),
    policy.line("POST", "/users/{user_id}/enable", policy.ADMIN, ADMIN_ONLY),
    policy.line("POST", "/users/{user_id}/reset-password", policy.ADMIN, ADMIN_ONLY, limit=limits.MAILINGS),
    policy.line("POST", "/users/{user_id}/retry-provisioning", policy.ADMIN, ADMIN_ONLY),
    policy.line("POST", "/users/{user_id}/adopt-account", policy.ADMIN, ADMIN_ONLY),
]

router = APIRouter(tags=["identity"], route_class=IdempotentRoute)


def _out(row: RowMapping) -> UserOut:
    return UserOut.model_validate(dict(row))


def _answer(response: Response, row: RowMapping, message: str | None = None) -> Answer[UserOut]:
    set_etag(response, row["version"])
    return Answer(data=_out(row), message=message)


def _changes(body: Body) -> dict[str, Any]:
    """Only what was sent: `null` removes, a field that is left out stays."""
    return {name: getattr(body, name) for name in body.model_fields_set}


@router.get("/me")
async def get_me(caller: Caller, session: ReadSession, response: Response) -> Answer[UserOut]:
    """Who I am."""
    return _answer(response, await queries.user(session, caller.id))


@router.patch("/me")
async def change_me(body: MePatch, caller: Caller, if_match: IfMatch, response: Response) -> Answer[UserOut]:
    """Change my own name or phone number."""
    row = await service.update_user(caller.id, _changes(body), by=caller, expected_version=if_match)
    return _answer(response, row, "Your details have been changed")


@router.get("/users")
async def list_users(
    session: ReadSession,
    page: PageQuery,
    search: Search = None,
    role: Annotated[Role | None, Query()] = None,
    status: Annotated[
        Literal["provisioning", "active", "identity_conflict", "disabled", "erased"] | None, Query()
    ] = None,
) -> Listing[UserOut]:
    """All users; search finds parts of name, address and code. Sort by createdAt, lastName or email."""
    return listing(await queries.users(session, page, search=search, role=role, status=status), _out)


@router.post("/users", status_code=201)
async def create_user(body: UserIn, caller: Caller, response: Response) -> Answer[UserOut]:
    """A new trainer or administrator; a welcome with a temporary password is sent. Students are enrolled instead."""
    person = service.NewUser(body.first_name, body.last_name, body.email, body.phone, Role(body.role))
    row = await service.create(person, by=caller.id)
    return _answer(response, row, "User created")


@router.get("/users/{user_id}")
async def get_user(user_id: PathId, session: ReadSession, response: Response) -> Answer[UserOut]:
    """One user, of any role."""
    return _answer(response, await queries.user(session, user_id))


@router.patch("/users/{user_id}")
async def change_user(
    user_id: PathId, body: UserPatch, caller: Caller, if_match: IfMatch, response: Response
) -> Answer[UserOut]:
    """Change name, phone, address or role; the sign-in server is told."""
    row = await service.update_user(user_id, _changes(body), by=caller, expected_version=if_match)
    return _answer(response, row, "User changed")


@router.post("/users/{user_id}/disable")
async def disable_user(user_id: PathId, caller: Caller, response: Response) -> Answer[UserOut]:
    """Keep a user out at once, whatever tokens they hold; their records and seats stay."""
    return _answer(response, await service.disable(user_id, by=caller), "User disabled")


@router.post("/users/{user_id}/enable")
async def enable_user(user_id: PathId, caller: Caller, response: Response) -> Answer[UserOut]:
    """Let a disabled user in again."""
    return _answer(response, await service.enable(user_id, by=caller), "User enabled")


@router.post("/users/{user_id}/reset-password")
async def reset_password(
    user_id: PathId, caller: Caller, body: ResetPasswordIn | None = None
) -> Answer[ResetPasswordOut]:
    """A new temporary password, also sent to the user; with `extendOnly` the present one works for seven more days."""
    extend_only = body.extend_only if body else False
    view = await service.reset_password(user_id, extend_only=extend_only, by=caller)
    return Answer(
        data=ResetPasswordOut(temporary_password=view.password, password_expiry=view.expires_at),
        message="The temporary password works for longer"
        if extend_only
        else "A new temporary password has been made",
    )


@router.post("/users/{user_id}/retry-provisioning")
async def retry_provisioning(user_id: PathId, caller: Caller, response: Response) -> Answer[UserOut]:
    """Try again to make the account of a user in `provisioning` or `identity_conflict`, or whose account is gone."""
    return _answer(response, await mending.retry_provisioning(user_id, by=caller), "Tried again")


@router.post("/users/{user_id}/adopt-account")
async def adopt_account(user_id: PathId, caller: Caller, response: Response) -> Answer[UserOut]:
    """Confirm that the account which has the address of a user in `identity_conflict` is theirs; its password stays.

    The sign-in server must have verified the address. Otherwise give the user another address and retry-provisioning.
    """
    return _answer(
        response, await mending.adopt_account(user_id, by=caller), "The account has been taken over"
    )
