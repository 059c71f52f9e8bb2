"""The API, assembled: the gate, the rooms' routers, and what each room contributes to the whole."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import APIRouter, FastAPI

from tms import __version__, personal, startup
from tms.batches import assignment_routes
from tms.batches import doctor as batches_doctor
from tms.batches import routes as batches_routes
from tms.content import doctor as content_doctor
from tms.content import media_routes, outlines, upload_routes
from tms.content import routes as content_routes
from tms.courses import doctor as courses_doctor
from tms.courses import routes as courses_routes
from tms.http import assets, description, dispatch, docs, errors, gate, head, health, policy
from tms.http.answers import PROBLEMS
from tms.identity import access, audit_routes
from tms.identity import doctor as identity_doctor
from tms.identity import routes as identity_routes
from tms.identity.builtin import doctor as builtin_doctor
from tms.identity.builtin import routes as builtin_routes
from tms.notifications import doctor as notifications_doctor
from tms.notifications import routes as notifications_routes
from tms.operations import cancelling
from tms.operations import doctor as operations_doctor
from tms.operations import routes as operations_routes
from tms.operations.doctor import Check
from tms.platform import logs
from tms.platform.settings import Settings, get_settings
from tms.progress import doctor as progress_doctor
from tms.progress import routes as progress_routes
from tms.students import doctor as students_doctor
from tms.students import enrolment_routes, personal_routes, preview_routes
from tms.students import routes as students_routes
from tms.web import doctor as web_doctor
from tms.web import problems
from tms.web import routes as web_routes

# Routers under the API's prefix.
API_ROUTERS: list[APIRouter] = [
    students_routes.router,
    progress_routes.router,
    batches_routes.router,
    assignment_routes.router,
    audit_routes.router,
    content_routes.router,
    upload_routes.router,
    media_routes.router,
    courses_routes.router,
    identity_routes.router,
    notifications_routes.router,
    operations_routes.router,
    enrolment_routes.router,
    personal_routes.router,
    preview_routes.router,
]
# Routers at the root: pages, sign-in, and what machines ask about the process.
ROOT_ROUTERS: list[APIRouter] = [
    health.router,
    docs.router,
    assets.router,
    builtin_routes.router,
    *web_routes.ROUTERS,
]

POLICY = policy.Table(
    [
        *health.POLICY,
        *docs.POLICY,
        *assets.POLICY,
        *builtin_routes.POLICY,
        *batches_routes.POLICY,
        *assignment_routes.POLICY,
        *audit_routes.POLICY,
        *content_routes.POLICY,
        *upload_routes.POLICY,
        *media_routes.POLICY,
        *courses_routes.POLICY,
        *identity_routes.POLICY,
        *notifications_routes.POLICY,
        *operations_routes.POLICY,
        *progress_routes.POLICY,
        *enrolment_routes.POLICY,
        *personal_routes.POLICY,
        *preview_routes.POLICY,
        *students_routes.POLICY,
        *web_routes.POLICY,
    ]
)

CHECKS: list[Check] = [
    *operations_doctor.CHECKS,
    *identity_doctor.CHECKS,
    *builtin_doctor.CHECKS,
    *notifications_doctor.CHECKS,
    *courses_doctor.CHECKS,
    *content_doctor.CHECKS,
    *progress_doctor.CHECKS,
    *batches_doctor.CHECKS,
    *students_doctor.CHECKS,
    *web_doctor.CHECKS,
]

personal.join()
# Long work that people may stop, by its kind.
cancelling.join({"content.process": outlines.cancel})

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def _own_database(_: FastAPI) -> AsyncIterator[None]:
    logs.configure()
    settings = get_settings()
    async with startup.database(settings):
        if settings.database_url is None:
            await _welcome_first_administrator(settings)
        yield


async def _welcome_first_administrator(settings: Settings) -> None:
    """Nobody but us looks after the embedded database; without an administrator nobody could use it."""
    first = await startup.first_administrator(settings)
    if first is not None and first.generated_password is not None:
        # Not through the log, which is kept: it is shown once, to who has started us.
        sys.stderr.write(
            f"tms: sign in as {first.email} with {first.generated_password} (shown only now: keep it)\n"
        )


def create_app(lifespan: Lifespan = _own_database) -> FastAPI:
    """The application behind its gate. Without a `lifespan` of the caller's it looks after the database itself."""
    app = FastAPI(
        title="Training Management System",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    for router in API_ROUTERS:
        app.include_router(router, prefix=policy.API, responses=PROBLEMS)
    for router in ROOT_ROUTERS:
        app.include_router(router)
    errors.install(app)
    description.install(app, POLICY)
    app.add_middleware(gate.Gate, table=POLICY, authenticate=access.authenticate)
    problems.install(app)
    app.add_middleware(head.Head)
    dispatch.install(app)
    return app


app = create_app()
