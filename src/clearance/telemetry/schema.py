"""Arrow schemas of the lake's tables and of what is read from them; imported only where rows are at hand."""

from __future__ import annotations

import pyarrow as pa

_TIME = pa.timestamp("us", tz="UTC")

READ = pa.schema(
    [
        ("ts", _TIME),
        ("model", pa.string()),
        ("version", pa.int64()),
        ("environment", pa.string()),
        ("variant", pa.string()),
        ("request_id", pa.string()),
        ("row", pa.int32()),
        ("latency_ms", pa.float64()),
        ("status", pa.string()),
        ("error", pa.string()),
        ("features", pa.string()),
        ("feature_hash", pa.string()),
        ("prediction", pa.float64()),
        ("score", pa.float64()),
        ("segment", pa.string()),
        ("dataset_id", pa.string()),
        ("cost", pa.float64()),
        ("tokens", pa.int64()),
        ("trace_id", pa.string()),
    ]
)
"""One event as it is read; `features` is a JSON object with sorted keys."""

JOINED = pa.schema([*READ, ("label", pa.float64()), ("label_at", _TIME)])
"""An event with its label; both null where none has come."""

_RECEIVED = [("received_at", _TIME), ("position", pa.int32())]

EVENTS = pa.schema([("schema_version", pa.int32()), ("day", pa.date32()), *READ, *_RECEIVED])
"""The table `events`: `day` (UTC, of ts) is its partition; receipt and position tell copies of an event apart."""

LABELS = pa.schema(
    [
        ("model", pa.string()),
        ("request_id", pa.string()),
        ("row", pa.int32()),
        ("label", pa.float64()),
        ("at", _TIME),
        *_RECEIVED,
    ]
)
"""The table `labels`, partitioned by model."""
