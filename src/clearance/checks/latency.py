"""How long a request of one row takes in process: P50, P95, P99 and throughput, against the suite's limits."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from clearance.checks.model import CheckResult, Figure, Finding, conclude
from clearance.checks.parameters import LatencyCheck
from clearance.checks.tables import Table
from clearance.errors import InvalidInput
from clearance.sdk.onnx import OnnxModel
from clearance.statistics.verdicts import Verdict


def measure(model: OnnxModel, table: Table, *, warm_up: int, requests: int) -> NDArray[np.float64]:
    """Return the milliseconds that each of `requests` predictions of one row took, after `warm_up` that do not count.

    Raises:
        InvalidInput: the table has no rows, or the model refuses them.
    """
    if table.rows == 0:
        raise InvalidInput("the dataset has no rows to predict", code="dataset_empty")
    names = [each.name for each in model.inputs]
    inputs = Table({name: table.column(name) for name in names}, table.rows)
    singles = [inputs.take(slice(row, row + 1)).columns for row in range(min(table.rows, requests))]
    for turn in range(warm_up):
        model.predict(singles[turn % len(singles)])
    taken = np.empty(requests, dtype=np.float64)
    for turn in range(requests):
        columns = singles[turn % len(singles)]
        started = time.perf_counter_ns()
        model.predict(columns)
        taken[turn] = (time.perf_counter_ns() - started) / 1e6
    return taken


def check(parameters: LatencyCheck, milliseconds: NDArray[np.float64]) -> CheckResult:
    """Judge the milliseconds that requests took."""
    p50, p95, p99 = (float(each) for each in np.quantile(milliseconds, [0.5, 0.95, 0.99]))
    limits = {
        "p50": (p50, parameters.maximum_p50_ms),
        "p95": (p95, parameters.maximum_p95_ms),
        "p99": (p99, parameters.maximum_p99_ms),
    }
    figures = [Figure(name=name, value=found, unit="ms") for name, (found, _limit) in limits.items()]
    figures.append(Figure(name="throughput", value=1000 / float(milliseconds.mean()), unit="requests/s"))
    findings = [
        Finding(
            verdict=Verdict.PASSED if found <= limit else Verdict.FAILED,
            sentence=f"{name} is {found:.3g} ms, {'within' if found <= limit else 'above'} {limit:g} ms",
        )
        for name, (found, limit) in limits.items()
        if limit is not None
    ]
    return conclude("latency", findings, figures)
