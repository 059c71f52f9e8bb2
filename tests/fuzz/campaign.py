"""Schemathesis against a served TMS, as one role, with the checks that it has."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

SECONDS = 3600


@dataclass
class Outcome:
    status: int
    said: str
    answered: dict


def fuzz(url, world, folder, *, role, token, examples, phases="fuzzing", more=()):
    """Run it to its end; `answered` counts answers by method, path template and status."""
    told, answered = folder / "world.json", folder / f"answered-{role}.json"
    told.write_text(json.dumps(world))
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    words = [
        *("--config-file", str(config), "run", f"{url}/openapi.json", "--phases", phases),
        *("--max-examples", str(examples), "--seed", "1", "--no-color", "--continue-on-failure"),
        *(("-H", f"Authorization: Bearer {token}") if token else ()),
        *more,
    ]
    settings = {
        "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks",
        "TMS_FUZZ_WORLD": str(told),
        "TMS_FUZZ_ANSWERED": str(answered),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    ran = subprocess.run(
        [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", *words],
        cwd=folder,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Outcome(ran.returncode, ran.stdout, json.loads(answered.read_text()) if answered.exists() else {})


CONFIG = """
workers = 1
request-timeout = 20
color = false

[generation]
allow-x00 = true
deterministic = true
database = "none"
no-shrink = true

[checks]
# It knows statuses alone; `hooks.what_fits_is_refused_by_a_rule_alone` looks at the grounds.
positive_data_acceptance.enabled = false
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 429]
"""
