"""A backup holds all there is, fills a database of either kind, and what is damaged is refused whole."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from clearance.app import Clearance
from clearance.audit import log
from clearance.audit import store as audit
from clearance.errors import ClearanceError, Conflict, VerificationFailed
from clearance.policy import service as policy
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import NewModel
from clearance.settings import Settings, load
from clearance.storage import backup, columns, migrate
from clearance.storage.archive import DIGEST, MANIFEST, Manifest
from clearance.storage.database import Transaction
from clearance.values import timestamp
from tests.audit.writing import size as log_size
from tests.delivery.conftest import ADA, PACK, prepare, promote
from tests.storage.released import as_0_1_0_left_it, keep_log_key

KINDS = ("sqlite", pytest.param("postgres", marks=pytest.mark.postgres))


def rows(database: Any) -> dict[str, list[Any]]:
    """Return all rows of all tables, in an order of their own."""
    with database.read() as tx:
        found = columns.reflect(tx.connection)
        return {
            name: sorted(json.dumps(list(row), sort_keys=True, default=str) for row in tx.execute(sa.select(table)))
            for name, table in found.tables.items()
        }


def accept(_tx: Transaction, _manifest: Manifest) -> None: ...


@pytest.fixture
def empty(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Clearance]]:
    """Return a function that gives an installation on an empty database of a kind, in a home of its own."""
    made: list[Clearance] = []

    def make(kind: str) -> Clearance:
        url = {"CLEARANCE_DATABASE_URL": request.getfixturevalue("postgres_url")} if kind == "postgres" else {}
        made.append(Clearance(load(url, home=tmp_path / f"empty{len(made)}")))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def loan(sqlite_parts: Clearance) -> Clearance:
    """An installation on SQLite with models, versions, a pointer that moved, and a log."""
    prepare(sqlite_parts)
    promote(sqlite_parts, 1)
    promote(sqlite_parts, 2)
    return sqlite_parts


def save(parts: Clearance, archive: Path, *folders: str) -> Manifest:
    where = {"artifacts": parts.settings.artifacts, "lake": parts.settings.lake, "keys": parts.settings.keys}
    chosen = {name: where[name] for name in folders}
    return backup.write(parts.database_as_found, archive, program="test", folders=chosen)


def load_into(parts: Clearance, archive: Path, check: Callable[[Transaction, Manifest], None] = accept) -> Manifest:
    where = {"artifacts": parts.settings.artifacts, "lake": parts.settings.lake, "keys": parts.settings.keys}
    return backup.restore(parts.database_as_found, archive, folders=where, check=check)


@pytest.mark.parametrize("kind", KINDS)
def test_a_restored_log_verifies_and_goes_on_growing(
    loan: Clearance, empty: Callable[[str], Clearance], tmp_path: Path, kind: str
) -> None:
    saved = save(loan, tmp_path / "b.tar", "keys", "artifacts")
    other = empty(kind)
    load_into(other, tmp_path / "b.tar")
    assert rows(other.database) == rows(loan.database)
    with other.database.read() as tx:
        before = log.verify(tx, loan.log_verifier)
        assert (before.ok, audit.latest_checkpoint(tx)) == (True, saved.checkpoint)
    with other.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="another", owner="user:ada"))
        policy.install_pack(tx, ADA, PackSource(source=PACK.replace('"1"', '"2"')))  # its table numbers its rows
    promote(other, 3)
    with other.database.read() as tx:
        after = log.verify(tx, loan.log_verifier)
        log.prove_consistency(tx, before.leaves)
    assert after.ok
    assert after.leaves > before.leaves


@pytest.mark.postgres
def test_it_goes_from_postgresql_back_to_sqlite_without_a_difference(
    loan: Clearance, empty: Callable[[str], Clearance], tmp_path: Path
) -> None:
    save(loan, tmp_path / "there.tar", "keys")
    postgres, sqlite = empty("postgres"), empty("sqlite")
    load_into(postgres, tmp_path / "there.tar")
    save(postgres, tmp_path / "back.tar", "keys")
    load_into(sqlite, tmp_path / "back.tar")
    assert rows(sqlite.database) == rows(postgres.database) == rows(loan.database)


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_of_an_older_schema_is_upgraded_while_it_is_restored(
    empty: Callable[[str], Clearance], tmp_path: Path, kind: str
) -> None:
    old = as_0_1_0_left_it(tmp_path / "old")
    saved = save(old, tmp_path / "b.tar", "keys")
    assert (saved.schema, migrate.current(old.database_as_found)) == ("0001", "0001"), "a backup upgrades nothing"
    new = empty(kind)
    load_into(new, tmp_path / "b.tar")
    assert migrate.current(new.database_as_found) == migrate.HEAD
    with new.database.read() as tx:
        verified = log.verify(tx, new.log_verifier)
    assert (verified.ok, verified.leaves) == (True, 46)
    old.close()


def test_a_backup_taken_while_servers_write_is_of_one_moment(
    loan: Clearance, empty: Callable[[str], Clearance], tmp_path: Path
) -> None:
    stop = threading.Event()

    def keep_writing() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with loan.database.write() as tx:
                registry.create_model(tx, ADA, NewModel(name=f"m{number}", owner="user:ada"))

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        saved = [save(loan, tmp_path / f"{n}.tar", "keys") for n in range(5)]
    finally:
        stop.set()
        writer.join()
    assert len({manifest.checkpoint for manifest in saved}) > 1, "it went on meanwhile"
    other = empty("sqlite")
    load_into(other, tmp_path / "4.tar")
    with other.database.read() as tx:
        assert log.verify(tx, other.log_verifier).ok


def test_a_database_that_is_not_empty_is_refused_and_stays_as_it_is(loan: Clearance, tmp_path: Path) -> None:
    save(loan, tmp_path / "b.tar")
    before = rows(loan.database)
    with pytest.raises(Conflict, match="not empty") as refused:
        load_into(loan, tmp_path / "b.tar")
    assert ("clearance.db" in refused.value.hint) == loan.database.is_sqlite, "there is such a file only then"
    assert rows(loan.database) == before


def test_a_database_with_the_schema_and_no_rows_counts_as_empty(
    loan: Clearance, empty: Callable[[str], Clearance], tmp_path: Path
) -> None:
    save(loan, tmp_path / "b.tar")
    other = empty("sqlite")
    other.database  # noqa: B018  # a first start made its tables
    load_into(other, tmp_path / "b.tar")
    assert rows(other.database) == rows(loan.database)


def test_an_archive_is_never_overwritten_and_only_its_owner_reads_it(loan: Clearance, tmp_path: Path) -> None:
    save(loan, tmp_path / "b.tar", "keys")
    assert stat.S_IMODE((tmp_path / "b.tar").stat().st_mode) == 0o600
    before = hashlib.sha256((tmp_path / "b.tar").read_bytes()).hexdigest()
    with pytest.raises(Conflict, match="there already"):
        save(loan, tmp_path / "b.tar")
    assert hashlib.sha256((tmp_path / "b.tar").read_bytes()).hexdigest() == before


def test_private_keys_are_in_it_only_on_request_and_come_back_as_private(
    loan: Clearance, empty: Callable[[str], Clearance], tmp_path: Path
) -> None:
    without, with_keys = save(loan, tmp_path / "a.tar"), save(loan, tmp_path / "b.tar", "keys")
    assert without.files == ()
    assert b"PRIVATE KEY" not in (tmp_path / "a.tar").read_bytes()
    assert "keys/log.pem" in {stored.member for stored in with_keys.files}
    other = empty("sqlite")
    load_into(other, tmp_path / "b.tar")
    key = other.settings.keys / "log.pem"
    assert (key.read_bytes(), stat.S_IMODE(key.stat().st_mode)) == (
        (loan.settings.keys / "log.pem").read_bytes(),
        0o600,
    )


def test_artifacts_and_events_come_back_byte_for_byte(
    loan: Clearance, empty: Callable[[str], Clearance], tmp_path: Path
) -> None:
    from tests.delivery.conftest import send

    send(loan, 1, "stable", loan.clock.now(), 50)
    loan.ingest.close()
    save(loan, tmp_path / "b.tar", "artifacts", "lake")
    other = empty("sqlite")
    load_into(other, tmp_path / "b.tar")
    assert other.lake.joined("car-loan").num_rows == 50
    for digest in (path.name for path in loan.settings.artifacts.rglob("*") if path.is_file()):
        assert [path.name for path in other.settings.artifacts.rglob(digest)] == [digest]


def test_a_file_that_is_there_with_other_bytes_stops_the_restore_and_nothing_is_changed(
    loan: Clearance, empty: Callable[[str], Clearance], tmp_path: Path
) -> None:
    save(loan, tmp_path / "b.tar", "artifacts", "keys")
    other = empty("sqlite")
    keep_log_key(other.settings.home)
    with pytest.raises(Conflict, match="with other bytes"):
        load_into(other, tmp_path / "b.tar")
    assert migrate.current(other.database_as_found) is None
    kept = {path.name for path in other.settings.home.rglob("*") if path.is_file()}
    assert {name for name in kept if not name.startswith("clearance.db")} == {"log.pem"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_last_check_refuses_leaves_no_trace(
    loan: Clearance, empty: Callable[[str], Clearance], tmp_path: Path, kind: str
) -> None:
    save(loan, tmp_path / "b.tar", "keys", "artifacts")
    other = empty(kind)

    def refuse(_tx: Transaction, _manifest: Manifest) -> None:
        raise VerificationFailed("not this one", code="no")

    with pytest.raises(VerificationFailed, match="not this one"):
        load_into(other, tmp_path / "b.tar", refuse)
    assert migrate.current(other.database_as_found) is None
    assert not (other.settings.keys / "log.pem").exists()


def test_an_archive_cut_off_anywhere_or_with_any_byte_changed_is_refused(
    loan: Clearance, empty: Callable[[str], Clearance], tmp_path: Path
) -> None:
    save(loan, tmp_path / "b.tar", "keys")
    whole = (tmp_path / "b.tar").read_bytes()
    end = whole.rindex(b"manifest.json\n") + len(b"manifest.json\n")  # after it come only zeros
    other = empty("sqlite")
    spoilt = tmp_path / "spoilt.tar"
    with tarfile.open(tmp_path / "b.tar") as tar:
        members = [info for info in tar if info.size]
    places = [0, 200, *(info.offset_data + info.size // 2 for info in members), *range(1000, end, 7919)]
    for place in places:
        spoilt.write_bytes(whole[:place])
        with pytest.raises(ClearanceError) as cut:
            load_into(other, spoilt)
        assert cut.value.code == "backup_damaged", place
    for info in members:
        at = info.offset_data + info.size // 2
        spoilt.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ClearanceError) as changed:
            load_into(other, spoilt)
        assert changed.value.code == "backup_damaged", info.name
    assert migrate.current(other.database_as_found) is None


def rewritten(archive: Path, target: Path, change: Callable[[dict[str, Any]], None], **renamed: str) -> Path:
    """Write an archive anew with a changed manifest that agrees with its digest, as somebody who forges one would."""
    with tarfile.open(archive) as old, tarfile.open(target, "w") as new:
        for info in old:
            body = old.extractfile(info)
            assert body is not None
            content = body.read()
            if info.name == MANIFEST:
                manifest = json.loads(content)
                change(manifest)
                content = json.dumps(manifest).encode()
                digest = hashlib.sha256(content).hexdigest()
            if info.name == DIGEST:
                content = f"{digest}  {MANIFEST}\n".encode()
            info.name, info.size = renamed.get(Path(info.name).stem, info.name), len(content)
            new.addfile(info, io.BytesIO(content))
    return target


@pytest.mark.parametrize("name", ["keys/../../outside", "/etc/outside", "elsewhere/outside", "keys/..\\outside"])
def test_a_forged_archive_writes_nothing_outside_its_folders(
    loan: Clearance, empty: Callable[[str], Clearance], tmp_path: Path, name: str
) -> None:
    save(loan, tmp_path / "b.tar", "keys")

    def point_outside(manifest: dict[str, Any]) -> None:
        for stored in manifest["files"]:
            if stored["member"] == "keys/log.pem":
                stored["member"] = name

    forged = rewritten(tmp_path / "b.tar", tmp_path / "f.tar", point_outside, log=name)
    other = empty("sqlite")
    with pytest.raises(VerificationFailed, match="belongs to no folder"):
        load_into(other, forged)
    assert not list(tmp_path.rglob("*outside*"))
    assert migrate.current(other.database_as_found) is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda manifest: manifest.update(schema="9999"), "schema_newer"),
        (lambda manifest: manifest.update(format=2), "backup_newer"),
        (lambda manifest: manifest["tables"].pop(), "backup_damaged"),
        (lambda manifest: manifest["tables"][0].update(rows=99), "backup_damaged"),
        (lambda manifest: manifest["tables"][0]["columns"].pop(), "backup_damaged"),
    ],
)
def test_an_archive_that_does_not_fit_this_program_is_refused_before_anything_is_written(
    loan: Clearance, empty: Callable[[str], Clearance], tmp_path: Path, change: Any, code: str
) -> None:
    save(loan, tmp_path / "b.tar")
    other = empty("sqlite")
    with pytest.raises(ClearanceError) as refused:
        load_into(other, rewritten(tmp_path / "b.tar", tmp_path / "c.tar", change))
    assert refused.value.code == code
    assert migrate.current(other.database_as_found) is None


@given(
    st.tuples(
        st.none() | st.binary(max_size=50),
        st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.booleans(),
        st.none() | st.datetimes(timezones=st.just(UTC)),
        st.recursive(st.none() | st.booleans() | st.text(max_size=5), lambda x: st.lists(x, max_size=3), max_leaves=5),
    )
)
def test_a_row_is_read_as_it_was_written(row: tuple[Any, ...]) -> None:
    kinds = {kind: kind for kind in ("bytes", "text", "integer", "real", "boolean", "time", "json")}
    line = columns.encode(kinds, row)
    assert line.count(b"\n") == 1
    assert tuple(columns.decode(kinds, line).values()) == row


def run(home: Path, *words: str, database_url: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    if database_url:
        environment["CLEARANCE_DATABASE_URL"] = database_url
    command = [sys.executable, "-m", "clearance", "--home", str(home), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_commands_show_back_up_restore_and_refuse_to_cut_a_log_off(loan: Clearance, tmp_path: Path) -> None:
    home = loan.settings.home
    assert json.loads(run(home, "db", "status", "--json").stdout)["pending"] == []
    made = run(home, "db", "backup", str(tmp_path / "b.tar"))
    assert made.returncode == 0, made.stderr
    with loan.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="later", owner="user:ada"))
    (tmp_path / "seen").write_text(run(home, "audit", "checkpoint").stdout)

    target = tmp_path / "target"
    missing = run(target, "db", "restore", str(tmp_path / "b.tar"), "--json")
    assert (missing.returncode, json.loads(missing.stdout)["error"]["code"]) == (2, "log_key_missing")
    (target / "keys").mkdir()
    shutil.copy(home / "keys" / "log.pem", target / "keys" / "log.pem")
    shrunk = run(target, "db", "restore", str(tmp_path / "b.tar"), "--seen", str(tmp_path / "seen"), "--json")
    assert (shrunk.returncode, json.loads(shrunk.stdout)["error"]["code"]) == (2, "log_would_shrink")
    restored = run(target, "db", "restore", str(tmp_path / "b.tar"))
    assert restored.returncode == 0, restored.stderr
    assert "newer checkpoint" in restored.stderr
    assert run(target, "audit", "verify").returncode == 0


def restored(home: Path, archive: Path, *words: str) -> tuple[int, str]:
    """Return the exit code of a restore, and the code of its error or else what it notes."""
    done = run(home, "db", "restore", str(archive), *words, "--json")
    return done.returncode, json.loads(done.stdout).get("error", {}).get("code", done.stderr)


def keys_of(home: Path, *sources: Path) -> Path:
    """Copy key files into the folder of a home that has nothing else."""
    (home / "keys").mkdir(parents=True)
    for source in sources:
        shutil.copy(source, home / "keys")
    return home


def rotate(parts: Clearance) -> Path:
    """Have a new key sign the log, and return its file."""
    with parts.database.write() as tx:
        made = log.rotate_key(tx, "user:ada", parts.log_keys, "yearly")
    return parts.settings.keys / f"log-{made.key_id.hex()}.pem"


def test_a_log_that_another_key_signed_is_not_restored_whatever_comes_with_it(loan: Clearance, tmp_path: Path) -> None:
    stranger = Clearance(load({}, home=tmp_path / "stranger"))
    rotate(stranger)
    save(stranger, tmp_path / "forged.tar")
    save(stranger, tmp_path / "with-keys.tar", "keys")
    stranger.close()
    nothing = rewritten(tmp_path / "forged.tar", tmp_path / "silent.tar", lambda found: found.update(checkpoint=None))
    genuine = loan.settings.keys / "log.pem"
    for number, archive in enumerate((tmp_path / "forged.tar", nothing)):
        home = keys_of(tmp_path / str(number), genuine)
        assert restored(home, archive) == (1, "log_key_missing")
        assert "empty" in run(home, "db", "status").stdout
    with tarfile.open(tmp_path / "with-keys.tar") as tar:
        (rotated,) = [name for name in tar.getnames() if "keys/log-" in name]
    only_rotated = rewritten(
        tmp_path / "with-keys.tar",
        tmp_path / "stranger.tar",
        lambda found: found.update(files=[each for each in found["files"] if each["member"] == rotated]),
    )
    home = keys_of(tmp_path / "own", genuine)
    assert restored(home, only_rotated) == (1, "log_key_missing")
    assert [path.name for path in (home / "keys").iterdir()] == ["log.pem"], "the key that came along is gone again"
    code, said = restored(tmp_path / "none", tmp_path / "with-keys.tar")
    assert (code, "by a key that came with it" in said) == (0, True)


def test_a_log_is_restored_by_a_key_from_which_its_own_follows(loan: Clearance, tmp_path: Path) -> None:
    first = loan.settings.keys / "log.pem"
    save(loan, tmp_path / "before.tar")
    second = rotate(loan)
    save(loan, tmp_path / "after.tar")
    for name, archive, held, waits in (
        ("both", "after", (first, second), False),
        ("the new one", "after", (second,), False),
        ("the old one", "after", (first,), True),
        ("more than it needs", "before", (first, second), False),
    ):
        code, said = restored(keys_of(tmp_path / name, *held), tmp_path / f"{archive}.tar")
        assert (code, "Nothing can be written until" in said) == (0, waits), name
    assert restored(keys_of(tmp_path / "too new", second), tmp_path / "before.tar") == (1, "log_key_missing")


def test_a_checkpoint_that_was_kept_before_a_rotation_is_still_good(loan: Clearance, tmp_path: Path) -> None:
    home = loan.settings.home
    seen = tmp_path / "seen"
    seen.write_text(run(home, "audit", "checkpoint").stdout)
    rotate(loan)
    size = log_size(loan)
    save(loan, tmp_path / "b.tar", "keys")
    assert restored(tmp_path / "target", tmp_path / "b.tar", "--seen", str(seen))[0] == 0
    for pin in ((), ("--pin", run(home, "audit", "key").stdout.strip())):
        for older in (str(seen), str(size)):
            proven = run(home, "audit", "consistency", older, *pin)
            assert proven.returncode == 0, proven.stderr


def test_a_checkpoint_from_after_a_rotation_shows_that_the_log_would_be_cut_off(
    loan: Clearance, tmp_path: Path
) -> None:
    home = loan.settings.home
    first = loan.settings.keys / "log.pem"
    loan.settings.lake.joinpath("events", "_delta_log").mkdir(parents=True)
    loan.settings.lake.joinpath("events", "_delta_log", "0.json").write_text("{}")
    save(loan, tmp_path / "b.tar", "lake", "artifacts")
    before = log_size(loan)
    second = rotate(loan)
    seen = tmp_path / "seen"
    seen.write_text(run(home, "audit", "checkpoint").stdout)
    with loan.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="later", owner="user:ada"))
    newest = tmp_path / "newest"
    newest.write_text(run(home, "audit", "checkpoint").stdout)
    for name, keys, kept, signed in (
        ("the old key", (first,), seen, True),
        ("only the old key", (first,), newest, False),
        ("both", (first, second), newest, True),
    ):
        target = keys_of(tmp_path / name, *keys)
        done = run(target, "db", "restore", str(tmp_path / "b.tar"), "--seen", str(kept), "--json")
        error = json.loads(done.stdout)["error"]
        assert (done.returncode, error["code"]) == (2, "log_would_shrink"), (name, error)
        assert f"this backup's log has {before} leaves, but " in error["message"]
        assert ("no key at hand signed" not in error["message"]) == signed, name
        assert not [each.name for each in target.iterdir() if each.is_dir() and each.name in {"lake", "artifacts"}]
    other = tmp_path / "other"
    other.write_text(newest.read_text().replace("clearance.local/log", "bank.example/log"))
    code, _ = restored(keys_of(tmp_path / "another", first), tmp_path / "b.tar", "--seen", str(other))
    assert code == 2


def test_the_commands_do_not_go_through_a_server(tmp_path: Path) -> None:
    refused = run(tmp_path, "--url", "http://127.0.0.1:1", "db", "status", "--json")
    assert (refused.returncode, json.loads(refused.stdout)["error"]["code"]) == (2, "local_only")


def test_memory_does_not_grow_with_the_database(settings: Settings) -> None:
    """A table of 60 MB is saved and loaded within 40 MB more than the program takes anyway."""
    program = """
