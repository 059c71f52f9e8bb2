"""How tests are shared out among processes: file by file, those first that take long, so that nobody works on alone at the end.

A file stays together because its tests share what its module prepares: an installation, a browser, a world. Two files
look at the answers of the access matrix, which a process asks for once.
"""

import pytest

# The slowest first; each took more than twenty seconds on two cores.
SLOW = (
    "keycloak/test_main_job",
    "keycloak/test_faults",
    "keycloak/test_both_sides",
    "crash/test_kills",
    "runtime/test_up",
    "fuzz/test_fuzzing",
    "backup/test_backup",
    "access/test_matrix",
    "races/test_races",
    "content/test_upload",
    "crash/test_keys",
    "runtime/test_embedded",
    "web/test_pages_in_chromium",
    "students/test_progress_property",
    "doctor/test_doctor_command",
    "doctor/test_promises",
    "fuzz/test_sockets",
    "erasure/test_erasure",
)
ORDER = {f"tests/{name}.py": place for place, name in enumerate(SLOW)}
MATRIX = {"tests/access/test_matrix.py", "tests/access/test_answer_fields.py"}


def _file(item):
    return item.nodeid.partition("::")[0]


def _group(item):
    file = _file(item)
    return "access/matrix" if file in MATRIX else file


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Order the tests and name the group of each, before pytest-xdist reads it; one process has the same order."""
    items.sort(key=lambda item: ORDER.get(_file(item), len(ORDER)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
