"""Turn tables of events and of baseline data into columns that profiles can be made of; Arrow and DuckDB, no row loops."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from clearance.statistics.bins import Counts, Floats
from clearance.statistics.profiles import STATUSES, Batch, Layout

BOOLEANS = ("false", "true")
_TRUTH = {"1": "true", "1.0": "true", "0": "false", "0.0": "false"}


@dataclass(frozen=True, slots=True)
class Features:
    """The features of many rows as columns: numbers with NaN where missing, categories as codes of a layout."""

    numeric: Mapping[str, Floats]
    categorical: Mapping[str, Counts]


def of_events(features: Any, layout: Layout) -> Features:
    """Return the features of events as columns.

    A number that is none, or a feature that an event lacks, counts as missing; a value that the layout does not know as
    "other". Of categories that are true and false in the baseline, 1 and 0 mean the same.

    Args:
        features: Arrow strings, each a JSON object or null; shape [rows].
        layout: what to look for.
    """
    wanted = {**dict.fromkeys(layout.numeric, "DOUBLE"), **dict.fromkeys(layout.categorical, "VARCHAR")}
    if not wanted or not len(features):
        return Features(
            {name: np.full(len(features), np.nan) for name in layout.numeric},
            {name: np.full(len(features), -1, np.int64) for name in layout.categorical},
        )
    with _engine().cursor() as engine:  # of one database, for opening one costs more than the question
        engine.register("events", pa.table({"features": features}))
        found = engine.sql(
            "select json_transform(features, $wanted) as found from events", params={"wanted": json.dumps(wanted)}
        ).to_arrow_table()
    columns = found["found"].combine_chunks()
    missing = columns.is_null()
    return of_table({name: compute.if_else(missing, None, columns.field(name)) for name in wanted}, layout)


def of_table(columns: Mapping[str, Any], layout: Layout) -> Features:
    """Return the features of a table of Arrow columns."""
    return Features(
        {name: floats(columns[name]) for name in layout.numeric},
        {name: codes(columns[name], known) for name, known in layout.categorical.items()},
    )


def floats(column: Any) -> Floats:
    """Return an Arrow column of numbers as doubles, NaN where it is null."""
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False))


def codes(column: Any, known: tuple[str, ...]) -> Counts:
    """Return the index of each value among the known ones, their number for any other, -1 where it is null."""
    texts = column.cast(pa.string())
    if known == BOOLEANS:
        texts = _truths(texts)
    found = compute.fill_null(compute.index_in(texts, value_set=pa.array(known, pa.string())), len(known))
    return np.where(np.asarray(texts.is_null()), -1, np.asarray(found)).astype(np.int64)


def classes(values: Floats, positive: float) -> NDArray[np.int8]:
    """Return 1 where a number is the positive class, 0 where it is another, -1 where it is NaN."""
    return np.where(np.isnan(values), -1, values == positive).astype(np.int8)


def batches(events: Any, layout: Layout, positive: float) -> dict[int, Batch]:
    """Return what each version answered in a table of events (`telemetry.schema.JOINED`), ready to be profiled.

    Answers in the shadow are left out: nobody acted on them. Requests and their latency are counted by first rows, features
    and predictions by rows that were answered.
    """
    shown = events.filter(compute.not_equal(events["variant"], "shadow"))
    answered = shown.filter(compute.equal(shown["status"], "ok"))
    features = of_events(answered["features"].combine_chunks(), layout)
    rows = _Rows(
        versions=np.asarray(answered["version"].to_numpy()),
        features=features,
        score=floats(answered["score"]),
        predicted=classes(floats(answered["prediction"]), positive),
        label=classes(floats(answered["label"]), positive),
    )
    requests = shown.filter(compute.equal(shown["row"], 0))
    asked = np.asarray(requests["version"].to_numpy())
    status = np.asarray(compute.index_in(requests["status"], value_set=pa.array(STATUSES)).to_numpy())
    latency = floats(requests["latency_ms"])
    return {
        int(version): rows.batch(version, latency[asked == version], status[asked == version])
        for version in np.unique(np.concatenate((rows.versions, asked)))
    }


@dataclass(frozen=True, slots=True)
class _Rows:
    versions: NDArray[np.int64]
    features: Features
    score: Floats
    predicted: NDArray[np.int8]
    label: NDArray[np.int8]

    def batch(self, version: int, latency_ms: Floats, status: Counts) -> Batch:
        mine = self.versions == version
        ended = np.bincount(status, minlength=len(STATUSES)).tolist()
        return Batch(
            numeric={name: values[mine] for name, values in self.features.numeric.items()},
            categorical={name: values[mine] for name, values in self.features.categorical.items()},
            score=self.score[mine],
            predicted=self.predicted[mine],
            label=self.label[mine],
            latency_ms=latency_ms,
            statuses=dict(zip(STATUSES, ended, strict=True)),
        )


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _truths(texts: Any) -> Any:
    found = compute.utf8_lower(texts)
    for spelling, truth in _TRUTH.items():
        found = compute.if_else(compute.equal(found, spelling), truth, found)
    return found
