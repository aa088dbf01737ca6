"""Disparity between groups, every figure a function of one small table of joint counts: group × label × prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from clearance.statistics.intervals import CONFIDENCE, Estimate, undefined, wilson


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Joint counts: `cells[g, y, p]` rows of group g have label y and prediction p (0 or 1); groups are in sorted order."""

    groups: tuple[str, ...]
    cells: NDArray[np.int64]

    def sizes(self) -> NDArray[np.int64]:
        """Return the number of rows of each group."""
        found: NDArray[np.int64] = self.cells.sum(axis=(1, 2))
        return found


@dataclass(frozen=True, slots=True)
class Rate:
    """A proportion within a group: cases in `of` that are also in `hits`, each a set of (label, prediction) cells."""

    name: str
    hits: tuple[tuple[int, int], ...]
    of: tuple[tuple[int, int], ...]


_ALL = ((0, 0), (0, 1), (1, 0), (1, 1))
SELECTION = Rate("selection_rate", ((0, 1), (1, 1)), _ALL)
TRUE_POSITIVE = Rate("true_positive_rate", ((1, 1),), ((1, 0), (1, 1)))
FALSE_POSITIVE = Rate("false_positive_rate", ((0, 1),), ((0, 0), (0, 1)))
PRECISION = Rate("precision", ((1, 1),), ((0, 1), (1, 1)))
ACCURACY = Rate("accuracy", ((0, 0), (1, 1)), _ALL)
RATES = (SELECTION, TRUE_POSITIVE, FALSE_POSITIVE, PRECISION, ACCURACY)


@dataclass(frozen=True, slots=True)
class Metric:
    """A disparity: how far the rates of the groups lie apart; of several rates, the widest counts."""

    rates: tuple[Rate, ...]
    kind: Literal["difference", "ratio", "ratio_to_reference"]


