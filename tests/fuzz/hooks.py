"""What Schemathesis loads beside the document: real ids in place of random ones, and a count of what was answered.

Loaded in the fuzzer's own process, which knows nothing of TMS but the document and the ids in `TMS_FUZZ_WORLD`.
"""

import atexit
import json
import os
import re
from collections import Counter
from itertools import count
from pathlib import Path
from uuid import UUID

import schemathesis

WORLD = json.loads(Path(os.environ["TMS_FUZZ_WORLD"]).read_text())
POOLS = WORLD["pools"]
answered = Counter()
numbers = count()
with_text = count(1)

# Parameters and fields by the kind of thing whose ids they take.
KINDS = {
    "student": "student_id",
    "course": "course_id",
    "batch": "batch_id",
    "trainer": "user_id",
    "batchId": "batch_id",
    "toBatchId": "batch_id",
    "studentIds": "student_id",
}
# One in ten stays unknown, so that this is tried too.
UNKNOWN_OF_TEN = 1
NUL_EVERY = 6
# The example of the document, which is nobody's.
EXAMPLE = "0192f0c1-2345-7abc-8def-0123456789ab"
# What a file of the right form may be refused for.
DOCUMENTS = (
    "unsupported_type",
    "type_mismatch",
    "empty_file",
    "corrupt_document",
    "document_refused",
    "no_content",
    "no_media",
)
# Rules that no schema can state, by code and by what is said: the only grounds on which a request that fits the document
# is refused as a bad one. What needs another status (404 for what is not there, 409 for a broken rule) says so with it.
RULES = {
    "version_changed": re.compile(""),
    "idempotency_key_reused": re.compile(""),
    "unknown_student": re.compile("does not exist"),
    "unknown_edition": re.compile(""),
    "not_a_trainer": re.compile(""),
    "not_a_student": re.compile("is not a student"),
    "course_without_sections": re.compile(""),
    "plan_does_not_add_up": re.compile(
        "is no row of this outline|the parts of this row are|is used twice|(is|are) neither in a lesson"
        "|names a row, or pages|has no pages that could|comes after the last one|the pages of this document are"
        "|no text begins on"
    ),
    "malformed_form": re.compile("has more than 10 fields"),
    **dict.fromkeys(DOCUMENTS, re.compile("")),
    "invalid_page": re.compile("was not given out by this list|must be one of"),
    "invalid": re.compile(
        "does not exist|must be later than the date it extends|must name every section of the course exactly once"
        "|is the batch that the student is in|must be an active trainer or administrator"
        "|names sections that were edited by hand"
    ),
    "validation_failed": re.compile(
        "must not be blank|must lie between 1900 and 2999|must not lie before|must name an IANA time zone"
        "|must be an e-mail address|must be a full address|must hold something that can be seen"
    ),
}
# 2.0 is an integer to JSON Schema, and a number with a fraction to TMS.
FRACTION = "input should be a valid integer"
BAD_REQUEST = {400, 405, 406, 411, 412, 413, 415, 422}
spoiled = set()
"""Cases into which NUL was put: they do not fit the document any more."""
ETAG = re.compile(r'(\*|(W/)?"[0-9]{1,9}")')


def _random(value):
    """The number behind an id that the fuzzer has made up; ids of TMS, which it has found in answers, are version 7."""
    try:
        found = UUID(value)
    except (ValueError, AttributeError, TypeError):
        return None
    if value == EXAMPLE:
        return next(numbers) * 10
    if found.version == 7 or str(found) != value or found.int % 10 < UNKNOWN_OF_TEN:
        return None
    return found.int


def _real(kind, value):
    number = _random(value)
    if number is None or kind not in POOLS:
        return value
    return POOLS[kind][number // 10 % len(POOLS[kind])][0]


def _path(place, parameters):
    """Ids that belong together where the path has two, or that are kept for this operation."""
    if not parameters or not all(isinstance(value, str) for value in parameters.values()):
        return
    names = sorted(parameters)
    pool = POOLS.get(place) or POOLS.get(",".join(names))
    number = next(numbers)
    # Ids that the fuzzer has found in answers, each of them real, hardly ever belong together.
    if pool is None or number % 10 < UNKNOWN_OF_TEN or not all(map(_is_id, parameters.values())):
        return
    parameters.update(zip(names, pool[number % len(pool)], strict=True))


def _is_id(value):
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) is not None


