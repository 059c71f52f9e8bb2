"""The one place where errors become answers: problem documents (RFC 9457) with a stable `code`."""

import logging
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from tms.platform import logs
from tms.platform.errors import DomainError, FieldError, InvalidError, UnavailableError
from tms.platform.schemas import Schema

logger = logging.getLogger(__name__)


class ProblemField(Schema):
    """One field at fault."""

    field: str
    message: str


class Problem(BaseModel):
    """Every answer that is not a success."""

    success: bool = False
    type: str = Field(examples=["about:blank"])
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable and machine-readable.")
    errors: list[ProblemField] = []
    requestId: str | None = None  # noqa: N815 - the wire's spelling, in the one schema of the http room


class InvalidIdError(DomainError):
    """An id in the path that is not spelled as ids are."""

    status = 400
    code = "invalid_id"
    title = "The id in the address is not valid"


class MalformedBodyError(DomainError):
    """A body that is not JSON at all."""

    status = 422
    code = "malformed_body"
    title = "The body is not valid JSON"


class InvalidBodyError(DomainError):
    """A body or query whose fields are at fault."""

    status = 422
    code = "validation_failed"
    title = "Some fields are not valid"


class ConflictError(DomainError):
    """A constraint of the database that no domain error names."""


class BusyError(UnavailableError):
    """The database does not answer, or has no connection to give."""

    code = "database_unavailable"
    title = "The database does not answer at the moment; try again shortly"
    retry_after = 2


CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "body_too_slow",
    413: "body_too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
}


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    fields: tuple[FieldError, ...] = (),
    retry_after: int | None = None,
) -> JSONResponse:
    """A problem document as an answer."""
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="tms"' + (
            ', error="invalid_token"' if code != "no_token" else ""
        )
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    body: dict[str, Any] = {
        "success": False,
        "type": f"urn:tms:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [{"field": entry.field, "message": entry.message} for entry in fields],
        "requestId": logs.request_id.get(),
    }
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def answer(error: DomainError) -> JSONResponse:
    """The answer to a domain error."""
    return problem(
        error.status,
        error.code,
        error.title,
        error.detail,
        fields=error.fields,
        retry_after=error.retry_after,
    )


async def _on_domain_error(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, DomainError):
        raise error
    return answer(error)


def _field(location: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _message(entry: dict[str, Any]) -> str:
    message = str(entry["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


async def _on_validation_error(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    entries = error.errors()
    fields = tuple(FieldError(_field(entry["loc"]), _message(entry)) for entry in entries[:50])
    if any(entry["loc"][0] == "path" for entry in entries):
        return answer(
            InvalidIdError("Ids are written in lower case with hyphens, as TMS gives them.", fields=fields)
        )
    if any(entry["type"] == "json_invalid" for entry in entries):
        return answer(
            MalformedBodyError(
                "Send one JSON value in UTF-8 with content type application/json, and name each field once."
            )
        )
    return answer(InvalidBodyError("; ".join(f"{f.field}: {f.message}" for f in fields)[:500], fields=fields))


async def _on_http_exception(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    title = HTTPStatus(error.status_code).phrase
    code = CODES.get(error.status_code, title.lower().replace(" ", "_"))
    detail = (
        "The body could not be read as what its content type says." if error.status_code == 400 else title
    )
    if error.status_code == 413 and error.detail:
        detail = error.detail
    response = problem(error.status_code, code, title, detail)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def constraint_of(error: DBAPIError) -> str | None:
    """The name of the constraint that refused, if one did."""
    diagnostics = getattr(error.orig, "diag", None)
    name: str | None = getattr(diagnostics, "constraint_name", None)
    return name


async def _on_integrity_error(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, IntegrityError):
        raise error
    name = constraint_of(error)
    known = DomainError.by_constraint.get(name or "")
    if known is not None:
        return answer(known())
    logger.error("constraint without a domain error", extra={"constraint": name})
    return answer(
        ConflictError("Somebody else changed the same things at the same time; read them again and retry.")
    )


def _unavailable(error: Exception) -> JSONResponse | None:
    """The answer where the database is away, overloaded, or chose this request as the loser; else none."""
    if isinstance(error, PoolTimeoutError | InterfaceError):
        return answer(BusyError())
    if not isinstance(error, DBAPIError):
        return None
    state = getattr(error.orig, "sqlstate", None) or ""
    # 40001 serialisation, 40P01 dead-lock, 55P03 lock not available, 57014 statement time-out: trying again is right.
    again = state in {"40001", "40P01", "55P03", "57014"}
    if error.connection_invalidated or isinstance(error, OperationalError) or again:
        logger.warning("database refused", extra={"sqlstate": state})
        return answer(BusyError())
    return None


def of_database(path: str, error: Exception) -> JSONResponse:
    """The answer to an error of the database, for the gate and for routes."""
    busy = _unavailable(error)
    if busy is not None:
        return busy
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    # 22xxx: a value that no column takes and that slipped past the schema; never the server's fault.
    if state.startswith("22"):
        logger.error("value refused by the database", extra={"sqlstate": state, "path": path})
        return answer(InvalidError("A value is outside of what can be stored."))
    return crashed(path, error)


async def _on_database_error(request: Request, error: Exception) -> JSONResponse:
    return of_database(request.url.path, error)


async def _on_crash(request: Request, error: Exception) -> JSONResponse:
    return crashed(request.url.path, error)


def crashed(path: str, error: Exception) -> JSONResponse:
    """The answer to an error that nobody has foreseen, which is logged."""
    incident = logs.request_id.get() or str(uuid4())
    logger.error("request failed", exc_info=error, extra={"path": path, "incident": incident})
    return problem(
        500,
        "internal_error",
        "Something went wrong on our side",
        f"It has been logged as incident {incident}.",
    )


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(DomainError, _on_domain_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(IntegrityError, _on_integrity_error)
    app.add_exception_handler(DBAPIError, _on_database_error)
    app.add_exception_handler(PoolTimeoutError, _on_database_error)
    app.add_exception_handler(Exception, _on_crash)
