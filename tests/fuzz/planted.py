"""TMS with faults planted beside its own routes, each of a kind that the fuzzer must find; `python -m tests.fuzz.planted`."""

import os

import uvicorn
from fastapi import APIRouter, Response

from tms import app as assembly
from tms.http import policy
from tms.http.answers import Answer
from tms.platform.errors import FieldError, InvalidError
from tms.platform.schemas import Body, Count, Schema

POLICY = [
    policy.line("POST", "/planted/crash", policy.ADMIN, "administrators"),
    policy.line("POST", "/planted/nul", policy.ADMIN, "administrators"),
    policy.line("POST", "/planted/picky", policy.ADMIN, "administrators"),
    policy.line("GET", "/planted/shape", policy.ADMIN, "administrators"),
    policy.line("GET", "/planted/status", policy.ADMIN, "administrators"),
    policy.line("GET", "/planted/form", policy.ADMIN, "administrators"),
    policy.line("GET", "/planted/open", policy.PUBLIC, "anybody, although the description says otherwise"),
]
router = APIRouter(prefix="/planted", tags=["planted"])


class Hours(Body):
    hours: Count


class Name(Body):
    name: str


class Number(Schema):
    number: int


class PlantedError(Exception):
    pass


@router.post("/crash")
async def crash(body: Hours) -> Answer[Number]:
    if body.hours > 1000:
        raise PlantedError
    return Answer(data=Number(number=body.hours))


@router.post("/nul")
async def nul(body: Name) -> Answer[Number]:
    if "\x00" in body.name:
        raise PlantedError
    return Answer(data=Number(number=len(body.name)))


@router.post("/picky")
async def picky(body: Name) -> Answer[Number]:
    """Wants what the description does not say."""
    if not body.name.startswith("A"):
        raise InvalidError(fields=[FieldError("name", "must begin with A")])
    return Answer(data=Number(number=len(body.name)))


@router.get("/shape", response_model=Answer[Number])
async def shape() -> Response:
    return Response(
        '{"success": true, "data": {"number": "one"}, "message": null}', media_type="application/json"
    )


@router.get("/status")
async def status(response: Response) -> Answer[Number]:
    response.status_code = 418
    return Answer(data=Number(number=1))


@router.get("/form", response_model=Answer[Number])
async def form() -> Response:
    return Response("one", media_type="text/plain")


@router.get("/open")
async def opened() -> Answer[Number]:
    return Answer(data=Number(number=1))


if __name__ == "__main__":
    assembly.API_ROUTERS.append(router)
    assembly.POLICY = policy.Table([*assembly.POLICY.lines, *POLICY])
    app = assembly.create_app()
    app.openapi()["paths"]["/api/v1/planted/open"]["get"]["security"] = [{"accessToken": []}]
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["TMS_PORT"]),
        log_config=None,
        access_log=False,
    )
