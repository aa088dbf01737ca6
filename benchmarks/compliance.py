"""Cases of what is told from the whole log: what served a model ever, and whether the tables say what the log says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench
from benchmarks.measure import Row, alternate, timed
from benchmarks.mlflow import make_guarded
from clearance.access.model import SYSTEM
from clearance.app import Clearance
from clearance.audit import log
from clearance.compliance import verification
from clearance.compliance.history import history
from clearance.delivery import service as delivery
from clearance.evidence import passport_check
from clearance.evidence import service as evidence
from clearance.policy import service as policy
from clearance.registry import service as registry
from clearance.registry.model import NewModel, NewVersion
from clearance.registry.source import Source, SourceKind
from clearance.settings import load
from clearance.values import plain

_LIMIT = 1.0
"""Seconds that a person is asked to wait for what is told of a model that was promoted a thousand times."""


def told(bench: Bench) -> Iterator[Row]:
    """The history of a model with many moves, and the whole verification beside that of the log alone, on SQLite."""
    parts, moves, models = Clearance(load({}, home=bench.folder / "home")), bench.size(1_000, 20), bench.size(2_000, 20)
    make_guarded(parts)
    for number in range(moves):
        with parts.database.write() as tx:
            delivery.set_alias(tx, SYSTEM, parts.gate, parts.guards, "guarded", "champion", number % 2 + 1)
    for number in range(models):
        with parts.database.write() as tx:
            registry.create_model(tx, SYSTEM, NewModel(name=f"m-{number}", owner="user:ada"))
            new = NewVersion(source=Source(kind=SourceKind.REFERENCE, uri=f"s3://models/{number}"))
            registry.register_version(tx, SYSTEM, parts.blobs, f"m-{number}", new)
    for what, unit, tell in (
        (
            f"`compliance.history` of a model with {moves:,} decided moves: all of it, every leaf proven",
            "history",
            _history,
        ),
        (f"the passport of a version with {moves // 2:,} decisions, made and verified", "passport", _passport),
    ):
        (ours,) = alternate(bench.rounds(5), timed(partial(tell, parts, moves)))
        yield Row(what=what, unit=unit, ours=ours, peer=f"limit: {_LIMIT:g} s", limit=_LIMIT)
    both, alone = alternate(bench.rounds(5), timed(partial(_verify, parts)), timed(partial(_verify_log, parts)))
    yield Row(
        what=f"`audit verify` of a log with {moves:,} decided moves and {models:,} models with a version, and of all tables",
        unit="verification",
        ours=both,
        peer="the same without the tables",
        theirs=alone,
        aim=4.0,
        note="ours also replays every leaf, and reads and hashes every row that gives a right, admits a version or says what serves",
    )
    parts.close()


def _history(parts: Clearance, moves: int) -> None:
    with parts.database.read() as tx:
        found = history(tx, parts.log_verifier, "guarded")
    assert (len(found.intervals), found.problems) == (moves, ()), found.problems


def _passport(parts: Clearance, moves: int) -> None:
    with parts.database.write() as tx:
        decision = plain(policy.newest_decision(tx, "guarded", 1, "production"))
        body = evidence.seal_passport(tx, SYSTEM, "guarded", 1, decision)
    with parts.database.read() as tx:
        found = evidence.prove_passport(tx, body, parts.log_verifier)
    report = passport_check.verify(json.dumps(found))
    assert report.ok, report
    assert len(body["statements"]) >= moves // 2


def _verify(parts: Clearance) -> None:
    with parts.database.read() as tx:
        found = verification.verify(tx, parts.log_verifier)
    assert found.ok, found.problems


def _verify_log(parts: Clearance) -> None:
    with parts.database.read() as tx:
        found = log.verify(tx, parts.log_verifier)
    assert found.ok, found.problems
