"""Migrations give exactly the tables that the rooms declare, once, on both databases."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import clearance
from clearance.access import service as access
from clearance.app import Clearance
from clearance.audit import log
from clearance.clock import SystemClock
from clearance.delivery import service as delivery
from clearance.errors import Conflict, Unavailable
from clearance.policy import service as policy
from clearance.registry import service as registry
from clearance.registry.model import NewModel
from clearance.settings import Settings, load
from clearance.storage import columns, migrate
from clearance.storage.types import metadata
from tests.delivery.conftest import ADA
from tests.storage.released import as_0_1_0_left_it, as_0_1_0_would_have_left_it


def declared() -> sa.MetaData:
    """Return the tables of every module of every room."""
    for module in pkgutil.walk_packages(clearance.__path__, "clearance."):
        if module.name.rpartition(".")[2] in {"store", "tables", "idempotency", "consent_store"}:
            importlib.import_module(module.name)
    return metadata


@pytest.fixture
def settings(empty_settings: Settings) -> Settings:
    """What is migrated begins empty."""
    return empty_settings


def test_the_migrated_schema_is_the_declared_one(parts: Clearance) -> None:
    with parts.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, declared()) == []


def test_the_head_that_the_program_knows_is_that_of_the_scripts() -> None:
    assert ScriptDirectory(str(migrate.SCRIPTS)).get_heads() == [migrate.HEAD]


def test_migrating_again_changes_nothing(parts: Clearance) -> None:
    assert migrate.current(parts.database) == migrate.HEAD
    migrate.upgrade(parts.database)
    assert migrate.current(parts.database) == migrate.HEAD


def test_a_newer_database_is_left_alone(parts: Clearance) -> None:
    with parts.database.engine.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(Conflict, match="schema 9999, this program knows"):
        migrate.upgrade(parts.database)


def test_processes_that_start_together_on_an_empty_database_all_come_up(settings: Settings) -> None:
    environment = {"CLEARANCE_DATABASE_URL": settings.database_url, "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "clearance", "--home", str(settings.home), "tokens", "list", "--json"]
    started = [subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True) for _ in range(3)]
    for process in started:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out.strip()) == (0, "[]"), err


def test_a_home_that_cannot_be_made_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    broken = Clearance(load({}, home=tmp_path / "file" / "home"), SystemClock())
    with pytest.raises(Unavailable, match="can't be made: Not a directory"):
        broken.database  # noqa: B018  # opening it is the test


@pytest.mark.parametrize("url", ["sqlite:////nowhere/x.db", "postgresql+psycopg://localhost:1/none"])
def test_a_database_that_cannot_be_opened_is_said_to_be_so(tmp_path: Path, url: str) -> None:
    broken = Clearance(load({"CLEARANCE_DATABASE_URL": url}, home=tmp_path / "home"), SystemClock())
    with pytest.raises(Unavailable, match="can't be opened") as refused:
        broken.database  # noqa: B018  # opening it is the test
    assert "CLEARANCE_DATABASE_URL" in refused.value.hint


def rows(parts: Clearance) -> dict[str, int]:
    """Return how many rows each table has."""
    with parts.database_as_found.read() as tx:
        found = columns.reflect(tx.connection)
        count = sa.func.count()
        return {
            name: tx.execute(sa.select(count).select_from(table)).scalar_one() for name, table in found.tables.items()
        }


def test_a_database_that_0_1_0_wrote_keeps_everything_and_its_log_goes_on(settings: Settings, tmp_path: Path) -> None:
    parts = as_0_1_0_would_have_left_it(settings, tmp_path)
    before = rows(parts)
    assert migrate.current(parts.database_as_found) == "0001"
    assert next(step.revision for step in migrate.status(parts.database_as_found).pending) == "0002"
    migrate.upgrade(parts.database_as_found)
    after = rows(parts)
    kept = {name: count for name, count in before.items() if name in after}
    assert {name: after[name] for name in kept} == kept
    assert set(before) - set(after) == {"audit_nodes"}, "its hashes are in audit_tiles and audit_head now"

    with parts.database.read() as tx:
        assert [model.name for model in registry.list_models(tx).items] == ["car-loan", "income"]
        versions = registry.list_versions(tx, "car-loan").items
        assert [(v.number, v.status) for v in versions] == [(3, "registered"), (2, "quarantined"), (1, "registered")]
        pointer = delivery.get_pointer(tx, "car-loan", "production")
        assert (pointer.stable, pointer.candidate) == (1, 3)
        assert [move.to_number for move in delivery.history(tx, "car-loan").items] == [1, 2, 1]
        assert [token.revoked_at is None for token in access.list_tokens(tx)].count(True) == 1
        assert len(policy.list_decisions(tx, model="income").items) == 2
        assert policy.replay(tx, parts.policy_engine).differing == ()
        seen = log.verify(tx, log.verifier(tx, parts.log_keys))
    assert (seen.ok, seen.leaves) == (True, 46), seen.problems

    with parts.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="after-the-upgrade", owner="user:ada"))
    with parts.database.read() as tx:
        grown = log.verify(tx, log.verifier(tx, parts.log_keys))
    assert (grown.ok, grown.leaves) == (True, 47), grown.problems
    parts.close()


KILLED = """
import sys, time
from pathlib import Path
from alembic import command
from clearance.app import Clearance
from clearance.settings import load
from clearance.storage import migrate

