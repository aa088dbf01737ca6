"""From what callers send to rows of the lake: a batch is wholly right, or refused with the place of its first fault."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from clearance.errors import InvalidInput, TooLarge
from clearance.sdk.events import EVENT_SCHEMA_VERSION, MOST_AHEAD, Fault, ahead_fault, fault, when
from clearance.telemetry.labels import label_fault
from clearance.telemetry.model import MAX_EVENTS, MAX_LABELS

if TYPE_CHECKING:
    import pyarrow as pa

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def event_rows(events: Sequence[Mapping[str, Any]], received_at: datetime) -> pa.Table:
    """Return the rows of `schema.EVENTS` for a batch, in its order.

    Raises:
        InvalidInput: an event breaks the schema, or claims to be of the future; names its index and field.
        TooLarge: more than MAX_EVENTS.
    """
    import pyarrow as pa

    from clearance.telemetry.schema import EVENTS

    _check(events, fault, "event", MAX_EVENTS)
    moments = [when(event["ts"]) for event in events]
    _check_moments(moments, received_at, "event", "ts")
    features = [_features_text(event.get("features")) for event in events]
    made: dict[str, Any] = {
        "schema_version": [event.get("schema_version") or EVENT_SCHEMA_VERSION for event in events],
        "ts": moments,
        "day": [moment.date() for moment in moments],
        "features": features,
        "feature_hash": [
            event.get("feature_hash") or feature_hash(text) for event, text in zip(events, features, strict=True)
        ],
        **_receipt(len(events), received_at),
    }
    for name in EVENTS.names:
        if name not in made:
            made[name] = [event.get(name) for event in events]
    for name in ("prediction", "score", "cost", "latency_ms"):
        made[name] = _numbers(made[name])
    return pa.table(made, schema=EVENTS)


def label_rows(labels: Sequence[Mapping[str, Any]], received_at: datetime) -> pa.Table:
    """Return the rows of `schema.LABELS` for a batch, in its order.

    Raises:
        InvalidInput: a label is malformed, or claims to be of the future; names its index and field.
        TooLarge: more than MAX_LABELS.
    """
    import pyarrow as pa

    from clearance.telemetry.schema import LABELS

    _check(labels, label_fault, "label", MAX_LABELS)
    moments = [received_at if label.get("at") is None else when(label["at"]) for label in labels]
    _check_moments(moments, received_at, "label", "at")
    made = {
        "model": [label["model"] for label in labels],
        "request_id": [label["request_id"] for label in labels],
        "row": [label.get("row") or 0 for label in labels],
        "label": _numbers([label["label"] for label in labels]),
        "at": moments,
        **_receipt(len(labels), received_at),
    }
    return pa.table(made, schema=LABELS)


def feature_hash(features: str | None) -> str | None:
    """Return `sha256:` of the features' stored text, or None where there are none."""
    return None if features is None else "sha256:" + hashlib.sha256(features.encode()).hexdigest()


def from_json(body: bytes, name: str = "the body") -> list[Any]:
    """Return the items of a JSON list, which errors call by its name.

    Raises:
        InvalidInput: it is no JSON, or no list.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{name} is not JSON: {error}", code="json_invalid", hint="send a JSON list") from error
    if not isinstance(found, list):
        raise InvalidInput(
            f"{name} is a JSON {type(found).__name__}, not a list", code="json_invalid", hint="send a JSON list"
        )
    return found


def from_arrow(body: bytes, limit_bytes: int) -> list[Any]:
    """Return the rows of an Arrow IPC stream as events; `features` may be a struct, a map or a JSON text.

    Raises:
        InvalidInput: it is no Arrow IPC stream.
        TooLarge: unpacked it has more than `limit_bytes`, or more than MAX_EVENTS rows.
    """
    import pyarrow as pa

    found: list[Any] = []
    size = 0
    try:
        with pa.ipc.open_stream(io.BytesIO(body)) as reader:
            for batch in reader:
                size += batch.nbytes
                if size > limit_bytes or len(found) + batch.num_rows > MAX_EVENTS:
                    raise TooLarge(
                        f"the Arrow stream holds more than {limit_bytes} bytes or {MAX_EVENTS} rows",
                        code="batch_too_large",
                        hint="send it in several batches",
                    )
                found += _microseconds(batch).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput(
            f"the body is not an Arrow IPC stream of events: {error}",
            code="arrow_invalid",
            hint="write it with pyarrow.ipc.new_stream",
        ) from error
    return [_unfold(event) for event in found]


def _microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Bring moments to the lake's precision: Python has no nanoseconds."""
    import pyarrow as pa

    fields = [
        pa.field(field.name, pa.timestamp("us", field.type.tz)) if pa.types.is_timestamp(field.type) else field
        for field in batch.schema
    ]
    return batch.cast(pa.schema(fields), safe=False)


def _unfold(event: dict[str, Any]) -> dict[str, Any]:
    features = event.get("features")
    if isinstance(features, str):
        try:
            event["features"] = json.loads(features)
        except (ValueError, RecursionError):
            return event  # stays a text, which the schema's check names
    elif isinstance(features, list):  # an Arrow map: pairs
        event["features"] = dict(features)
    return event


def _check(items: Sequence[Any], fault_of: Callable[[Any], Fault | None], kind: str, most: int) -> None:
    if len(items) > most:
        raise TooLarge(
            f"the batch has {len(items)} {kind}s, allowed are {most}",
            code="batch_too_large",
            hint="send it in several batches",
        )
    if not items:
        raise InvalidInput(f"the batch has no {kind}s", code="batch_empty", hint="send at least one")
    for index, item in enumerate(items):
        if found := fault_of(item):
            raise _invalid(kind, index, found)


def _check_moments(moments: Sequence[datetime], received_at: datetime, kind: str, field: str) -> None:
    if max(moments) - received_at <= MOST_AHEAD:
        return
    for index, moment in enumerate(moments):
        if message := ahead_fault(moment, received_at):
            raise _invalid(kind, index, Fault(field, message))


def _invalid(kind: str, index: int, found: Fault) -> InvalidInput:
    return InvalidInput(
        f"{kind} {index}: {found.field} {found.message}",
        code=f"{kind}_invalid",
        hint="nothing of this batch was stored; correct it and send the whole batch again",
        details={"index": index, "field": found.field},
    )


def _receipt(size: int, received_at: datetime) -> dict[str, Any]:
    return {"received_at": [received_at] * size, "position": range(size)}


def _numbers(found: Sequence[Any]) -> list[float | None]:
    return [None if number is None else float(number) for number in found]


def _features_text(features: Mapping[str, Any] | None) -> str | None:
    if features is None:
        return None
    return _encode(features)
