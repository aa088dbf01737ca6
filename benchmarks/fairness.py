"""Case of fairness: rows to rates by group, disparities and their intervals, against fairlearn and a bare group-by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from benchmarks.bench import Bench
from benchmarks.environments import PeerUnavailable
from benchmarks.measure import Row, alternate, timed
from clearance.checks import fairness as check
from clearance.checks import tables
from clearance.checks.parameters import FairnessCheck
from clearance.statistics import fairness as statistics

ATTRIBUTES = {"race": ("Asian", "Black", "Native", "Other", "White"), "region": ("east", "north", "south", "west")}
PARAMETERS = FairnessCheck(attributes=tuple(ATTRIBUTES), intersections=(tuple(ATTRIBUTES),))


def fairness(bench: Bench) -> Iterator[Row]:
    """All figures of a million rows by two attributes of 5 and 4 values and by both crossed."""
    rows = bench.size(1_000_000, 10_000)
    path = _write(bench.folder / "people.parquet", rows)
    table = tables.read(path)
    labels, predicted = (table.column(name).astype(np.bool_) for name in ("label", "predicted"))

    def whole() -> None:
        read = tables.read(path)
        truth, answers = (read.column(name).astype(np.bool_) for name in ("label", "predicted"))
        assert check.check(PARAMETERS, read, truth, answers).figures

    what = f"the fairness check of {rows:,} rows from Parquet: 3 partitions, 5 rates a group and 6 disparities, with intervals"
    peer = "fairlearn `MetricFrame`: the same rates, differences and ratios, no intervals, rows in memory"
    try:
        with bench.peer("fairlearn") as other:
            mine, theirs = alternate(1, timed(whole), other.action("fairness", path=_csv(path)))
            yield Row(what=what, unit="run", ours=mine, peer=peer, theirs=theirs)
    except PeerUnavailable as error:
        yield Row(what=what, unit="run", ours=alternate(1, timed(whole))[0], peer=peer, unavailable=str(error))

    mine, theirs = alternate(bench.rounds(3), timed(whole), timed(lambda: _group_by(path)))
    yield Row(
        what=what,
        unit="run",
        ours=mine,
        peer=f"floor: {bench.library('duckdb')} counts the same table of 20 × 2 × 2 cells from the file",
        theirs=theirs,
        aim=5.0,
        note="every figure is a function of those counts; the aim is to stay within five times of the floor; "
        "names of groups are made row by row",
    )
    race = table.column("race")
    codes = np.unique(race.astype(np.str_), return_inverse=True)[1]
    mine, theirs = alternate(
        bench.rounds(3),
        timed(lambda: statistics.count(race, labels, predicted)),
        timed(lambda: np.bincount(codes * 4 + labels * 2 + predicted, minlength=20)),
    )
    yield Row(
        what=f"`statistics.fairness.count` of {rows:,} rows by the 5 values of one attribute",
        unit="run",
        ours=mine,
        peer="floor: NumPy counts the same rows, given the index of each row's group",
        theirs=theirs,
        aim=5.0,
        note="ours is given the groups' names as Python texts and has to find their indices",
    )


def _group_by(path: Path) -> None:
    import duckdb

    with duckdb.connect() as engine:
        found = engine.execute(
            "select race, region, label, predicted, count(*) from read_parquet(?) group by all", [str(path)]
        ).fetchall()
    assert found


def _csv(path: Path) -> str:
    """Write a Parquet file as CSV beside it, for a peer that reads no Parquet, and return its path."""
    target = path.with_suffix(".csv")
    csv.write_csv(parquet.read_table(path), target)
    return str(target)


def _write(path: Path, rows: int) -> Path:
    random = np.random.default_rng(5)
    groups = {name: random.integers(0, len(values), rows) for name, values in ATTRIBUTES.items()}
    label = random.random(rows) < 0.25 + 0.03 * groups["race"]
    predicted = np.where(random.random(rows) < 0.8, label, random.random(rows) < 0.3)
    columns = {name: np.array(values, dtype=np.object_)[groups[name]] for name, values in ATTRIBUTES.items()}
    numbers = {"label": label.astype(np.int64), "predicted": predicted.astype(np.int64)}
    parquet.write_table(pa.table({**columns, **numbers}), path)
    return path
