"""What captured inputs and outputs say of a model that nobody here made: a contract to propose, and a baseline."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearance.errors import InvalidInput
from clearance.registry.contract import NUMERIC, Datatype, Field, ModelContract, check_contract
from clearance.values import value

if TYPE_CHECKING:
    import pyarrow as pa

_PARQUET_MAGIC = b"PAR1"  # parquet.apache.org/docs/file-format
_INPUTS = ("inputs", "features")
_OUTPUTS = "outputs"
_EVENT_OUTPUTS = ("prediction", "score")


@value
class Inferred:
    """A contract, and the records as a Parquet file."""

    contract: ModelContract
    rows: int
    parquet: bytes


def read_records(path: Path) -> pa.Table:
    """Read JSON lines, CSV or Parquet.

    Raises:
        InvalidInput: it is none of them (`records_unreadable`).
    """
    import pyarrow as pa
    from pyarrow import csv, json, parquet

    with path.open("rb") as file:
        head = file.read(64)
    try:
        if head.startswith(_PARQUET_MAGIC):
            return parquet.read_table(path)
        return json.read_json(path) if head.lstrip().startswith(b"{") else csv.read_csv(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"the captured records can't be read: {str(error)[:300]}",
            code="records_unreadable",
            hint="one JSON object a line, CSV with a header line, or Parquet",
        ) from error


def of_events(events: pa.Table) -> pa.Table:
    """Return events of the lake as records: their features, which lie there as JSON texts, beside what was answered.

    Raises:
        InvalidInput: no event carries features (`no_features`).
    """
    from pyarrow import json

    known = events.filter(events["features"].is_valid())
    if not known.num_rows:
        raise InvalidInput(
            "telemetry holds no inputs of this version",
            code="no_features",
            hint="record events with `features`, or capture from a file: --events FILE",
        )
    lines = "\n".join(known["features"].to_pylist()).encode()
    features = json.read_json(BytesIO(lines))
    for name in _EVENT_OUTPUTS:
        if known[name].null_count < known.num_rows and name not in features.column_names:
            features = features.append_column(name, known[name])
    return features


def infer(records: pa.Table, outputs: Sequence[str]) -> Inferred:
    """Return the contract that the records keep, and the records as a baseline.

    Bounds are what was seen and a margin; a list of texts is closed where it is short and each was seen often. The numbers
    are in `capture.yaml`.

    Raises:
        InvalidInput: too few records, a column of no use, an output that is not there, or no inputs.
    """
    import pyarrow as pa
    from pyarrow import parquet

    columns, given = _sides(records, outputs)
    least = int(_number("minimum_rows"))
    if records.num_rows < least:
        raise InvalidInput(
            f"{records.num_rows} records say too little",
            code="records_too_few",
            hint=f"at least {least}: {_source('minimum_rows')}",
        )
    inputs = tuple(_field(name, column) for name, column in columns.items() if name not in given)
    answers = tuple(Field(name=name, datatype=_datatype(name, columns[name])) for name in given)
    contract = ModelContract(inputs=inputs, outputs=answers)
    check_contract(contract)
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(dict(columns)), sink)
    return Inferred(contract=contract, rows=records.num_rows, parquet=sink.getvalue().to_pybytes())


def _sides(records: pa.Table, outputs: Sequence[str]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return the columns of inputs and outputs in one, and the names of the outputs."""
    import pyarrow as pa

    nested = next((name for name in _INPUTS if name in records.column_names), None)
    if nested is None or not pa.types.is_struct(records[nested].type):
        columns = {name: records[name].combine_chunks() for name in records.column_names}
        if unknown := [name for name in outputs if name not in columns]:
            raise InvalidInput(
                f"the records have no column {unknown[0]!r}",
                code="no_such_column",
                hint="they have " + ", ".join(list(columns)[:30]),
            )
        return columns, tuple(outputs or (name for name in _EVENT_OUTPUTS if name in columns))
    inputs = dict(_fields_of(records[nested]))
    if _OUTPUTS in records.column_names and pa.types.is_struct(records[_OUTPUTS].type):
        answers = dict(_fields_of(records[_OUTPUTS]))
    else:
        answers = {name: records[name].combine_chunks() for name in _EVENT_OUTPUTS if name in records.column_names}
    if both := sorted(inputs.keys() & answers.keys()):
        raise InvalidInput(f"{both[0]!r} is an input and an output", code="bad_capture", hint="give one another name")
    return {**inputs, **answers}, tuple(answers)


def _fields_of(column: Any) -> Iterator[tuple[str, Any]]:
    whole = column.combine_chunks()
    for index, field in enumerate(whole.type):
        yield field.name, whole.flatten()[index]


def _field(name: str, column: Any) -> Field:
    from pyarrow import compute

    datatype = _datatype(name, column)
    nullable = column.null_count > 0
    if datatype in NUMERIC:
        extremes = compute.min_max(column).as_py()
        low, high = _widened(extremes["min"], extremes["max"], whole=datatype is Datatype.INT64)
        return Field(name=name, datatype=datatype, nullable=nullable, minimum=low, maximum=high)
    categories = _categories(column) if datatype is Datatype.BYTES else None
    return Field(name=name, datatype=datatype, nullable=nullable, categories=categories)


def _datatype(name: str, column: Any) -> Datatype:
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_boolean(kind):
        return Datatype.BOOL
    if pa.types.is_integer(kind):
        return Datatype.INT64
    if pa.types.is_floating(kind):
        return Datatype.FP64
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return Datatype.BYTES
    what = "has no value in any record" if pa.types.is_null(kind) else f"is of type {kind}"
    raise InvalidInput(
        f"the column {name!r} {what}, which a contract can't describe",
        code="bad_capture",
        hint="leave it out of the records, or send numbers, texts, true and false",
    )


def _widened(low: float | None, high: float | None, *, whole: bool) -> tuple[float | None, float | None]:
    """Return bounds with a margin; what was never negative stays so, and a column without finite bounds gets none."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None, None
    margin = (high - low) * _number("margin")
    least, most = low - margin, high + margin
    if low >= 0:
        least = max(least, 0.0)
    return (math.floor(least), math.ceil(most)) if whole else (least, most)


def _categories(column: Any) -> tuple[str, ...] | None:
    seen = sorted(text for text in column.unique().to_pylist() if text is not None)
    closed = 0 < len(seen) <= _number("most_categories") and len(column) >= len(seen) * _number("rows_per_category")
    return tuple(seen) if closed else None


@cache
def _settings() -> Mapping[str, Any]:
    import yaml

    found: Mapping[str, Any] = yaml.safe_load(
        (resources.files("clearance.registry") / "capture.yaml").read_text(encoding="utf-8")
    )
    return found


def _number(name: str) -> float:
    return float(_settings()[name]["value"])


def _source(name: str) -> str:
    return str(_settings()[name]["source"])
