"""How well a version predicts a dataset, and slices of it, against the suite's thresholds; pure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from clearance.checks import groups
from clearance.checks.figures import figure_of
from clearance.checks.model import CheckResult, Figure, Finding, conclude
from clearance.checks.parameters import Attribute, PerformanceCheck
from clearance.checks.tables import Table
from clearance.checks.thresholds import judge
from clearance.statistics import performance
from clearance.statistics.intervals import Estimate

_UNITS = {"log_loss": "nats"}
_SLICE_FIGURES = ("accuracy", "auc")


def check(
    parameters: PerformanceCheck,
    table: Table,
    labels: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    scores: NDArray[np.floating],
) -> CheckResult:
    """Judge predictions.

    Args:
        parameters: thresholds and slices.
        table: the dataset's rows, for slices.
        labels, predicted, scores: truth, prediction and probability of the positive class of each row.

    Raises:
        InvalidInput: a slice names a column that is not there.
    """
    found = _measure(parameters, labels, predicted, scores)
    figures = [Figure(name="rows", value=float(len(labels)))]
    figures += [figure_of(name, each, unit=_UNITS.get(name, "")) for name, each in found.items()]
    by_name = {figure.name: figure for figure in figures}
    findings = [
        judge(each, by_name[each.figure], unmeasured=found[each.figure].reason) for each in parameters.thresholds
    ]
    left_out: list[str] = []
    for each in map(groups.attribute, parameters.slices):
        for group, inside in _groups(table, each):
            estimates = _measure(parameters, labels[inside], predicted[inside], scores[inside])
            size = int(np.count_nonzero(inside))
            figures += list(_slice_figures(each.name, group, size, estimates))
            if size < parameters.minimum_size:
                left_out.append(f"{each.name} {group} ({size} rows)")
            else:
                findings += _judge_slice(parameters, each.name, group, estimates)
    notes = [f"too small to judge: {', '.join(left_out)}"] if left_out and parameters.slice_thresholds else []
    return conclude("performance", findings, figures, notes=notes)


def _measure(
    parameters: PerformanceCheck,
    labels: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    scores: NDArray[np.floating],
) -> dict[str, Estimate]:
    return performance.all_figures(labels, predicted, scores, confidence=parameters.confidence, seed=parameters.seed)


def _groups(table: Table, attribute: Attribute) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    names = groups.assign(table, attribute)
    for name in sorted(set(names.tolist())):
        yield name, names == name


def _slice_figures(attribute: str, group: str, size: int, estimates: dict[str, Estimate]) -> Iterator[Figure]:
    at = {"attribute": attribute, "group": group}
    yield Figure(name="rows", value=float(size), slice=at)
    for name in _SLICE_FIGURES:
        yield figure_of(name, estimates[name], slice=at)


def _judge_slice(
    parameters: PerformanceCheck, attribute: str, group: str, estimates: dict[str, Estimate]
) -> list[Finding]:
    about = f" where {attribute} is {group}"
    return [
        judge(
            each, figure_of(each.figure, estimates[each.figure]), about=about, unmeasured=estimates[each.figure].reason
        )
        for each in parameters.slice_thresholds
    ]
