"""`tms authorisation`: the policy table as a page for people, `docs/authorisation.md`."""

from collections.abc import Iterable

from tms.http.policy import API, Line, Reach
from tms.platform.caller import Role

INTRODUCTION = """\
# Who may do what

Written by `make docs` out of the table that the gate obeys (the `POLICY` beside each router); a test fails when it is stale. A route
without a line in it is not served at all.

| word | the role reaches |
|---|---|
| no | nothing: 401 without a valid access token, 403 with one of another role |
| own | themselves; what they run, are in, are named on, have been given, or started |
| related | also what their own leads to: students of their batches and what those have been given, published courses |
| any | everything |

What is out of reach does not exist for the caller: the answer is the 404 of a thing that is not there, to the letter. Where staff
read further than they change, what they may read and not change is refused with 403.
"""

OPEN_DOORS = """\
## Without an access token

Pages ask for a browser's session instead, forms for their token too; the sign-in server's addresses for a password, a code or a link.
"""

WORDS = {Reach.NONE: "no", Reach.OWN: "own", Reach.RELATED: "related", Reach.ANY: "any"}
COLUMNS = (Role.STUDENT, Role.TRAINER, Role.ADMIN)


def page(lines: Iterable[Line]) -> str:
    """The whole page as Markdown, in the order of paths; it ends with a line break."""
    ordered = sorted(lines, key=lambda line: (line.path, line.method))
    api = [_guarded(line) for line in ordered if line.roles]
    others = [f"| {_route(line)} | {line.sees} |" for line in ordered if not line.roles]
    return "\n".join(
        [
            INTRODUCTION,
            f"## Under `{API}`",
            "",
            "| route | anonymous | student | trainer | administrator | what is seen |",
            "|---|---|---|---|---|---|",
            *api,
            "",
            OPEN_DOORS,
            "| route | who, and what is seen |",
            "|---|---|",
            *others,
            "",
        ]
    )


def _route(line: Line) -> str:
    return f"`{line.method} {line.path}`"


def _guarded(line: Line) -> str:
    reached = [_word(line, role) for role in COLUMNS]
    route = f"`{line.method} {line.path.removeprefix(API)}`"
    return f"| {' | '.join([route, WORDS[Reach.NONE], *reached, line.sees])} |"


def _word(line: Line, role: Role) -> str:
    reach = line.reach(role)
    further = line.sight is not None and line.sight.reads is not Reach.NONE and reach is Reach.OWN
    return f"{WORDS[reach]}; reads {WORDS[line.sight.reads]}" if further and line.sight else WORDS[reach]
