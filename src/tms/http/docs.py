"""The API's documentation, with its assets from a package: nothing is loaded from elsewhere."""

from importlib import resources

from fastapi import APIRouter, Response

from tms.http import policy
from tms.platform.errors import NotFoundError

POLICY = [
    policy.Line("GET", "/openapi.json", policy.PUBLIC, "anybody: the description of the API"),
    policy.Line("GET", "/docs", policy.PUBLIC, "anybody: the description of the API"),
    policy.Line("GET", "/docs/{asset}", policy.PUBLIC, "anybody: the viewer's files"),
]

# The viewer sets styles from script; its scripts are files of ours.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>TMS API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"><link rel="icon" href="/docs/favicon-32x32.png">
</head>
<body><main id="swagger-ui"></main>
<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body>
</html>
"""
START = """SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, filter: true,
  persistAuthorization: true, displayRequestDuration: true, validatorUrl: null});
"""
TYPES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs() -> Response:
    """The viewer."""
    return Response(PAGE, media_type="text/html", headers={"Content-Security-Policy": CSP})


@router.get("/docs/{asset}")
def docs_asset(asset: str) -> Response:
    """The viewer's files, in a worker thread, since they are read from disk."""
    if asset == "start.js":
        return Response(START, media_type="text/javascript")
    if asset not in TYPES:
        raise NotFoundError
    content = (resources.files("fastapi_swagger") / "resources" / asset).read_bytes()
    return Response(content, media_type=TYPES[asset], headers={"Cache-Control": "public, max-age=86400"})