import resource, sys
from pathlib import Path
import sqlalchemy as sa
from clearance.app import Clearance
from clearance.settings import load
from clearance.storage import backup, idempotency

home = Path(sys.argv[1])
one = Clearance(load(home=home))
with one.database.write() as tx:
    for n in range(600):
        row = {"scope": str(n), "request_hash": "", "at": tx.now, "body": n.to_bytes(2, "big") * 50_000}
        tx.execute(sa.insert(idempotency.keys), row)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
backup.write(one.database, home / "b.tar", program="", folders={})
other = Clearance(load({}, home=home / "other"))
backup.restore(other.database_as_found, home / "b.tar", folders={}, check=lambda tx, manifest: None)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown < 40 * 1024, f"{grown} KiB"
"""
    settings.home.mkdir(parents=True, exist_ok=True)
    environment = {"PYTHONPATH": ":".join(sys.path), "CLEARANCE_DATABASE_URL": settings.database_url}
    subprocess.run([sys.executable, "-c", program, str(settings.home)], env=environment, check=True, timeout=100)


def test_times_are_written_as_the_rest_of_the_house_writes_them(loan: Clearance, tmp_path: Path) -> None:
    saved = save(loan, tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as tar:
        manifest = tar.extractfile(MANIFEST)
        assert manifest is not None
        assert json.load(manifest)["made_at"] == timestamp(saved.made_at)
