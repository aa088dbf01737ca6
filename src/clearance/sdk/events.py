"""The event: what one prediction says about itself; one schema for recorder, ingest, lake and their documentation."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Required, TypedDict

EVENT_SCHEMA_VERSION = 1
"""Grows by one whenever a field is added; fields are never renamed, retyped or removed."""

VARIANTS = ("stable", "candidate", "shadow")
STATUSES = ("ok", "rejected", "error")

MAX_FEATURES = 2_000
MAX_TEXT = 200

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Before it nothing happened that is watched here: old data may be replayed, but a clock that was never set says 1970, and
one such event would make a monitor look at every window since."""
MOST_AHEAD = timedelta(days=1)
"""How far the clock of whoever sends may be ahead of the server's; what claims to be later is a mistake, not the future."""

_MODEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_INT64 = 2**63


class Event(TypedDict, total=False):
    """One predicted row. The `Required` fields can't be skipped; `FIELDS` says what each may hold."""

    schema_version: int
    ts: Required[datetime | str]
    model: Required[str]
    version: Required[int]
    environment: Required[str]
    variant: Required[str]
    request_id: Required[str]
    row: Required[int]
    latency_ms: Required[float]
    status: Required[str]
    error: str | None
    features: Mapping[str, Any] | None
    feature_hash: str | None
    prediction: float | None
    score: float | None
    segment: str | None
    dataset_id: str | None
    cost: float | None
    tokens: int | None
    trace_id: str | None


class Fault(NamedTuple):
    """What is wrong with an event: the field, and a sentence."""

    field: str
    message: str


class FieldRule(NamedTuple):
    """One field of the schema: what it may hold, whether it can be left out, its meaning, its OpenTelemetry name."""

    check: Callable[[Any], str | None]
    mandatory: bool
    meaning: str
    opentelemetry: str


def when(moment: datetime | str) -> datetime:
    """Return the moment an event or a label names, in UTC.

    Raises:
        ValueError: it is no RFC 3339 time, or has no zone.
    """
    parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    if parsed.tzinfo is None:
        raise ValueError("has no zone")
    return parsed.astimezone(UTC)


def time_fault(found: Any) -> str | None:
    """Say what keeps this from being a moment, or None."""
    if not isinstance(found, str | datetime):
        return f"is {shown(found)}, not an RFC 3339 time"
    try:
        moment = when(found)
    except (ValueError, OverflowError):
        return f"is {shown(found)}, not an RFC 3339 time with a zone, such as 2026-01-05T09:00:00Z"
    return None if moment >= EARLIEST else f"is {shown(found)}, before {EARLIEST:%Y-%m-%d}, the earliest there is"


def ahead_fault(moment: datetime, now: datetime) -> str | None:
    """Say that a moment can't have come yet, or None.

    Args:
        moment: what was claimed; aware.
        now: what the server's clock says.
    """
    if moment - now <= MOST_AHEAD:
        return None
    return f"is {moment.isoformat()}, more than a day after the server's clock, {now.isoformat(timespec='seconds')}"


def text_fault(found: Any) -> str | None:
    """Say what keeps this from being a short text, or None."""
    if not isinstance(found, str):
        return f"is {shown(found)}, not a text"
    if not 0 < len(found) <= MAX_TEXT:
        return f"has {len(found)} characters, allowed are 1 to {MAX_TEXT}"
    return None if found.isascii() or _encodable(found) else "holds half a character (a lone surrogate)"


def model_fault(found: Any) -> str | None:
    """Say what keeps this from being a model's name, or None."""
    if isinstance(found, str) and _MODEL.fullmatch(found):
        return None
    return f"is {shown(found)}, not a model's name (lower-case letters, digits, `.`, `_`, `-`; at most 100)"


def number_fault(found: Any) -> str | None:
    """Say what keeps this from being a finite number, or None; true and false count as 1 and 0."""
    if type(found) is float and math.isfinite(found):
        return None
    if not isinstance(found, float | int):
        return f"is {shown(found)}, not a number (send a class by its index)"
    if isinstance(found, int):
        return None if -_INT64 <= found < _INT64 else "is beyond 64 bits"
    return None if math.isfinite(found) else f"is {found}; send null where there is no number"


def whole(low: int, high: int) -> Callable[[Any], str | None]:
    """Return the check that something is a whole number from `low` to `high`."""

    def check(found: Any) -> str | None:
        if type(found) is int and low <= found <= high:
            return None
        return f"is {shown(found)}, not a whole number from {low} to {high}"

    return check


def _at_least_zero(found: Any) -> str | None:
    return number_fault(found) or (None if found >= 0 else f"is {found}, less than zero")


def _one_of(*words: str) -> Callable[[Any], str | None]:
    allowed = frozenset(words)

    def check(found: Any) -> str | None:
        if isinstance(found, str) and found in allowed:
            return None
        return f"is {shown(found)}, not one of " + ", ".join(words)

    return check


def _features_fault(found: Any) -> str | None:
    if not isinstance(found, Mapping):
        return f"is {shown(found)}, not a map from name to value"
    if len(found) > MAX_FEATURES:
        return f"has {len(found)} entries, allowed are {MAX_FEATURES}"
    for name, item in found.items():
        if not isinstance(name, str) or not (name.isascii() or _encodable(name)):
            return f"has the key {shown(name)}, which is not a text"
        if message := _feature_fault(item):
            return f"{name}: {message}"
    return None