def upgrade_and_hang(config, revision, do=command.upgrade):
    do(config, revision)
    Path(sys.argv[2]).touch()
    time.sleep(60)

command.upgrade = upgrade_and_hang
migrate.upgrade(Clearance(load(home=Path(sys.argv[1]))).database_as_found)
"""


def test_an_upgrade_killed_before_its_end_leaves_the_old_schema_and_the_next_one_does_it(
    settings: Settings, tmp_path: Path
) -> None:
    parts = as_0_1_0_would_have_left_it(settings, tmp_path)
    before = rows(parts)
    done = tmp_path / "done"
    environment = {"CLEARANCE_DATABASE_URL": settings.database_url, "PATH": "/usr/bin:/bin"}
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(settings.home), str(done)], env=environment)
    deadline = time.monotonic() + 60
    while not done.exists():  # every migration has run, and only the commit is missing
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert migrate.current(parts.database_as_found) == "0001"
    assert rows(parts) == before
    migrate.upgrade(parts.database_as_found)
    assert migrate.current(parts.database_as_found) == migrate.HEAD
    parts.close()


def test_processes_that_start_together_on_an_old_database_upgrade_it_once(settings: Settings, tmp_path: Path) -> None:
    as_0_1_0_would_have_left_it(settings, tmp_path).close()
    environment = {"CLEARANCE_DATABASE_URL": settings.database_url, "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "clearance", "--home", str(settings.home), "audit", "verify", "--json"]
    started = [subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True) for _ in range(3)]
    for process in started:
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
        assert json.loads(out)["leaves"] == 46


def test_who_wants_to_look_first_can(tmp_path: Path) -> None:
    old = as_0_1_0_left_it(tmp_path / "home")
    command = [sys.executable, "-m", "clearance", "--home", str(tmp_path / "home")]
    environment = {"PATH": "/usr/bin:/bin"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *words], env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    refused = run("serve", "--no-upgrade", "--port", "0")
    assert refused.returncode == 2
    assert "is at schema 0001, this program needs" in refused.stderr
    status = json.loads(run("db", "status", "--json").stdout)
    assert (status["present"], len(status["pending"])) == ("0001", int(migrate.HEAD) - 1)
    assert migrate.current(old.database_as_found) == "0001", "looking changed nothing"
    upgraded = json.loads(run("db", "upgrade", "--json").stdout)
    assert (upgraded["present"], upgraded["pending"]) == (migrate.HEAD, [])
    old.close()


def test_a_row_that_refers_to_nothing_stops_an_upgrade_on_sqlite(tmp_path: Path) -> None:
    old = as_0_1_0_left_it(tmp_path / "home")
    with sqlite3.connect(tmp_path / "home" / "clearance.db") as connection:
        connection.execute("insert into registry_parents values ('car-loan/1', 'nobody', 1)")
    connection.close()
    with pytest.raises(Conflict, match="refers to a row of registry_versions that is not there"):
        migrate.upgrade(old.database_as_found)
    assert migrate.current(old.database_as_found) == "0001"
    old.close()
