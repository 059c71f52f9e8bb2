"""The pages' routers and policy lines, joined for the assembly."""

from tms.web import documents, entrance, learner, outlines, sign_out, staff

ROUTERS = [
    entrance.router,
    sign_out.router,
    learner.router,
    staff.router,
    documents.router,
    outlines.router,
]

# The gate asks for bearer tokens, and pages have cookies: to the gate they are public, and `visitor` is their door.
POLICY = [
    *entrance.POLICY,
    *sign_out.POLICY,
    *learner.POLICY,
    *staff.POLICY,
    *documents.POLICY,
    *outlines.POLICY,
]