def _with_nul(case):
    """The fuzzer draws NUL so seldom that a campaign may never send one."""
    if not any(_texts(case.query) + _texts(case.body)) or next(with_text) % NUL_EVERY:
        return
    spoiled.add(case.id)
    # Cases share what they were made of: it is not changed in place.
    case.query, case.body = _spoil(case.query), _spoil(case.body)


def _texts(fields):
    return [name for name, value in _named(fields).items() if isinstance(value, str)]


def _spoil(fields):
    return (
        {**fields, **{name: f"{fields[name]}\x00" for name in _texts(fields)}} if _texts(fields) else fields
    )


@schemathesis.hook
def before_call(context, case, kwargs):
    path = case.path_parameters if isinstance(case.path_parameters, dict) else {}
    _path(f"{case.method.upper()} {case.path}", path)
    if isinstance(case.query, dict):
        for name, value in case.query.items():
            if name in KINDS:
                case.query[name] = _real(KINDS[name], value)
    if case.path.endswith("/media/{media_id}") and len(str(case.query.get("signature", ""))) % 2 == 0:
        case.query["signature"] = WORLD["signature"]
    _body(case.body, path)
    _with_nul(case)
    if case.path.endswith("/upload-content") and "file" in _named(case.body) and next(numbers) % 2:
        kwargs["files"] = {"file": ("made.docx", bytes.fromhex(WORLD["document"]))}
    if case.path.endswith("/media") and "file" in _named(case.body) and next(numbers) % 2:
        kwargs["files"] = {"file": ("dot.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>')}
    # A random version is never the present one, so that nothing would ever be edited.
    sent = (case.headers or {}).get("if-match")
    if isinstance(sent, str) and ETAG.fullmatch(sent) and len(sent) % 3:
        case.headers["if-match"] = "*"


def _named(body):
    return body if isinstance(body, dict) else {}


def _at(body, field):
    """What stands at a place such as `skip.7.toPart`; none where the body has no such place."""
    for name in field.split("."):
        if isinstance(body, list) and name.isdigit() and int(name) < len(body):
            body = body[int(name)]
        else:
            body = body.get(name) if isinstance(body, dict) else None
    return body


def _body(body, path):
    if not isinstance(body, dict):
        return
    if isinstance(body.get("sectionIds"), list) and len(body["sectionIds"]) % 2 == 0:
        body["sectionIds"] = WORLD["orders"].get(path.get("course_id"), body["sectionIds"])
    if isinstance(body.get("email"), str) and "@" in body["email"] and next(numbers) % 2:
        body["email"] = f"fuzzed{next(numbers)}@example.org"
    for name, kind in KINDS.items():
        value = body.get(name)
        if isinstance(value, list):
            body[name] = [_real(kind, one) for one in value]
        elif isinstance(value, str):
            body[name] = _real(kind, value)


@schemathesis.check
def what_fits_is_refused_by_a_rule_alone(context, response, case):
    """A request that the document allows is refused as a bad one on the grounds of `RULES`, or the document is wrong."""
    if case.meta is None or not case.meta.generation.mode.is_positive or case.id in spoiled:
        return
    # Links out of answers bring what is no id: `None` where a value is null, a student's code.
    if not all(_is_id(str(value)) for value in (case.path_parameters or {}).values()):
        return
    if response.status_code not in BAD_REQUEST or response.request.method != case.method.upper():
        return
    problem = response.json()
    rule = RULES.get(problem["code"])
    wrong = [
        f"{entry['field']} {entry['message']}"
        for entry in problem["errors"] or [{"field": "", "message": problem["detail"]}]
        if (rule is None or not rule.search(entry["message"]))
        and not (entry["message"] == FRACTION and isinstance(_at(case.body, entry["field"]), float))
    ]
    assert not wrong, f"refused although it fits the document: {problem['code']}: {wrong}"


@schemathesis.hook
def after_call(context, case, response):
    answered[f"{case.operation.method.upper()} {case.operation.path} {response.status_code}"] += 1


@atexit.register
def _tell():
    Path(os.environ["TMS_FUZZ_ANSWERED"]).write_text(json.dumps(answered))
