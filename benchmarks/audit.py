"""Cases of the audit log: what a leaf adds to its transaction, and how fast the whole log is verified."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.measure import Row, alternate, timed
from clearance.access.model import SYSTEM
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.registry import service as registry
from clearance.registry.model import NewModel
from clearance.settings import load
from clearance.storage.database import Database

SHARE = 0.10
"""Of a transaction's time, what the log may take (ADR 0002)."""


def append(bench: Bench) -> Iterator[Row]:
    """A registry write with its leaf, subtrees and signed checkpoint, against the same write without them."""
    sealed, unsealed = (_installation(bench.folder / name) for name in ("sealed", "unsealed"))
    bare = Database(unsealed.settings.database_url, unsealed.clock, lambda _tx: None)
    times, numbers = bench.size(50, 5), count()

    def write(database: Database) -> None:
        with database.write() as tx:
            new = NewModel(name=f"model-{next(numbers)}", owner="user:ada", purpose="to be measured")
            registry.create_model(tx, SYSTEM, new)

    mine, theirs = alternate(
        bench.rounds(11), timed(lambda: write(sealed.database), times), timed(lambda: write(bare), times)
    )
    share = 1 - theirs.median / mine.median
    yield Row(
        what=f"`Database.write` with `registry.create_model` on SQLite, {times} in a row, each synced to disk",
        unit="transaction",
        ours=mine,
        peer="the same transaction with a log that does nothing",
        theirs=theirs,
        aim=1 / (1 - SHARE),
        note=f"the log reads its frontier in one query; leaf, subtrees and checkpoint are {share:.0%} of the transaction; "
        f"the aim is below {SHARE:.0%}",
    )
    bare.close()
    for parts in (sealed, unsealed):
        parts.close()


def verification(bench: Bench) -> Iterator[Row]:
    """Recomputing the whole log, against hashing the same bytes."""
    few = bench.size(2_000, 100)
    sizes = ((bench.size(100_000, 1_000), 100), (few, 1))
    for leaves, together in sizes:
        parts = _installation(bench.folder / f"log-{together}")
        for start in range(0, leaves, together):
            with parts.database.write() as tx:
                for number in range(start, start + together):
                    data = {"digest": "sha256:" + "0" * 64, "size": number}
                    log.record(tx, Event.MODEL_CREATED, actor="user:ada", subject=f"model/m-{number}", data=data)
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
        what = f"`audit.log.verify` of {leaves:,} leaves, {together} a checkpoint: order, columns, tree, signatures"
        for peer, theirs in (("floor: hashlib over the same leaves in memory", floor), ("sqlite3 and hashlib", read)):
            yield Row(
                what=what,
                unit="leaf",
                ours=mine,
                peer=peer,
                theirs=theirs,
                rates=True,
                aim=20.0 if theirs is floor else 10.0,
                note="ours also parses every leaf, compares its columns, hashes the tree and checks the signatures, which take most "
                "of the time where every leaf has a checkpoint",
            )
        parts.close()


def _leaves(path: Path) -> list[tuple[bytes]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("select leaf from audit_leaves order by position").fetchall()


def _installation(home: Path) -> Clearance:
    parts = Clearance(load({}, home=home))
    with parts.database.read():
        return parts
