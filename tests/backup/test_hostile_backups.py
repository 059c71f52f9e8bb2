"""A file that is not the backup that was made is refused before anything is done with it."""

import json
import random
import shutil
import stat
import zipfile
from datetime import UTC, datetime

import pytest

from tms.cli.backup.archive import (
    MANIFEST,
    SEAL,
    BrokenBackupError,
    Manifest,
    Part,
    Reader,
    Sink,
    TablePart,
    Writer,
    _seal,
    file_name,
    table_name,
)
from tms.cli.failures import CannotStartError
from tms.platform import secrets
from tms.platform.settings import Settings, get_settings

KEY = "sha256/" + "0" * 64 + "-" + "1" * 32
ROWS = b"1\tAda\n2\tBob\n"
FILE = bytes(range(256)) * 2000


@pytest.fixture
def made(tmp_path):
    """A small backup, whole and sealed."""
    path = tmp_path / "good.tms"
    settings = get_settings()
    with Writer(path) as writer:
        with writer.part(table_name("users")) as sink:
            sink.write(ROWS)
            table = TablePart(size=sink.size, sha256=sink.sha256, columns=["id", "name"], rows=2)
        with writer.part(file_name(KEY)) as sink:
            sink.write(FILE)
            file = Part(size=sink.size, sha256=sink.sha256)
        manifest = Manifest(
            version="1",
            migration="0001",
            taken_at=datetime.now(UTC),
            postgresql=180000,
            key_id=secrets.key_id(settings.secret),
            tables={"users": table},
            sequences={},
            files={KEY: file},
            missing=[],
        )
        writer.finish(manifest, settings)
    return path


def read(path, settings=None, *, trust=False):
    with Reader(path, settings or get_settings(), trust=trust) as reader:
        sizes = list(reader.verify())
        return sizes, b"".join(reader.read(file_name(KEY)))


