"""Transactions: what they remember, and when they look again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent

import pytest
import sqlalchemy as sa

from clearance.access.store import bindings
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Unavailable
from clearance.registry import service as registry
from clearance.registry.model import NewModel, NewVersion
from clearance.registry.source import Source, SourceKind
from clearance.settings import load
from clearance.storage.database import Transaction
from tests.conftest import person

ADA = person("ada")


class Counted:
    """Something to read, that counts how often it was."""

    def __init__(self) -> None:
        self.times = 0

    def read(self) -> int:
        self.times += 1
        return self.times


def test_what_was_read_is_remembered_until_the_transaction_writes_or_waits(parts: Clearance) -> None:
    counted = Counted()

    def seen(tx: Transaction) -> int:
        return tx.remember("counted", counted.read)

    with parts.database.write() as tx:
        assert [seen(tx), seen(tx)] == [1, 1]
        tx.lock("something")
        locked = 1 if tx.is_alone else 2  # on SQLite nobody can have changed it meanwhile
        assert [seen(tx), seen(tx)] == [locked, locked]
        binding = {"subject": "user:bob", "role": "viewer", "team": "", "bound_at": tx.now, "bound_by": "user:ada"}
        tx.execute(sa.insert(bindings), binding)
        log.record(tx, Event.ROLE_BOUND, actor="user:ada", subject="user:bob", data={"role": "viewer", "team": ""})
        assert [seen(tx), seen(tx)] == [locked + 1, locked + 1]
    with parts.database.read() as tx:
        assert seen(tx) == locked + 2


def test_a_version_that_the_transaction_changed_is_told_as_it_is_now(parts: Clearance) -> None:
    with parts.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="loans", owner="user:ada"))
        new = NewVersion(source=Source(kind=SourceKind.REFERENCE, uri="s3://bucket/model"))
        number = registry.register_version(tx, ADA, parts.blobs, "loans", new).number
    with parts.database.write() as tx:
        before = registry.get_version(tx, "loans", number).status
        registry.quarantine_version(tx, ADA, "loans", number, "it lies")
        assert (before, registry.get_version(tx, "loans", number).status) == ("registered", "quarantined")


def test_who_waits_to_write_keeps_nobody_from_reading(parts: Clearance) -> None:
    database = parts.database

    def create(number: int) -> None:
        with database.write() as tx:
            registry.create_model(tx, ADA, NewModel(name=f"m-{number}", owner="user:ada"))

    with ThreadPoolExecutor(40) as pool:
        with database.write() as first:
            first.lock("registry titles")  # which whoever creates a model needs, too
            waiting = [pool.submit(create, number) for number in range(40)]
            time.sleep(0.2)
            with database.read() as tx:  # would wait for a connection if those held one each
                assert registry.list_models(tx).items == ()
            assert not any(each.done() for each in waiting)
        for each in waiting:
            each.result(timeout=30)
    with database.read() as tx:
        assert len(registry.list_models(tx).items) == 40


def test_who_waits_to_write_for_too_long_is_told_so(sqlite_parts: Clearance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clearance.storage.database._LOCK_SECONDS", 0.1)
    with (
        sqlite_parts.database.write(),
        pytest.raises(
            Unavailable, match="busy: other requests have been writing to it for too long; nothing was changed"
        ),
        sqlite_parts.database.write(),
    ):
        pass
    with sqlite_parts.database.write():  # and it is the next one's turn
        pass


@pytest.mark.postgres
def test_whoever_waited_for_a_model_sees_what_the_one_before_left(postgres_url: str, tmp_path: Path) -> None:
    """Another transaction may commit between a look and the lock; the look must not be taken for the present."""
    parts = Clearance(load({"CLEARANCE_DATABASE_URL": postgres_url}, home=tmp_path))
    with parts.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="loans", owner="user:ada"))
        new = NewVersion(source=Source(kind=SourceKind.REFERENCE, uri="s3://bucket/model"))
        registry.register_version(tx, ADA, parts.blobs, "loans", new)
    with parts.database.write() as tx:
        assert registry.get_version(tx, "loans", 1).status == "registered"
        with parts.database.write() as other:
            registry.quarantine_version(other, ADA, "loans", 1, "it lies")
        registry.get_model(tx, "loans", lock=True)
        assert registry.get_version(tx, "loans", 1).status == "quarantined"
    parts.close()


HANGS = """
    import os, signal, sys
    from pathlib import Path
    from clearance.app import Clearance
    from clearance.errors import Unavailable
    from clearance.settings import load

    database = Clearance(load({"CLEARANCE_DATABASE_URL": sys.argv[1]}, home=Path(sys.argv[2]))).database
    try:
        with database.write() as tx:
            tx.lock("something")
            os.kill(os.getpid(), signal.SIGSTOP)
            tx.lock("something else")
    except Unavailable as error:
        print(error.code)
"""


@pytest.mark.postgres
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks whether it is stopped where Linux shows that")
def test_what_a_hung_process_has_locked_is_free_before_anybody_who_waits_for_it_is_refused(
    postgres_url: str, tmp_path: Path
) -> None:
    parts = Clearance(load({"CLEARANCE_DATABASE_URL": postgres_url}, home=tmp_path))
    database = parts.database
    hung = subprocess.Popen(
        [sys.executable, "-c", dedent(HANGS), postgres_url, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 60
        while "\nState:\tT" not in Path(f"/proc/{hung.pid}/status").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with database.write() as tx:
            tx.lock("something")
        hung.send_signal(signal.SIGCONT)
        assert hung.communicate(timeout=60)[0] == "database_unavailable\n"
    finally:
        hung.kill()
        hung.wait()
        parts.close()


@pytest.mark.postgres
def test_a_transaction_may_pause_for_fifteen_seconds_and_one_that_asks_for_it_for_five_minutes(
    postgres_url: str, tmp_path: Path
) -> None:
    parts = Clearance(load({"CLEARANCE_DATABASE_URL": postgres_url}, home=tmp_path))

    def limit(tx: Transaction) -> str:
        return str(tx.connection.exec_driver_sql("show idle_in_transaction_session_timeout").scalar())

    with parts.database.read() as tx:
        assert limit(tx) == "15s"
        tx.allow_pause()
        assert limit(tx) == "5min"
    with parts.database.read() as tx:
        assert limit(tx) == "15s"
    parts.close()
