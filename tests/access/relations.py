"""Who stands how to what: written down by hand, so that the predicates under test have no say in what is expected.

`own`: they run it, are in it, are named on it, have been given or started it, or it is themselves. `related`: what is
theirs leads to it. Who is not named is a stranger to it; administrators reach everything but what only learners have.
"""

from tms.http.policy import Reach
from tms.platform.caller import Role

OWN, RELATED, FOREIGN = Reach.OWN, Reach.RELATED, Reach.ANY
"""`Reach.ANY` is what a stranger's thing takes."""

# Who asks; the last four hold an administrator's credentials of which something is wrong, or nothing at all.
LEARNERS = {
    "student self": "self",
    "student of the same batch": "mate",
    "student of another batch": "stranger",
}
TRAINERS = {"trainer of it": "trainer", "trainer of another": "other"}
ROLES = {
    **dict.fromkeys(LEARNERS, Role.STUDENT),
    **dict.fromkeys(TRAINERS, Role.TRAINER),
    "administrator": Role.ADMIN,
}
REFUSED = {
    "anonymous": (401, "no_token"),
    "disabled": (403, "account_disabled"),
    "expired token": (401, "invalid_token"),
    "unknown account": (403, "account_not_linked"),
}
SUBJECTS = (*REFUSED, *ROLES)

SELF, MATE, STRANGER = LEARNERS
TRAINER, OTHER = TRAINERS
ADMIN = "administrator"

MISSING = "missing"
RELATIONS = {
    # `home`: self and mate, run by trainer. `shared`: self alone, run by other. `away`: stranger, run by other.
    "batch": {
        "home": {OWN: {TRAINER, SELF, MATE}, RELATED: {OTHER}},
        "shared": {OWN: {OTHER, SELF}, RELATED: {TRAINER, MATE}},
        "away": {OWN: {OTHER, STRANGER}},
    },
    # What can be read. `draft` is assigned to self, `closed` is archived and was taken from self: neither shows.
    "course": {
        "home": {OWN: {TRAINER, SELF, MATE}, RELATED: {OTHER}},
        "away": {OWN: {OTHER, SELF, STRANGER}, RELATED: {TRAINER, MATE}},
        "draft": {OWN: {OTHER}, RELATED: {SELF}},
        "closed": {OWN: {TRAINER, MATE}, RELATED: {SELF}},
        "blank": {OWN: {TRAINER}},
    },
    # What can be learnt, whatever the role: trainer was given `away` by hand, nobody else but students has any. Nobody
    # learns a draft.
    "lesson": {
        "home": {OWN: {SELF, MATE}, RELATED: {TRAINER}},
        "away": {OWN: {SELF, STRANGER, TRAINER}, RELATED: {OTHER}},
        "closed": {OWN: {MATE}, RELATED: {SELF, TRAINER}},
    },
    # `former`: trainer, who was a student once.
    "student": {
        "self": {OWN: {SELF}, RELATED: {TRAINER, OTHER, MATE}},
        "mate": {OWN: {MATE}, RELATED: {TRAINER, SELF}},
        "stranger": {OWN: {STRANGER}, RELATED: {OTHER}},
        "former": {OWN: {TRAINER}},
    },
    # Trainers own what came by hand or from their batches to their students; what else these have is related.
    "assignment": {
        "self home": {OWN: {TRAINER, SELF}, RELATED: {OTHER}},
        "mate home": {OWN: {TRAINER, MATE}},
        "self away": {OWN: {OTHER, SELF}, RELATED: {TRAINER}},
        "stranger away": {OWN: {OTHER, STRANGER}},
        "mate closed": {OWN: {TRAINER, MATE}},
        "self draft": {OWN: {OTHER}},
        "former away": {RELATED: {TRAINER}},
    },
    # Documents of courses, for those who may change these; who sent them does not matter.
    "upload": {"home": {OWN: {TRAINER}}, "away": {OWN: {OTHER}}, "draft": {OWN: {OTHER}}},
    "job": {"trainer's": {OWN: {TRAINER}}, "other's": {OWN: {OTHER}}, "office's": {RELATED: {TRAINER}}},
    # Long work that has not ended.
    "reading": {"trainer's": {OWN: {TRAINER}}, "other's": {OWN: {OTHER}}, "office's": {RELATED: {TRAINER}}},
    "user": {"self": {OWN: {SELF}}, "other": {OWN: {OTHER}}, "waiting": {}},
    "email": {"to self": {OWN: {SELF}}, "to nobody": {}},
}


def relation(kind, name, subject):
    """How far a subject has to reach for a thing."""
    for tier in (OWN, RELATED):
        if subject in RELATIONS[kind][name].get(tier, ()):
            return tier
    return FOREIGN


_STEPS = list(Reach)


def reaches(reach, tier):
    """Whether what is `tier` to somebody lies within `reach`."""
    return reach is not Reach.NONE and _STEPS.index(tier) <= _STEPS.index(reach)
