"""Questions to the lake, in SQL over its Parquet files: copies of an event removed, labels joined, counts."""

# ruff: noqa: S608 - texts of SQL are put together from constants of this house; whatever callers say is a parameter

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clearance.errors import NotFound

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# Copies of one event have the same key; the first received is the event. A shadow's answer to a request is an
# event beside the caller's; so is a request sent again under its id that ends in another way (rejected after ok).
# Receipt and position are unique within a process; what follows them decides between two.
_EVENTS = """
events as (
    select * from (
        select *, row_number() over (
            partition by model, environment, request_id, "row", variant = 'shadow', status
            order by received_at, position, ts, version, variant, feature_hash, prediction, score, latency_ms
        ) as copy
        from read_parquet($event_files, hive_partitioning = false)
        where {window}
    ) where copy = 1 and {after}
)
"""

# A label known later supersedes; of two known at the same moment the one received later. It is the outcome of an answer,
# so that events without one (rejected, error) have none, whatever other event of their request has.
_LABELS = """
labels as (
    select request_id, "row", 'ok' as status, label, "at" as label_at {model_too} from (
        select *, row_number() over (
            partition by {model_first} request_id, "row" order by "at" desc, received_at desc, position desc, label
        ) as copy
        from ({label_rows}) where request_id in (select request_id from events)
    ) where copy = 1
)
"""


_NO_LABELS = """
    select '' as model, '' as request_id, 0 as "row", 0.0 as label,
           null::timestamptz as "at", null::timestamptz as received_at, 0 as position where false
"""


def connect() -> duckdb.DuckDBPyConnection:
    """Return an engine that reads nothing but what it is told to, and downloads nothing."""
    import duckdb

    return duckdb.connect(
        ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )


def read_events(
    engine: duckdb.DuckDBPyConnection,
    files: Sequence[str],
    conditions: Mapping[str, Any],
    columns: Sequence[str],
) -> pa.Table:
    """Return the events of the files that meet the conditions, sorted by ts."""
    chosen = ", ".join(f'"{name}"' for name in columns)
    sql = f'with {_events(conditions)} select {chosen} from events order by ts, request_id, "row", variant, status'
    return _run(engine, sql, {"event_files": list(files), **conditions})


def read_joined(
    engine: duckdb.DuckDBPyConnection,
    files: Sequence[str],
    label_files: Sequence[str],
    conditions: Mapping[str, Any],
    columns: Sequence[str],
) -> pa.Table:
    """Return the events with their labels, sorted by ts; the label files hold this one model's labels."""
    chosen = ", ".join(f'events."{name}"' for name in columns)
    labels = _LABELS.format(
        model_too="", model_first="", label_rows="select * from read_parquet($label_files, hive_partitioning = false)"
    )
    sql = (
        f"with {_events(conditions)}, {labels} select {chosen}, label, label_at "
        'from events left join labels using (request_id, "row", status) order by ts, request_id, "row", variant, status'
    )
    return _run(engine, sql, {"event_files": list(files), "label_files": list(label_files), **conditions})


def read_counts(
    engine: duckdb.DuckDBPyConnection,
    files: Sequence[str],
    label_files: Mapping[str, Sequence[str]],
    conditions: Mapping[str, Any],
) -> pa.Table:
    """Return the number of events and of labelled ones by model, version, environment, variant and status."""
    names = {f"labels_{index}": (model, list(found)) for index, (model, found) in enumerate(label_files.items())}
    union = " union all by name ".join(
        f"select *, $model_{name} as model from read_parquet(${name}, hive_partitioning = false)" for name in names
    )
    labels = _LABELS.format(model_too=", model", model_first="model,", label_rows=union or _NO_LABELS)
    sql = f"""
        with {_events(conditions)}, {labels}
        select model, version, environment, variant, status, count(*) as events, count(label) as labelled,
               min(ts) as first_at, max(ts) as last_at
        from events left join labels using (model, request_id, "row", status)
        group by all order by all
    """
    parameters: dict[str, Any] = {"event_files": list(files), **conditions}
    for name, (model, found) in names.items():
        parameters |= {name: found, f"model_{name}": model}
    return _run(engine, sql, parameters)


def read_tallies(
    engine: duckdb.DuckDBPyConnection,
    files: Sequence[str],
    label_files: Sequence[str],
    conditions: Mapping[str, Any],
    origin_us: int,
    every_us: int,
) -> pa.Table:
    """Return the number of events and of labelled ones by span of time, with a digest; the label files are one model's.

    The spans are `every_us` long and counted from `origin_us`, both in microseconds since 1970. The digest is the XOR of
    one hash an event: of its identity, its answer's circumstances and its label; order plays no part in it. DuckDB
    combines the hashes of several values by XOR too, so that equal changes of two events would cancel: hence hashed twice.
    """
    rows = "select * from read_parquet($label_files, hive_partitioning = false)" if label_files else _NO_LABELS
    labels = _LABELS.format(model_too="", model_first="", label_rows=rows)
    sql = f"""
        with {_events(conditions)}, {labels}
        select (epoch_us(ts) - $origin) // $every as span, count(*) as events, count(label) as labelled,
               bit_xor(hash(hash(request_id, "row", variant, version, status, ts, label))) as digest
        from events left join labels using (request_id, "row", status)
        group by span order by span
    """
    parameters: dict[str, Any] = {"event_files": list(files), "origin": origin_us, "every": every_us, **conditions}
    if label_files:
        parameters["label_files"] = list(label_files)
    return _run(engine, sql, parameters)


def _events(conditions: Mapping[str, Any]) -> str:
    tests = {
        "model": "model = $model",
        "environment": "environment = $environment",
        "start": "ts >= $start",
        "end": "ts < $end",
    }
    window = " and ".join(test for name, test in tests.items() if name in conditions) or "true"
    return _EVENTS.format(window=window, after="version = $version" if "version" in conditions else "true")


def _run(engine: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
    import duckdb

    with engine.cursor() as cursor:
        try:
            return cursor.sql(sql, params=dict(parameters)).to_arrow_table()
        except duckdb.IOException as error:
            raise NotFound(
                f"a data file of this table version is gone: {error}",
                code="table_version_gone",
                hint="its rows were vacuumed with `clearance telemetry compact --retention-hours`; read a newer version",
            ) from error
