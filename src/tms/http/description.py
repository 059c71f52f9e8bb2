"""The OpenAPI document, made true: who needs a token, which errors each route can answer, and in which form.

The framework knows the routes' shapes; tokens, sizes and the form of errors are decided before and after it, by the gate
and the error handlers, so what it writes about them is put right here, from the policy table.
"""

from typing import Any

from fastapi import FastAPI

from tms.http.policy import API, Line, Table

Json = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM = "application/problem+json"
SCHEME = "accessToken"
ABOUT = """Lists come in pages: pass `page.nextCursor` as `cursor`. Errors are problem documents (RFC 9457) with a stable
`code`. A POST with an `Idempotency-Key` is done once, however often it is sent. Times are RFC 3339 in UTC."""
TAGS = {
    "identity": "Users, their roles, and oneself",
    "students": "Enrolment, and a student as a whole",
    "courses": "Courses, their sections and trainers",
    "content": "Documents that become sections, and the pictures of sections",
    "batches": "Groups with dates, seats, trainers and courses",
    "assignments": "Who must take which course by when",
    "progress": "What was learnt",
    "e-mail": "What was written to whom",
    "operations": "Long work, and what machines ask about the process",
}
# Versions are numbers; anything else that a header may hold was never given out, and answers 412.
_ETAG = r'^(\*|(W/)?"[0-9]{1,9}")$'
_RETRY_AFTER: Json = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
_CHALLENGE: Json = {"description": "`Bearer`, and what is wrong.", "schema": {"type": "string"}}
_HEADERS: dict[str, Json] = {
    "401": {"WWW-Authenticate": _CHALLENGE},
    "429": {"Retry-After": _RETRY_AFTER},
    "503": {"Retry-After": _RETRY_AFTER},
}


def install(app: FastAPI, table: Table) -> None:
    """Let `/openapi.json` and `/docs` show the document with what the gate does."""
    generate = app.openapi

    def described() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _corrected(generate(), table)
        return app.openapi_schema

    # The framework's own extension point is this assignment.
    app.openapi = described  # type: ignore[method-assign]


def _corrected(document: Json, table: Table) -> Json:
    document["info"]["description"] = ABOUT
    used = {tag for _, operation in _operations(document) for tag in operation.get("tags", ())}
    document["tags"] = [
        {"name": name, "description": text} for name, text in TAGS.items() if name in used
    ] + [{"name": name} for name in sorted(used - TAGS.keys())]
    components = document["components"]
    components["securitySchemes"] = {
        SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token of the sign-in server.",
        }
    }
    # The framework's form of a refused body, which no route answers.
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    for (method, path), operation in _operations(document):
        line = table.find(method.upper(), path)
        if line is not None:
            _correct(operation, line)
    return document


def _operations(document: Json) -> list[tuple[tuple[str, str], Json]]:
    return [
        ((method, path), operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def _correct(operation: Json, line: Line) -> None:
    operation["security"] = [{SCHEME: []}] if line.roles else []
    for parameter in operation.get("parameters", ()):
        _correct_parameter(parameter)
    responses = operation["responses"]
    for status in list(responses):
        if status[0] in "45":
            if line.path.startswith(API) and not _can_answer(status, operation, line):
                del responses[status]
            else:
                _as_problem(status, responses[status])


def _correct_parameter(parameter: Json) -> None:
    """Only a body can hold null; a query or header is there or not."""
    schema = parameter["schema"]
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del schema["anyOf"]
        schema |= choices[0] | schema
    if parameter["name"].lower() == "if-match":
        schema["pattern"] = _ETAG
        parameter["description"] = "The `ETag` that was read; if it has changed since, the answer is 412."


def _can_answer(status: str, operation: Json, line: Line) -> bool:
    """Whether a route with such parameters can answer this; what is not named here, it can."""
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    names = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
    has_body = "requestBody" in operation
    writes = line.method != "GET"
    possible = {
        "400": "path" in places or has_body or "idempotency-key" in names,
        "401": bool(line.roles),
        "403": bool(line.roles),
        "404": "path" in places,
        "408": has_body,
        "409": writes,
        "412": "if-match" in names,
        "413": has_body,
        "422": writes or "query" in places,
        "429": line.limit is not None,
    }
    return possible.get(status, True)


def _as_problem(status: str, response: Json) -> None:
    response["content"] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
