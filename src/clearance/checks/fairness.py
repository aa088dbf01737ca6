"""Are groups treated alike? Disparities by protected attribute and intersection, against the suite's thresholds; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clearance.checks import groups
from clearance.checks.figures import figure_of
from clearance.checks.model import CheckResult, Figure, Finding, conclude
from clearance.checks.parameters import FairnessCheck
from clearance.checks.tables import Table
from clearance.checks.thresholds import judge
from clearance.statistics import fairness
from clearance.statistics.fairness import METRICS, Counts, Disparity
from clearance.statistics.intervals import Estimate

Rates = dict[str, dict[str, Estimate]]


@dataclass(frozen=True, slots=True)
class _Partition:
    """One way to tell rows into groups: an attribute, or several crossed (`sex & race`)."""

    name: str
    counts: Counts
    reference: str | None


def check(
    parameters: FairnessCheck, table: Table, labels: NDArray[np.bool_], predicted: NDArray[np.bool_]
) -> CheckResult:
    """Judge predictions by group.

    Args:
        parameters: attributes, intersections, thresholds and the smallest groups to judge.
        table: the dataset's rows, for the attributes.
        labels, predicted: truth and prediction of each row.

    Raises:
        InvalidInput: an attribute's column is not there, or its groups can't be made.
    """
    figures: list[Figure] = []
    findings: list[Finding] = []
    notes: list[str] = []
    for partition in _partitions(parameters, table, labels, predicted):
        rates = fairness.group_rates(partition.counts, parameters.confidence)
        disparities = {metric: _disparity(parameters, partition, metric) for metric in METRICS}
        for metric, each in disparities.items():
            at = {"attribute": partition.name, **({"group": each.lowest} if each.lowest else {})}
            figures.append(figure_of(metric, each.estimate, slice=at))
        figures += _group_figures(partition, rates)
        findings += [
            judge(
                threshold,
                figure_of(threshold.figure, disparities[threshold.figure].estimate),
                about=f" by {partition.name}",
                aside=_aside(disparities[threshold.figure], rates),
                unmeasured=disparities[threshold.figure].estimate.reason,
            )
            for threshold in parameters.thresholds
            if not threshold.attributes or partition.name in threshold.attributes
        ]
        notes += _small(partition, parameters.minimum_size)
    return conclude("fairness", findings, figures, notes=notes)


def _partitions(
    parameters: FairnessCheck, table: Table, labels: NDArray[np.bool_], predicted: NDArray[np.bool_]
) -> Iterator[_Partition]:
    names: dict[str, NDArray[np.object_]] = {}
    for each in map(groups.attribute, parameters.attributes):
        names[each.name] = groups.assign(table, each)
        yield _Partition(each.name, fairness.count(names[each.name], labels, predicted), each.reference)
    for crossed in parameters.intersections:
        joined = groups.intersect([names[name] for name in crossed])
        yield _Partition(" & ".join(crossed), fairness.count(joined, labels, predicted), None)


def _disparity(parameters: FairnessCheck, partition: _Partition, metric: str) -> Disparity:
    return fairness.disparity(
        partition.counts,
        metric,
        minimum_size=parameters.minimum_size,
        minimum_cases=parameters.minimum_cases,
        reference=partition.reference,
        draws=parameters.draws,
        seed=parameters.seed,
        confidence=parameters.confidence,
    )


def _group_figures(partition: _Partition, rates: Rates) -> Iterator[Figure]:
    for group, size in zip(partition.counts.groups, partition.counts.sizes().tolist(), strict=True):
        at = {"attribute": partition.name, "group": group}
        yield Figure(name="rows", value=float(size), slice=at)
        for rate, estimate in rates[group].items():
            yield figure_of(rate, estimate, slice=at)


def _aside(found: Disparity, rates: Rates) -> str:
    """Return the two groups that make a disparity: `: selection rate 0.08 for Female, 0.27 for Male`."""
    if not found.lowest:
        return ""
    low, high = (rates[group][found.rate].figure for group in (found.lowest, found.highest))
    return f": {found.rate.replace('_', ' ')} {low:.3g} for {found.lowest}, {high:.3g} for {found.highest}"


def _small(partition: _Partition, minimum: int) -> Iterator[str]:
    sizes = zip(partition.counts.groups, partition.counts.sizes().tolist(), strict=True)
    if small := [f"{group} ({size} rows)" for group, size in sizes if size < minimum]:
        yield f"too small to judge by {partition.name}: {', '.join(small)}"
