"""The OpenAPI document says of each route what the policy and the error handlers do."""

import re

import pytest

from tms.app import POLICY
from tms.http.policy import API

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document(app):
    return app.openapi()


@pytest.fixture(scope="module")
def operations(document):
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_every_line_of_the_policy_under_the_api_is_described(operations):
    lines = {f"{line.method} {line.path}" for line in POLICY.lines if line.path.startswith(f"{API}/")}
    assert {place for place in operations if f" {API}/" in place} == lines


def test_who_needs_a_token(operations):
    for place, operation in operations.items():
        line = POLICY.find(*place.split(" "))
        assert bool(operation["security"]) == bool(line.roles), place
        assert ("401" in operation["responses"]) == bool(line.roles), place
        assert ("403" in operation["responses"]) == bool(line.roles), place


def test_people_can_read_it(document, operations):
    assert {tag["name"] for tag in document["tags"]} == {
        tag for operation in operations.values() for tag in operation["tags"]
    }
    assert all(tag["description"] for tag in document["tags"])
    for place, operation in operations.items():
        assert operation["summary"], place
        assert operation["description"].endswith("."), place
        assert len(operation["tags"]) == 1, place
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)


def test_errors_are_problem_documents(operations):
    for place, operation in operations.items():
        assert any(status.startswith("2") for status in operation["responses"]), place
        for status, response in operation["responses"].items():
            if status[0] in "45":
                assert response["content"] == {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                }, (place, status)
                assert ("Retry-After" in response.get("headers", {})) == (status in {"429", "503"}), place


def test_statuses_that_follow_from_the_parameters(operations):
    for place, operation in operations.items():
        if f" {API}/" not in place:
            continue
        found = operation["responses"].keys()
        names = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
        assert ("412" in found) == ("if-match" in names), place
        assert ("413" in found) == ("requestBody" in operation), place
        assert ("{" in place) <= ({"400", "404"} <= found), place
        assert "503" in found, place


def test_parameters(operations):
    for place, operation in operations.items():
        parameters = operation.get("parameters", ())
        written = set(re.findall(r"\{(\w+)\}", place))
        assert {one["name"] for one in parameters if one["in"] == "path"} == written, place
        for one in parameters:
            assert "null" not in str(one["schema"].get("anyOf", "")), (place, one["name"])
            if one["in"] == "path":
                assert one["schema"]["format"] == "uuid", place
                assert one["schema"]["examples"], place


def test_a_document_is_sent_as_a_form(operations):
    content = operations[f"POST {API}/courses/{{course_id}}/upload-content"]["requestBody"]["content"]
    assert content["multipart/form-data"]["schema"]["required"] == ["file"]


def test_every_reference_leads_somewhere_and_nothing_is_left_over(document):
    schemas = document["components"]["schemas"]
    used = set(re.findall(r"#/components/schemas/([\w.-]+)", str(document)))
    assert used == schemas.keys()