def _feature_fault(item: Any) -> str | None:
    kind = type(item)
    if item is None or kind is bool or (kind is float and math.isfinite(item)):
        return None
    if isinstance(item, str):
        return None if item.isascii() or _encodable(item) else "holds half a character (a lone surrogate)"
    if isinstance(item, float | int):
        return number_fault(item)
    if isinstance(item, list | tuple):
        nested = next((each for each in item if isinstance(each, list | tuple)), None)
        if nested is not None:
            return "is a list of lists; one level is allowed"
        return next((message for each in item if (message := _feature_fault(each))), None)
    return f"is {shown(item)}, neither number, text, true, false, null nor a list of these"


FIELDS: Mapping[str, FieldRule] = {
    "schema_version": FieldRule(
        whole(1, EVENT_SCHEMA_VERSION), False, "version of this schema; the newest when left out", "otel.schema.version"
    ),
    "ts": FieldRule(
        time_fault,
        True,
        "when the prediction was made, RFC 3339 with a zone; from 2000 on, at most a day ahead of the server",
        "Timestamp",
    ),
    "model": FieldRule(model_fault, True, "name of the model", "clearance.model"),
    "version": FieldRule(whole(1, 2**31 - 1), True, "number of the version that answered", "clearance.version"),
    "environment": FieldRule(text_fault, True, "where it answered, such as production", "deployment.environment.name"),
    "variant": FieldRule(_one_of(*VARIANTS), True, "its part in a rollout", "clearance.variant"),
    "request_id": FieldRule(
        text_fault, True, "the request; with row and status, the identity of the event", "clearance.request_id"
    ),
    "row": FieldRule(whole(0, 2**31 - 1), True, "index of the row within its request, from 0", "clearance.row"),
    "latency_ms": FieldRule(_at_least_zero, True, "how long the answer took, in milliseconds", "clearance.latency_ms"),
    "status": FieldRule(
        _one_of(*STATUSES), True, "ok, rejected (the request's fault) or error (ours)", "clearance.status"
    ),
    "error": FieldRule(text_fault, False, "code of what went wrong; needed unless status is ok", "error.type"),
    "features": FieldRule(
        _features_fault, False, "inputs by name: number, text, bool, null, or a list", "clearance.features"
    ),
    "feature_hash": FieldRule(
        text_fault, False, "digest of the features; computed when left out", "clearance.feature_hash"
    ),
    "prediction": FieldRule(number_fault, False, "the answer; a class by its index", "clearance.prediction"),
    "score": FieldRule(number_fault, False, "probability of the positive class, or a like figure", "clearance.score"),
    "segment": FieldRule(text_fault, False, "group of callers that figures are wanted for", "clearance.segment"),
    "dataset_id": FieldRule(text_fault, False, "dataset the row comes from, in a replay", "clearance.dataset_id"),
    "cost": FieldRule(
        _at_least_zero, False, "cost of the prediction, in the currency of the model's budget", "clearance.cost"
    ),
    "tokens": FieldRule(
        whole(0, 2**53), False, "tokens read and written, for language models", "gen_ai.usage.total_tokens"
    ),
    "trace_id": FieldRule(text_fault, False, "trace of the request, 32 hex digits in W3C form", "TraceId"),
}
"""The schema, field by field, with its mapping to OpenTelemetry log records; the reference page is made from it."""

Rules = tuple[tuple[str, Callable[[Any], str | None], bool], ...]
"""Of each field: its name, what is wrong with a value of it, whether it must be there."""

_RULES: Rules = tuple((name, rule.check, rule.mandatory) for name, rule in FIELDS.items())
_KNOWN = frozenset(FIELDS)


def first_broken(rules: Rules, given: Mapping[str, Any]) -> Fault | None:
    """Return the first field that breaks its rule, or None."""
    for name, check, mandatory in rules:
        found = given.get(name)
        if found is not None:
            if message := check(found):
                return Fault(name, message)
        elif mandatory:
            return Fault(name, "is missing, and it is mandatory")
    return None


def fault(event: Any) -> Fault | None:
    """Return the first thing that is wrong with an event, or None; pure."""
    if not isinstance(event, Mapping):
        return Fault("event", f"is {shown(event)}, not a map of fields")
    if (broken := first_broken(_RULES, event)) is not None:
        return broken
    if not event.keys() <= _KNOWN:
        stranger = min(map(str, event.keys() - _KNOWN))
        return Fault(stranger[:MAX_TEXT], "is not a field of the event schema; put model inputs into `features`")
    if event["status"] != "ok" and event.get("error") is None:
        return Fault("error", f"is missing, and status {event['status']} needs it")
    return None


def clean(item: Any) -> Any:
    """Return an event, or a part of one, as JSON knows it.

    NumPy scalars and arrays become numbers and lists, moments texts; NaN and infinity become null, for a value that is
    missing in the caller's program is a missing value here. What has no JSON form is left for `fault` to name.
    """
    kind = type(item)
    if kind is str or kind is int or kind is bool or item is None:
        return item
    if isinstance(item, float):
        return float(item) if math.isfinite(item) else None
    if isinstance(item, Mapping):
        return {name: clean(child) for name, child in item.items()}
    if isinstance(item, list | tuple):
        return [clean(child) for child in item]
    if isinstance(item, datetime):
        return item.isoformat()
    unwrap = getattr(item, "tolist", None)  # NumPy's scalars and arrays, without importing NumPy
    return clean(unwrap()) if callable(unwrap) else item


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(item: Any) -> str:
    """Return an item as a message may show it: its beginning."""
    text = repr(item)
    return text if len(text) <= 60 else text[:57] + "…"
