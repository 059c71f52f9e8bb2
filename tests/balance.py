"""The order of the tests: the files that take longest come first, so that no process works on alone at the end.

Processes take whole files (`--dist loadfile`), whose tests share what their module prepares: an installation, a browser, a
world.
"""

# The slowest first; each took more than ten seconds of two cores.
SLOW = (
    "keycloak/test_main_job",
    "keycloak/test_faults",
    "keycloak/test_comparison_faults",
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
    "races/test_crossings",
    "doctor/test_doctor_command",
    "doctor/test_promises",
    "access/test_answer_fields",
    "students/test_progress_property",
    "fuzz/test_sockets",
    "fuzz/test_claims",
    "erasure/test_erasure",
    "keycloak/test_both_sides",
    "keycloak/test_many_accounts",
)
PLACES = {f"tests/{name}.py": place for place, name in enumerate(SLOW)}


def pytest_collection_modifyitems(items):
    """Put the tests in order; those of a file keep theirs."""
    items.sort(key=lambda item: PLACES.get(item.nodeid.partition("::")[0], len(PLACES)))