METRICS: Mapping[str, Metric] = {
    "demographic_parity_difference": Metric((SELECTION,), "difference"),
    "demographic_parity_ratio": Metric((SELECTION,), "ratio"),
    "equal_opportunity_difference": Metric((TRUE_POSITIVE,), "difference"),
    "equalized_odds_difference": Metric((TRUE_POSITIVE, FALSE_POSITIVE), "difference"),
    "predictive_parity_difference": Metric((PRECISION,), "difference"),
    "disparate_impact_ratio": Metric((SELECTION,), "ratio_to_reference"),
}
"""Sources: Hardt, Price, Srebro (2016), NeurIPS 29 (equal opportunity, equalized odds); Chouldechova (2017), Big Data 5, 153
(predictive parity); 29 CFR 1607.4 D (disparate impact: four fifths of the highest group's rate, unless a reference is named)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disparity:
    """A metric over the groups that are large enough, with the two groups that make it.

    For rates of selection, `lowest` is the group that is selected least. `left_out` names the groups too small to judge.
    """

    metric: str
    estimate: Estimate
    rate: str = ""
    lowest: str = ""
    highest: str = ""
    left_out: tuple[str, ...] = ()


def count(
    groups: Sequence[str] | NDArray[np.object_], labels: NDArray[np.bool_], predicted: NDArray[np.bool_]
) -> Counts:
    """Count N rows by group, label and prediction."""
    # Codes in the order of their first row; a dictionary finds them faster than sorting texts does.
    codes: dict[str, int] = {}
    where = np.fromiter((codes.setdefault(name, len(codes)) for name in groups), dtype=np.int64, count=len(groups))
    at = where * 4 + labels.astype(np.int64) * 2 + predicted.astype(np.int64)
    cells = np.bincount(at, minlength=4 * len(codes)).astype(np.int64).reshape(len(codes), 2, 2)
    names = sorted(codes)
    return Counts(tuple(map(str, names)), cells[[codes[name] for name in names]])


def merge(one: Counts, other: Counts) -> Counts:
    """Return the counts of the rows of both: associative, commutative, with the empty table as identity."""
    groups = tuple(sorted({*one.groups, *other.groups}))
    cells = np.zeros((len(groups), 2, 2), dtype=np.int64)
    for each in (one, other):
        np.add.at(cells, [groups.index(name) for name in each.groups], each.cells)
    return Counts(groups, cells)


def group_rates(counts: Counts, confidence: float = CONFIDENCE) -> dict[str, dict[str, Estimate]]:
    """Return, by group, each of RATES with its Wilson interval."""
    return {
        name: {rate.name: wilson(_sum(table, rate.hits), _sum(table, rate.of), confidence) for rate in RATES}
        for name, table in zip(counts.groups, counts.cells, strict=True)
    }


def disparity(
    counts: Counts,
    metric: str,
    *,
    minimum_size: int = 1,
    minimum_cases: int = 1,
    reference: str | None = None,
    draws: int = 4000,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Disparity:
    """Return a disparity with its interval.

    Args:
        counts: the joint counts.
        metric: a key of METRICS.
        minimum_size: groups with fewer rows are left out.
        minimum_cases: so are groups with fewer cases in a rate's denominator (positives, for a true positive rate).
        reference: group that disparate impact compares with; the one with the highest rate when None.
        draws: of each rate, for the interval.
        seed: makes the draws reproducible.
        confidence: of the interval.
    """
    chosen = METRICS[metric]
    large = (counts.sizes() >= minimum_size) & np.all(
        [_of(counts.cells, rate.of) >= max(1, minimum_cases) for rate in chosen.rates], axis=0
    )
    left_out = tuple(name for name, kept in zip(counts.groups, large, strict=True) if not kept)
    groups = tuple(name for name, kept in zip(counts.groups, large, strict=True) if kept)
    if len(groups) < 2:
        reason = f"fewer than two groups have {minimum_size} rows and {minimum_cases} cases"
        return Disparity(metric=metric, estimate=undefined(reason), left_out=left_out)
    if reference is not None and reference not in groups:
        reason = f"the reference group {reference} is missing or too small"
        return Disparity(metric=metric, estimate=undefined(reason), left_out=left_out)
    cells = counts.cells[large]
    at = groups.index(reference) if reference is not None and chosen.kind == "ratio_to_reference" else None
    points = {rate: _share(cells, rate) for rate in chosen.rates}
    widest = max(chosen.rates, key=lambda rate: float(np.ptp(points[rate])))
    shares = points[widest]
    others = [index for index in range(len(groups)) if index != at]
    return Disparity(
        metric=metric,
        estimate=_estimate(cells, chosen, at, draws=draws, seed=seed, confidence=confidence),
        rate=widest.name,
        lowest=groups[min(others, key=lambda index: float(shares[index]))],
        highest=groups[at if at is not None else int(np.argmax(shares))],
        left_out=left_out,
    )


def _estimate(
    cells: NDArray[np.int64], metric: Metric, reference: int | None, *, draws: int, seed: int, confidence: float
) -> Estimate:
    """Return the widest disparity of any two groups, with an interval that allows for having searched for the widest.

    Each rate is drawn from its Jeffreys posterior, Beta(hits + 1/2, misses + 1/2), which needs nothing but the counts,
    and unlike resampled tables does not collapse where a rate is 0 or 1 or where all groups are alike.

    The end that says "no worse than" is the worst of the pairs' ends: whichever pair is truly the widest, it alone must
    be wrong for the end to be wrong. The end that says "at least as bad as" is wrong as soon as one pair is, so its tail
    is shared by all pairs (Bonferroni).

    Sources: Brown, Cai, DasGupta (2001), Statistical Science 16, 101; Berger (1982), Technometrics 24, 295.
    """
    random = np.random.default_rng(seed)
    groups = len(cells)
    compared = groups - 1 if reference is not None else groups * (groups - 1) // 2
    tail = (1 - confidence) / 2
    shared = tail / (compared * len(metric.rates))
    is_difference = metric.kind == "difference"
    combine, pick = (_differences, np.nanmax) if is_difference else (_ratios, np.nanmin)
    levels = [shared, 1 - tail] if is_difference else [tail, 1 - shared]
    found: list[tuple[float, float, float]] = []
    for rate in metric.rates:
        hits, whole = _of(cells, rate.hits), _of(cells, rate.of)
        drawn = random.beta(hits + 0.5, whole - hits + 0.5, size=(draws, groups))
        low, high = np.quantile(combine(drawn, reference), levels, axis=0)
        point = combine((hits / whole)[np.newaxis], reference)[0]
        if np.isnan(point).all():
            return undefined(f"the {rate.name.replace('_', ' ')} of a group that is compared with is zero")
        found.append((pick(point), pick(low), pick(high)))
    figure, low, high = (float(pick(ends)) for ends in zip(*found, strict=True))
    top = 1.0 if reference is None else math.inf
    return Estimate(figure=figure, low=min(figure, max(0.0, low)), high=max(figure, min(top, high)))


def _differences(shares: NDArray[np.float64], _reference: int | None) -> NDArray[np.float64]:
    """Return the difference of every ordered pair of groups: [n, groups] → [n, pairs]."""
    one, other = np.nonzero(~np.eye(shares.shape[1], dtype=np.bool_))
    found: NDArray[np.float64] = shares[:, one] - shares[:, other]
    return found


def _ratios(shares: NDArray[np.float64], reference: int | None) -> NDArray[np.float64]:
    """Return the ratio of every ordered pair of groups, or of each to the reference; NaN where the other share is zero."""
    one, other = np.nonzero(~np.eye(shares.shape[1], dtype=np.bool_))
    if reference is not None:
        one, other = one[other == reference], other[other == reference]
    base = shares[:, other]
    found: NDArray[np.float64] = np.divide(shares[:, one], base, out=np.full(base.shape, np.nan), where=base > 0)
    return found


def _share(cells: NDArray[np.int64], rate: Rate) -> NDArray[np.float64]:
    found: NDArray[np.float64] = _of(cells, rate.hits) / _of(cells, rate.of)
    return found


def _of(tables: NDArray[np.int64], cells: tuple[tuple[int, int], ...]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.sum([tables[..., label, predicted] for label, predicted in cells], axis=0)
    return found


def _sum(table: NDArray[np.int64], cells: tuple[tuple[int, int], ...]) -> int:
    return int(_of(table, cells))
