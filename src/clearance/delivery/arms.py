"""The two arms of a rollout as a few figures each, counted from the events that the lake has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Where the arms' score distributions are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFigures:
    """One arm. Requests that were rejected are the caller's fault and counted nowhere.

    `latencies` are milliseconds of successful requests, ascending; `scores_above[i]` is how many scores lie above
    `THRESHOLDS[i]`; a prediction is positive when it is 1, correct when it equals its label.
    """

    requests: int = 0
    errors: int = 0
    latencies: Sequence[float] = ()
    predictions: int = 0
    positives: int = 0
    scores: int = 0
    scores_above: tuple[int, ...] = (0,) * len(THRESHOLDS)
    labelled: int = 0
    correct: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


def count(events: pa.Table, version: int, variant: str) -> ArmFigures:
    """Return the figures of the events that a version answered in a role.

    Args:
        events: columns version, variant, row, status, latency_ms, prediction, score, label, ts, as `Lake.joined` gives.
        version: number of the version.
        variant: `candidate` or `stable`.
    """
    import pyarrow.compute as pc

    def where(table: pa.Table, column: str, wanted: Any) -> pa.Table:
        return table.filter(pc.equal(table[column], wanted))

    arm = where(where(events, "version", version), "variant", variant)
    arm = arm.filter(pc.not_equal(arm["status"], "rejected"))
    if not arm.num_rows:
        return ArmFigures()
    requests = where(arm, "row", 0)  # latency and status belong to the request, of which every row repeats them
    answered = where(arm, "status", "ok")
    predicted = answered.filter(pc.is_valid(answered["prediction"]))
    scores = answered["score"].drop_null()
    labelled = predicted.filter(pc.is_valid(predicted["label"]))
    span = pc.min_max(arm["ts"]).as_py()
    return ArmFigures(
        requests=requests.num_rows,
        errors=where(requests, "status", "error").num_rows,
        latencies=sorted(where(requests, "status", "ok")["latency_ms"].to_pylist()),
        predictions=predicted.num_rows,
        positives=where(predicted, "prediction", 1).num_rows,
        scores=len(scores),
        scores_above=tuple(pc.sum(pc.greater(scores, edge), min_count=0).as_py() for edge in THRESHOLDS),
        labelled=labelled.num_rows,
        correct=labelled.filter(pc.equal(labelled["prediction"], labelled["label"])).num_rows,
        first_at=span["min"],
        last_at=span["max"],
    )
