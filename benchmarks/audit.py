"""Cases of the audit log: what a leaf adds to its transaction, and how fast the whole log is verified."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.measure import Row, alternate, timed
from benchmarks.mlflow import make_guarded
from benchmarks.processes import postgres
from clearance.access.model import SYSTEM
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.delivery import service as delivery
from clearance.registry import service as registry
from clearance.registry.model import NewModel, NewVersion
from clearance.registry.source import Source, SourceKind
from clearance.settings import load
from clearance.storage.database import Database, Transaction
from clearance.values import timestamp

SHARE = 0.10
"""Of a transaction's time, what the log may take (ADR 0002)."""


def append(bench: Bench) -> Iterator[Row]:
    """Four real changes with the log, against the same without it, and with a plain table of who did what in its place."""
    yield from _append(bench, "SQLite", lambda: "")
    yield from _append(bench, "PostgreSQL", postgres)


def _append(bench: Bench, name: str, address: Callable[[], str]) -> Iterator[Row]:
    sealed, *others = (_installation(bench.folder / f"{name}-{each}", address()) for each in ("log", "none", "plain"))
    none, plain = (
        Database(parts.settings.database_url, parts.clock, seal)
        for parts, seal in zip(others, (lambda _tx: None, _plainly), strict=True)
    )
    times, numbers = bench.size(50, 5), count()
    databases = ((sealed, sealed.database), (others[0], none), (others[1], plain))
    with plain.engine.begin() as connection:
        connection.exec_driver_sql(_PLAIN_TABLE)
        connection.exec_driver_sql("create index plain_log_subject on plain_log (subject)")
    for parts, database in databases:
        make_guarded(parts)
        with database.write() as tx:
            registry.create_model(tx, SYSTEM, NewModel(name="loans", owner="user:ada", purpose="to be measured"))
            registry.register_version(tx, SYSTEM, parts.blobs, "loans", _pointed(0))

    def create(tx: Transaction, _parts: Clearance) -> None:
        new = NewModel(name=f"model-{next(numbers)}", owner="user:ada", purpose="to be measured")
        registry.create_model(tx, SYSTEM, new)

    def register(tx: Transaction, parts: Clearance) -> None:
        registry.register_version(tx, SYSTEM, parts.blobs, "loans", _pointed(next(numbers)))

    def point(tx: Transaction, parts: Clearance) -> None:
        delivery.set_alias(tx, SYSTEM, parts.gate, parts.guards, "loans", f"a{next(numbers)}", 1)

    def promote(tx: Transaction, parts: Clearance) -> None:
        delivery.set_alias(tx, SYSTEM, parts.gate, parts.guards, "guarded", "champion", next(numbers) % 2 + 1)

    for what, change in (
        ("`registry.create_model`", create),
        ("`registry.register_version`", register),
        ("`delivery.set_alias`", point),
        ("`delivery.set_alias` of a guarded alias, which is decided and signed,", promote),
    ):

        def act(parts: Clearance, database: Database, change: Change = change) -> None:
            with database.write() as tx:
                change(tx, parts)

        mine, bare, rowed = alternate(bench.rounds(11), *(timed(partial(act, *each), times) for each in databases))
        done = f"`Database.write` with {what} on {name}, {times} in a row, each synced to disk"
        for peer, theirs, aim, note in (
            ("the same transaction with a log that does nothing", bare, 1 / (1 - SHARE), _NOTE),
            ("the same transaction with a row in a plain table of who did what", rowed, math.inf, _PLAIN_NOTE),
        ):
            yield Row(what=done, unit="transaction", ours=mine, peer=peer, theirs=theirs, aim=aim, note=note)
    none.close()
    plain.close()
    for parts in (sealed, *others):
        parts.close()


_NOTE = (
    "one statement reads the head, the others write the leaf and the new head; an Ed25519 signature alone takes 45 µs"
)
_PLAIN_NOTE = "no hash, no tree, no signature: who can write to that table can change what it says"
_PLAIN_TABLE = "create table plain_log (at text, event text, actor text, subject text, data text)"


def _plainly(tx: Transaction) -> None:
    """Write what a plain audit table would hold of each change."""
    mark = "?" if tx.connection.dialect.name == "sqlite" else "%s"
    cursor = tx.connection.connection.cursor()
    for leaf in tx.leaves:
        values = (timestamp(tx.now), leaf["event"], leaf["actor"], leaf["subject"], json.dumps(leaf["data"]))
        cursor.execute(f"insert into plain_log values ({', '.join([mark] * 5)})", values)


Change = Callable[[Transaction, Clearance], None]


def _pointed(number: int) -> NewVersion:
    """Return a version that is elsewhere, so that no files are in the way."""
    return NewVersion(source=Source(kind=SourceKind.REFERENCE, uri=f"s3://models/{number}"))


def verification(bench: Bench) -> Iterator[Row]:
    """Recomputing the whole log, against hashing the same bytes."""
    for leaves, together in ((bench.size(1_000_000, 2_000), 256), (bench.size(10_000, 300), 1)):
        parts = _installation(bench.folder / f"log-{together}")
        for start in range(0, leaves, together):
            with parts.database.write() as tx:
                for number in range(start, min(leaves, start + together)):
                    data = {"digest": "sha256:" + "0" * 64, "size": number}
                    log.record(tx, Event.VERSION_REGISTERED, actor="user:ada", subject=f"model/m-{number}", data=data)
        path = parts.settings.home / "clearance.db"
        held = [leaf for (leaf,) in _leaves(path)]

        def verify(parts: Clearance = parts, leaves: int = leaves) -> None:
            with parts.database.read() as tx:
                found = log.verify(tx, parts.log_verifier)
            assert found.ok, found.problems
            assert found.leaves == leaves

        def hashing(held: list[bytes] = held) -> None:
            for leaf in held:
                hashlib.sha256(b"\x00" + leaf).digest()

        def reading(path: Path = path) -> None:
            for (leaf,) in _leaves(path):
                hashlib.sha256(b"\x00" + leaf).digest()

        mine, floor, read = alternate(
            bench.rounds(3), *(timed(each, units=leaves) for each in (verify, hashing, reading))
        )
        what = (
            f"`audit.log.verify` of {leaves:,} leaves, {together} a commit: order, hashes, columns, tiles, signatures"
        )
        for peer, theirs in (("floor: hashlib over the same leaves in memory", floor), ("sqlite3 and hashlib", read)):
            yield Row(
                what=what,
                unit="leaf",
                ours=mine,
                peer=peer,
                theirs=theirs,
                rates=True,
                aim=20.0 if theirs is floor else 10.0,
                note="ours also compares every column with its leaf, hashes the tree, and checks every tile and kept checkpoint, "
                "one for 256 leaves, tile by tile in bounded memory",
            )
        parts.close()


def _leaves(path: Path) -> list[tuple[bytes]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("select leaf from audit_leaves order by position").fetchall()


def _installation(home: Path, address: str = "") -> Clearance:
    parts = Clearance(load({"CLEARANCE_DATABASE_URL": address} if address else {}, home=home))
    with parts.database.read():
        return parts
