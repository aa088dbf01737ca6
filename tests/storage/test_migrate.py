"""Migrations give exactly the tables that the rooms declare, once, on both databases."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import clearance
from clearance.app import Clearance
from clearance.clock import SystemClock
from clearance.errors import Conflict, Unavailable
from clearance.settings import Settings, load
from clearance.storage import migrate
from clearance.storage.types import metadata


def declared() -> sa.MetaData:
    """Return the tables of every module of every room."""
    for module in pkgutil.walk_packages(clearance.__path__, "clearance."):
        if module.name.rpartition(".")[2] in {"store", "tables", "idempotency", "consent_store"}:
            importlib.import_module(module.name)
    return metadata


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
