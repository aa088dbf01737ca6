"""Case of drift: two Parquet files to PSI and KS of every column, against reading them, SciPy and frouros."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from benchmarks.bench import Bench
from benchmarks.environments import PeerUnavailable
from benchmarks.measure import Row, alternate, timed
from clearance.monitoring import baselines, columns
from clearance.monitoring.model import MonitorConfig
from clearance.statistics import drift as figures
from clearance.statistics import profiles
from clearance.statistics.profiles import Batch

COLUMNS = 20


def drift(bench: Bench) -> Iterator[Row]:
    """PSI and KS of 20 columns, baseline and current of a million rows each, from files to figures."""
    rows = bench.size(1_000_000, 10_000)
    before, after = _write(bench.folder, "baseline", rows, 1), _write(bench.folder, "current", rows, 2)
    names = tuple(f"c{place:02}" for place in range(COLUMNS))
    what = f"profiles of two Parquet files of {rows:,} rows × {COLUMNS} numbers, then PSI and KS of every column"

    def ours() -> None:
        assert len(_figures(before, after, names)) == COLUMNS

    def reading() -> None:
        parquet.read_table(before)
        parquet.read_table(after)

    mine, theirs = alternate(bench.rounds(3), timed(ours), timed(reading))
    yield Row(
        what=what,
        unit="run",
        ours=mine,
        peer=f"floor: {bench.library('pyarrow')} reads the same two files",
        theirs=theirs,
        aim=5.0,
        note="the floor counts nothing; the aim is to stay within five times of it",
    )
    scipy = bench.library("scipy")
    mine, theirs = alternate(1, timed(ours), timed(lambda: _scipy(before, after, names)))
    peer = f"{scipy} `ks_2samp` of every column: KS with its p-value, no PSI"
    yield Row(what=what, unit="run", ours=mine, peer=peer, theirs=theirs)
    peer = "frouros PSI and KSTest of every column, read from .npy"
    try:
        with bench.peer("frouros") as other:
            paths = {"baseline": _npy(before), "current": _npy(after)}
            mine, theirs = alternate(1, timed(ours), other.action("drift", **paths))
            yield Row(what=what, unit="run", ours=mine, peer=peer, theirs=theirs)
    except PeerUnavailable as error:
        yield Row(what=what, unit="run", ours=mine, peer=peer, unavailable=str(error))


def _figures(before: Path, after: Path, names: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Return PSI and KS of each column, by the functions that a monitor uses."""
    baseline = baselines.read(before, "sha256:0", MonitorConfig(baseline_dataset="sha256:0", features=names), names)
    table = parquet.read_table(after, columns=list(names))
    read = {name: table[name].combine_chunks() for name in names}
    found = columns.of_table(read, baseline.layout)
    current = profiles.profile(
        baseline.layout,
        Batch(
            numeric=found.numeric,
            categorical=found.categorical,
            score=np.full(table.num_rows, np.nan),
            predicted=np.full(table.num_rows, -1, np.int8),
            label=np.full(table.num_rows, -1, np.int8),
            latency_ms=np.zeros(0),
            statuses={},
        ),
    )
    result = {}
    for name in names:
        reference, counts = baseline.profile.numeric[name].counts, current.numeric[name].counts
        starts = figures.group_starts(reference)
        psi = figures.psi(figures.grouped(reference, starts), figures.grouped(counts, starts))
        result[name] = (float(psi), float(figures.ks(reference, counts)))
    return result


def _scipy(before: Path, after: Path, names: tuple[str, ...]) -> None:
    stats: Any = importlib.import_module("scipy.stats")
    one, other = parquet.read_table(before), parquet.read_table(after)
    for name in names:
        stats.ks_2samp(one[name].to_numpy(), other[name].to_numpy(), method="asymp")


def _write(folder: Path, name: str, rows: int, seed: int) -> Path:
    """Write columns of four shapes, the second file a little off the first."""
    random = np.random.default_rng(seed)
    shift = 0.05 * (seed - 1)
    makers = (
        lambda: random.normal(shift, 1 + shift, rows),
        lambda: random.lognormal(shift, 0.7, rows),
        lambda: random.gamma(2.0 + shift, 10.0, rows),
        lambda: random.integers(0, 120, rows).astype(np.float64),
    )
    path = folder / f"{name}.parquet"
    parquet.write_table(pa.table({f"c{place:02}": makers[place % 4]() for place in range(COLUMNS)}), path)
    return path


def _npy(path: Path) -> str:
    """Write the columns of a Parquet file as one array [columns, rows] and return its path."""
    table = parquet.read_table(path)
    target = path.with_suffix(".npy")
    np.save(target, np.stack([column.to_numpy() for column in table.columns]))
    return str(target)
