"""Reads that never wait: they see what was committed, and give way where they would have to wait."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from clearance.app import Clearance
from clearance.registry import service as registry
from clearance.registry.model import NewModel
from clearance.storage.glance import Glance, WouldWait
from tests.conftest import person

ADA = person("ada")


@pytest.fixture
def glance(sqlite_parts: Clearance) -> Iterator[Glance]:
    made = Glance(sqlite_parts.database)
    yield made
    made.close()


def create(parts: Clearance, name: str) -> None:
    with parts.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name=name, owner="user:ada"))


def names(glance: Glance) -> list[str]:
    with glance.read() as tx:
        return [model.name for model in registry.list_models(tx).items]


def test_what_was_committed_before_is_seen(glance: Glance, sqlite_parts: Clearance) -> None:
    assert names(glance) == []
    create(sqlite_parts, "a")
    assert names(glance) == ["a"]


def test_a_writer_in_the_middle_of_a_change_is_not_waited_for(glance: Glance, sqlite_parts: Clearance) -> None:
    create(sqlite_parts, "a")
    with sqlite_parts.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="b", owner="user:ada"))
        begun = time.monotonic()
        assert names(glance) == ["a"]
        assert time.monotonic() - begun < 5  # a wait for the lock would take 30 seconds
    assert names(glance) == ["a", "b"]


def test_a_second_reader_is_told_to_read_as_usual(glance: Glance) -> None:
    with glance.read(), pytest.raises(WouldWait), glance.read():
        pass
    assert names(glance) == []


def test_nobody_can_lock_the_database_while_it_is_open(glance: Glance, sqlite_parts: Clearance) -> None:
    create(sqlite_parts, "a")
    sqlite_parts.database.close()
    with closing(sqlite3.connect(sqlite_parts.settings.home / "clearance.db", timeout=0)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN EXCLUSIVE")
        assert names(glance) == ["a"]


def test_an_error_of_the_reader_leaves_it_usable(glance: Glance) -> None:
    with pytest.raises(ZeroDivisionError), glance.read():
        _ = 1 / 0
    with pytest.raises(WouldWait), glance.read() as tx:
        tx.connection.execute(sa.text("select * from nothing"))
    assert names(glance) == []