def rewritten(path, target, change):
    """The backup with its entries changed: `change(name, content)` gives pairs of names or ZipInfos and contents."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            for entry, content in change(name, old.read(name)):
                new.writestr(entry, content)
    return target


def test_a_good_backup_is_read(made):
    assert read(made) == ([len(ROWS), len(FILE)], FILE)


@pytest.mark.parametrize("kept", [0, 1, 30, 0.5, 0.9, -1])
def test_a_truncated_backup_is_refused(made, kept):
    content = made.read_bytes()
    made.write_bytes(content[: int(len(content) * kept)] if isinstance(kept, float) else content[:kept])
    with pytest.raises(BrokenBackupError):
        read(made)


def test_a_changed_bit_is_noticed_or_changes_nothing(made, tmp_path):
    """Some bits of a ZIP archive mean nothing (a time, padding): then what is read is still what was written."""
    content, good = made.read_bytes(), read(made)
    spoilt = tmp_path / "spoilt.tms"
    dice = random.Random(20261123)
    refused = 0
    for _ in range(400):
        # The file is one long part: what is around it is hit as often.
        place = dice.choice(
            [dice.randrange(len(content)), dice.randrange(600), -dice.randrange(1, 1200)]
        ) % len(content)
        spoilt.write_bytes(
            content[:place] + bytes([content[place] ^ (1 << dice.randrange(8))]) + content[place + 1 :]
        )
        try:
            assert read(spoilt) == good
        except BrokenBackupError:
            refused += 1
    assert refused > 200


def _with_seal(change):
    """Change the manifest and seal it again, as somebody could who has the server secret."""

    def apply(name, content):
        manifest = json.loads(content) if name == MANIFEST else None
        if manifest is not None:
            change(manifest)
            apply.told = json.dumps(manifest).encode()
            return [(name, apply.told)]
        return [(name, _seal(get_settings(), apply.told) if name == SEAL else content)]

    return apply


def _other_hash(manifest):
    manifest["files"][KEY]["sha256"] = "0" * 64


def _longer(manifest):
    manifest["files"][KEY]["size"] += 1


def _shorter(manifest):
    manifest["files"][KEY]["size"] -= 1


def _more(manifest):
    manifest["files"]["sha256/another"] = manifest["files"][KEY]


def _fewer(manifest):
    del manifest["files"][KEY]


def _newer(manifest):
    manifest["format"] = 2


@pytest.mark.parametrize("change", [_other_hash, _longer, _shorter, _more, _fewer, _newer])
def test_a_manifest_that_lies_is_refused(made, tmp_path, change):
    with pytest.raises(BrokenBackupError):
        read(rewritten(made, tmp_path / "lies.tms", _with_seal(change)))


def test_a_manifest_sealed_again_is_read_where_it_tells_the_truth(made, tmp_path):
    assert read(rewritten(made, tmp_path / "true.tms", _with_seal(lambda _: None)))[1] == FILE


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "files/../../evil",
        "files/..",
        "/etc/evil",
        "files//etc/evil",
        "files/sha256/../../../evil",
        "C:/evil",
        "files/a\\..\\b",
        "files/a b",
        "files/.hidden",
        "database/users; DROP TABLE users.copy",
        "database/USERS.copy",
        "database/../x.copy",
        "evil.sql",
        "files/" + "a" * 300,
        "files/ü",
    ],
)
def test_names_that_lead_elsewhere_are_refused(made, tmp_path, name):
    def add(entry, content):
        return [(entry, content), (name, b"evil")] if entry == SEAL else [(entry, content)]

    target = rewritten(made, tmp_path / "evil.tms", add)
    with pytest.raises(BrokenBackupError, match="name that no backup of ours has"):
        read(target)
    # With the very same name in the manifest too.
    with pytest.raises(BrokenBackupError):
        read(
            rewritten(
                target,
                tmp_path / "evil2.tms",
                _with_seal(lambda m: m["files"].update({name: m["files"][KEY]})),
            )
        )


def _as_kind(kind):
    def change(name, content):
        entry = zipfile.ZipInfo(name)
        if name == file_name(KEY):
            entry.external_attr = (kind | 0o777) << 16
        return [(entry, content)]

    return change


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(made, tmp_path, kind):
    with pytest.raises(BrokenBackupError, match="no plain file"):
        read(rewritten(made, tmp_path / "link.tms", _as_kind(kind)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_parts_of_one_name_are_refused(made, tmp_path):
    twice = rewritten(
        made, tmp_path / "twice.tms", lambda name, content: [(name, content)] * (1 + (name == file_name(KEY)))
    )
    with pytest.raises(BrokenBackupError, match="two parts"):
        read(twice)


def test_other_ways_of_packing_are_refused(made, tmp_path):
    def change(name, content):
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_BZIP2
        return [(entry, content)]

    with pytest.raises(BrokenBackupError, match="packed"):
        read(rewritten(made, tmp_path / "bzip.tms", change))


def test_a_bomb_is_left_at_the_length_that_it_says(made, tmp_path):
    def change(name, content):
        return [(name, b"\x00" * 50_000_000 if name == file_name(KEY) else content)]

    with pytest.raises(BrokenBackupError, match="longer than it says"):
        read(rewritten(made, tmp_path / "bomb.tms", change))


@pytest.mark.parametrize("missing", [MANIFEST, SEAL])
def test_a_backup_without_its_manifest_is_refused(made, tmp_path, missing):
    with pytest.raises(BrokenBackupError, match="no manifest"):
        read(
            rewritten(
                made,
                tmp_path / "none.tms",
                lambda name, content: [] if name == missing else [(name, content)],
            )
        )


def test_something_else_is_refused(tmp_path):
    for content in (b"", b"PK", b"not a backup at all"):
        path = tmp_path / "other"
        path.write_bytes(content)
        with pytest.raises(BrokenBackupError):
            read(path)
    with pytest.raises(BrokenBackupError):
        read(tmp_path)
    with pytest.raises(BrokenBackupError):
        read(tmp_path / "nothing there")


def test_a_backup_of_another_secret_has_to_be_trusted(made):
    stranger = Settings(secret_key="another secret that guards nothing either")
    with pytest.raises(BrokenBackupError, match="--trust"):
        read(made, stranger)
    assert read(made, stranger, trust=True)[1] == FILE


def test_trust_does_not_cover_what_was_changed_under_our_own_secret(made, tmp_path):
    def change(name, content):
        return [(name, content.replace(b'"0001"', b'"0002"') if name == MANIFEST else content)]

    with pytest.raises(BrokenBackupError, match="changed since it was made"):
        read(rewritten(made, tmp_path / "changed.tms", change), trust=True)


def test_what_is_not_finished_leaves_nothing_behind(tmp_path):
    path = tmp_path / "half.tms"

    def break_off():
        with Writer(path) as writer:
            with writer.part(table_name("users")) as sink:
                sink.write(ROWS)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_a_backup_never_replaces_one_that_came_first(made, tmp_path):
    path = tmp_path / "race.tms"
    with Reader(made, get_settings(), trust=False) as reader, Writer(path) as writer:
        shutil.copy(made, path)
        with pytest.raises(CannotStartError, match="somebody else"):
            writer.finish(reader.manifest, get_settings())
    assert path.read_bytes() == made.read_bytes()
    assert not writer.draft.exists()


def test_a_sink_counts_and_hashes(tmp_path):
    with (tmp_path / "sink").open("wb") as target:
        sink = Sink(target)
        sink.write(b"ab")
        sink.write(b"c")
    assert (sink.size, sink.sha256[:8]) == (3, "ba7816bf")
