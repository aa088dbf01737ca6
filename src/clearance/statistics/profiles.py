"""The mergeable summary of a window of events, from which every figure of monitoring comes; rows are read once.

A profile is counts on cells that its layout fixes beforehand, so merging is adding: associative, commutative, with the
empty profile as identity, and exactly equal to the profile of all rows at once, however they were split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from clearance.errors import InvalidInput
from clearance.statistics import latency
from clearance.statistics.bins import Bins, Counts, Floats, exact_sum

STATUSES = ("ok", "rejected", "error")
UNIT = Bins(0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Layout:
    """The cells that a profile counts in; two profiles merge only when theirs are equal.

    Args:
        numeric: bins of each numeric feature.
        categorical: known values of each categorical feature, in order; all others count together as "other".
        score: bins of the score.
    """

    numeric: Mapping[str, Bins] = field(default_factory=dict)
    categorical: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    score: Bins = UNIT


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as columns, ready to be counted.

    Args:
        numeric: values of each numeric feature, NaN where missing; shape [rows].
        categorical: index of each value among the layout's, -1 where missing, their number for any other; shape [rows].
        score: scores, NaN where there is none; shape [rows].
        predicted, label: 0 or 1, and -1 where there is none; shape [rows].
        latency_ms: latency of each request, in milliseconds; shape [requests].
        statuses: requests by how they ended, keys of STATUSES.
    """

    numeric: Mapping[str, Floats]
    categorical: Mapping[str, Counts]
    score: Floats
    predicted: NDArray[np.int8]
    label: NDArray[np.int8]
    latency_ms: Floats
    statuses: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """A numeric column: counts by cell, what is missing (or not finite), the exact sum, and the extremes."""

    counts: Counts
    missing: int
    total: Fraction
    minimum: float | None
    maximum: float | None

    @property
    def present(self) -> int:
        return int(self.counts.sum())

    @property
    def mean(self) -> float | None:
        """The mean of the values that are there, rounded once."""
        return float(self.total / self.present) if self.present else None


@dataclass(frozen=True, slots=True, eq=False)
class Categories:
    """A categorical column: counts by known value, then of all others, and what is missing."""

    counts: Counts
    missing: int

    @property
    def present(self) -> int:
        return int(self.counts.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What is kept of a window; compare two by their `to_json`.

    Args:
        rows: predicted rows.
        statuses: requests by how they ended; shape [3], in the order of STATUSES.
        outcomes: labelled rows by [label, predicted]; shape [2, 2].
        predicted: rows by predicted class; shape [2].
        scores_by_label: labelled rows by [label, score cell]; shape [2, cells].
        latency: requests by latency bin.
    """

    layout: Layout
    rows: int
    statuses: Counts
    numeric: Mapping[str, Numbers]
    categorical: Mapping[str, Categories]
    score: Numbers
    predicted: Counts
    outcomes: Counts
    scores_by_label: Counts
    latency: Counts

    @property
    def labelled(self) -> int:
        """Rows whose label has come."""
        return int(self.outcomes.sum())


def empty(layout: Layout) -> Profile:
    """Return the profile of nothing: the identity of `merge`."""
    nothing = np.zeros(0)
    return profile(
        layout,
        Batch(
            numeric=dict.fromkeys(layout.numeric, nothing),
            categorical=dict.fromkeys(layout.categorical, np.zeros(0, np.int64)),
            score=nothing,
            predicted=np.zeros(0, np.int8),
            label=np.zeros(0, np.int8),
            latency_ms=nothing,
            statuses={},
        ),
    )


def profile(layout: Layout, batch: Batch) -> Profile:
    """Return the profile of a batch of rows."""
    judged = (batch.label >= 0) & (batch.predicted >= 0)
    scored = (batch.label >= 0) & np.isfinite(batch.score)
    cells = layout.score.cells(batch.score[scored]) + batch.label[scored].astype(np.int64) * layout.score.size
    outcomes = batch.label[judged].astype(np.int64) * 2 + batch.predicted[judged]
    return Profile(
        layout=layout,
        rows=int(batch.score.size),
        statuses=np.array([batch.statuses.get(status, 0) for status in STATUSES], np.int64),
        numeric={name: numbers(bins, batch.numeric[name]) for name, bins in layout.numeric.items()},
        categorical={name: _categories(len(c), batch.categorical[name]) for name, c in layout.categorical.items()},
        score=numbers(layout.score, batch.score),
        predicted=np.bincount(batch.predicted[batch.predicted >= 0], minlength=2),
        outcomes=np.bincount(outcomes, minlength=4).reshape(2, 2),
        scores_by_label=np.bincount(cells, minlength=2 * layout.score.size).reshape(2, -1),
        latency=latency.fill(batch.latency_ms[np.isfinite(batch.latency_ms)]),
    )


def numbers(bins: Bins, values: Floats) -> Numbers:
    """Return the summary of a numeric column; NaN and infinity count as missing."""
    finite = values[np.isfinite(values)]
    return Numbers(
        counts=bins.fill(finite),
        missing=int(values.size - finite.size),
        total=exact_sum(finite),
        minimum=float(finite.min()) if finite.size else None,
        maximum=float(finite.max()) if finite.size else None,
    )


def merge(first: Profile, second: Profile) -> Profile:
    """Return the profile of both windows' rows together.

    Raises:
        InvalidInput: they count in different cells.
    """
    if first.layout != second.layout:
        raise InvalidInput(
            "these profiles count in different cells and can't be merged",
            code="layouts_differ",
            hint="profiles merge when they were made against the same baseline",
        )
    return Profile(
        layout=first.layout,
        rows=first.rows + second.rows,
        statuses=first.statuses + second.statuses,
        numeric={name: _merge_numbers(found, second.numeric[name]) for name, found in first.numeric.items()},
        categorical={
            name: Categories(
                found.counts + second.categorical[name].counts, found.missing + second.categorical[name].missing
            )
            for name, found in first.categorical.items()
        },
        score=_merge_numbers(first.score, second.score),
        predicted=first.predicted + second.predicted,
        outcomes=first.outcomes + second.outcomes,
        scores_by_label=first.scores_by_label + second.scores_by_label,
        latency=first.latency + second.latency,
    )


def _categories(known: int, codes: Counts) -> Categories:
    present = codes[codes >= 0]
    return Categories(np.bincount(present, minlength=known + 1), int(codes.size - present.size))


def _merge_numbers(first: Numbers, second: Numbers) -> Numbers:
    lows = [x.minimum for x in (first, second) if x.minimum is not None]
    highs = [x.maximum for x in (first, second) if x.maximum is not None]
    return Numbers(
        counts=first.counts + second.counts,
        missing=first.missing + second.missing,
        total=first.total + second.total,
        minimum=min(lows, default=None),
        maximum=max(highs, default=None),
    )
