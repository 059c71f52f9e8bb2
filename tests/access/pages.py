"""The doors of the pages, which a browser's session opens, and those that stand open to anybody.

The gate knows only tokens, so the policy table calls pages public; whom they let in is stated here as a line would.
"""

from tests.access.doors import EDITABLE, Door, files

from tms.http.policy import ADMIN, EVERYONE, STAFF, Line, Reach, Sight

_LEARNS = EVERYONE, Sight("their own courses", admin=Reach.OWN, trainer=Reach.OWN, student=Reach.OWN)
_RUNS = STAFF, Sight("batches that they run", trainer=Reach.OWN)
_READS = STAFF, Sight("published courses and those they are named on", trainer=Reach.RELATED)
_OFFICE = ADMIN, Sight("administrators only")

_EDITS = STAFF, Sight("courses that they are named on", trainer=Reach.OWN)
_EDITS_COURSES = STAFF, Sight("courses that they are named on", trainer=Reach.OWN, reads=Reach.RELATED)
_STARTED = STAFF, Sight("what they started", trainer=Reach.OWN)

_LESSON = Door("lesson", "course_id")
_COURSE = Door("course", "course_id")
_UPLOAD = Door("upload", "upload_id")
_UPLOADING = Door("course", "course_id", names=EDITABLE, files=files)
_TIME = Door("lesson", "course_id", form={"seconds": "5"})

_PAGES = {
    "GET /my": (*_LEARNS, Door()),
    "GET /my/courses/{course_id}": (*_LEARNS, _LESSON),
    "GET /my/courses/{course_id}/continue": (*_LEARNS, _LESSON),
    "GET /my/courses/{course_id}/sections/{section_id}": (*_LEARNS, _LESSON),
    "POST /my/courses/{course_id}/sections/{section_id}": (*_LEARNS, _LESSON),
    "POST /my/courses/{course_id}/sections/{section_id}/time": (*_LEARNS, _TIME),
    "GET /staff": (*_RUNS, Door()),
    "GET /staff/batches/{batch_id}": (*_RUNS, Door("batch", "batch_id")),
    "GET /staff/courses": (*_READS, Door()),
    "GET /staff/courses/{course_id}": (*_READS, _COURSE),
    "GET /staff/courses/{course_id}/sections/{section_id}": (*_READS, _COURSE),
    "POST /staff/courses/{course_id}/uploads": (*_EDITS_COURSES, _UPLOADING),
    "GET /staff/uploads/{upload_id}": (*_EDITS, _UPLOAD),
    "GET /staff/uploads/{upload_id}/original": (*_EDITS, _UPLOAD),
    "GET /staff/uploads/{upload_id}/lessons/{place}": (*_EDITS, _UPLOAD),
    "POST /staff/uploads/{upload_id}/difference": (*_EDITS, _UPLOAD),
    "POST /staff/uploads/{upload_id}/apply": (*_EDITS, _UPLOAD),
    "POST /staff/uploads/{upload_id}/discard": (*_EDITS, _UPLOAD),
    "GET /staff/jobs/{job_id}/events": (*_STARTED, Door("job", "job_id")),
    "POST /staff/jobs/{job_id}/cancel": (*_STARTED, Door("reading", "job_id")),
    "GET /staff/emails": (*_OFFICE, Door()),
    "GET /staff/emails/{email_id}": (*_OFFICE, Door("email", "email_id")),
}

_ACTIONS = "/realms/{realm}/login-actions"
_PROTOCOL = "/realms/{realm}/protocol/openid-connect"
# What anybody gets, whatever token they hold: a password, a code, a link or a browser's session opens these, or nothing.
_OPEN = {
    "GET /": 200,
    "GET /docs": 200,
    "GET /docs/{asset}": 404,
    "GET /health": 200,
    "GET /login": 303,
    "GET /login/callback": 400,
    "POST /logout": 303,
    "POST /login/back-channel-logout": 400,
    "GET /metrics": 200,
    "GET /openapi.json": 200,
    "GET /ready": 200,
    "GET /static/{asset}": 200,
    "GET /api/v1/media/{media_id}": 404,
    "GET /realms/{realm}/.well-known/openid-configuration": 200,
    "GET /realms/{realm}/account": 303,
    "POST /realms/{realm}/account/password": 400,
    "POST /realms/{realm}/account/sign-out-everywhere": 400,
    f"GET {_ACTIONS}/action-token": 400,
    f"POST {_ACTIONS}/action-token": 400,
    f"GET {_ACTIONS}/authenticate": 200,
    f"POST {_ACTIONS}/authenticate": 400,
    f"GET {_ACTIONS}/required-action": 302,
    f"POST {_ACTIONS}/required-action": 400,
    f"GET {_ACTIONS}/reset-credentials": 200,
    f"POST {_ACTIONS}/reset-credentials": 400,
    f"GET {_PROTOCOL}/auth": 400,
    f"GET {_PROTOCOL}/certs": 200,
    f"GET {_PROTOCOL}/logout": 200,
    f"POST {_PROTOCOL}/logout": 400,
    f"POST {_PROTOCOL}/revoke": 400,
    f"POST {_PROTOCOL}/token": 400,
}
# Tells those who hold a token about themselves; the sign-in server's own answers, tested with it.
_USERINFO = {f"{method} {_PROTOCOL}/userinfo" for method in ("GET", "POST")}

ADDRESSES = {"realm": "tms", "asset": "tms.css", "media_id": "0192f0c1-2345-7abc-8def-0123456789ab"}


def _route(text):
    method, _, path = text.partition(" ")
    return method, path


LINES = [
    Line(*_route(route), roles, sight.phrase, sight=sight) for route, (roles, sight, _) in _PAGES.items()
]
DOORS = {_route(route): door for route, (_, _, door) in _PAGES.items()}
OPEN = {_route(route): status for route, status in _OPEN.items()}
USERINFO = {_route(route) for route in _USERINFO}
