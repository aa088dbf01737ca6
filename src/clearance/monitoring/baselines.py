"""Baselines: a registered dataset, read once into the cells and the profile that windows are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute, csv, parquet

from clearance.errors import InvalidInput
from clearance.monitoring import columns
from clearance.monitoring.model import MonitorConfig
from clearance.registry.contract import ModelContract
from clearance.statistics import profiles
from clearance.statistics.bins import Bins, Floats, anchored
from clearance.statistics.profiles import UNIT, Batch, Layout, Profile

MOST_CATEGORIES = 255
_PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What windows are compared with: the cells, and the counts of the baseline in them."""

    digest: str
    layout: Layout
    profile: Profile


def features_of(
    config: MonitorConfig, names: tuple[str, ...], time_column: str | None, contract: ModelContract | None = None
) -> tuple[str, ...]:
    """Return the names of the features to compare, of a dataset with these columns.

    Events hold what the model was asked, so that features are inputs of its contract: those that the configuration names,
    else all that the dataset has. Only a model without a contract is compared by every column.

    Raises:
        InvalidInput: a column that is named is not there or no input of the contract, or no feature is left.
    """
    special = (config.score_column, config.prediction_column, config.label_column)
    for name in (*config.features, *filter(None, special)):
        if name not in names:
            raise InvalidInput(
                f"the baseline has no column {name!r}",
                code="no_such_column",
                hint="it has " + ", ".join(names[:30]),
                details={"columns": list(names)},
            )
    inputs = None if contract is None else tuple(field.name for field in contract.inputs)
    if inputs is not None and (strangers := [name for name in config.features if name not in inputs]):
        raise InvalidInput(
            f"the model's contract has no input {strangers[0]!r}: no event holds it, so every window would miss it",
            code="not_an_input",
            hint="its inputs are " + ", ".join(inputs[:30]),
            details={"inputs": list(inputs)},
        )
    usable = names if inputs is None else tuple(name for name in inputs if name in names)
    found = config.features or tuple(name for name in usable if name not in {*special, time_column})
    if inputs is not None and not found:
        raise InvalidInput(
            "no input of the model's contract is a column of the baseline",
            code="bad_features",
            hint=f"its inputs are {', '.join(inputs[:30])}; the baseline has {', '.join(names[:30])}",
        )
    if not found or len(set(found)) < len(found):
        raise InvalidInput(
            "a monitor needs features, each named once", code="bad_features", hint="name them in `features`"
        )
    return found


def read(path: Path, digest: str, config: MonitorConfig, features: tuple[str, ...]) -> Baseline:
    """Read a dataset (Parquet, or CSV with a header) and profile it.

    Raises:
        InvalidInput: a column is of no use as a feature, or holds nothing.
    """
    special = {config.score_column, config.prediction_column, config.label_column} - {None}
    table = _table(path, sorted({*features, *(name for name in special if name)}))
    found = {name: _plain(table[name]) for name in table.column_names}
    score = _floats(found, config.score_column) if config.score_column else np.full(table.num_rows, np.nan)
    layout = Layout(
        numeric={name: _bins(name, found[name]) for name in features if _is_number(found[name].type)},
        categorical={name: _known(name, found[name]) for name in features if not _is_number(found[name].type)},
        score=_score_bins(score),
    )
    converted = columns.of_table(found, layout)
    batch = Batch(
        numeric=converted.numeric,
        categorical=converted.categorical,
        score=score,
        predicted=_classes(found, config.prediction_column, config.positive, table.num_rows),
        label=_classes(found, config.label_column, config.positive, table.num_rows),
        latency_ms=np.zeros(0),
        statuses={},
    )
    return Baseline(digest, layout, profiles.profile(layout, batch))


def _table(path: Path, names: list[str]) -> Any:
    with path.open("rb") as file:
        is_parquet = file.read(4) == _PARQUET_MAGIC
    if is_parquet:
        return parquet.read_table(path, columns=names)
    return csv.read_csv(path, convert_options=csv.ConvertOptions(include_columns=names))


def _plain(column: Any) -> Any:
    combined = column.combine_chunks()
    return combined.dictionary_decode() if pa.types.is_dictionary(combined.type) else combined


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _bins(name: str, column: Any) -> Bins:
    values = columns.floats(column)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise _useless(name, "holds no number")
    return anchored(finite)


def _known(name: str, column: Any) -> tuple[str, ...]:
    """Return the values of a category: those most frequent in the baseline, sorted."""
    if pa.types.is_boolean(column.type):
        return columns.BOOLEANS
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise _useless(name, f"is of type {column.type}, neither numbers, texts nor true and false")
    counted = compute.value_counts(column.cast(pa.string()).drop_null()).to_pylist()
    if not counted:
        raise _useless(name, "holds no value")
    most = sorted(counted, key=lambda found: (-found["counts"], found["values"]))[:MOST_CATEGORIES]
    return tuple(sorted(found["values"] for found in most))


def _score_bins(score: Floats) -> Bins:
    finite = score[np.isfinite(score)]
    if not finite.size or (finite.min() >= UNIT.low and finite.max() <= UNIT.high):
        return UNIT
    return anchored(finite)


def _floats(found: Mapping[str, Any], name: str) -> Floats:
    kind = found[name].type
    if not (_is_number(kind) or pa.types.is_boolean(kind)):
        raise InvalidInput(
            f"the baseline's column {name!r} is of type {kind}, not numbers",
            code="column_useless",
            hint="scores, predictions and labels are numbers; a class is its index",
        )
    return columns.floats(found[name])


def _classes(found: Mapping[str, Any], name: str | None, positive: float, rows: int) -> Any:
    if not name:
        return np.full(rows, -1, np.int8)
    return columns.classes(_floats(found, name), positive)


def _useless(name: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"the baseline's column {name!r} {why}",
        code="column_useless",
        hint="leave it out: name the columns to compare in `features`",
    )
