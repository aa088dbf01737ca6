"""Uniform bins anchored at a baseline, and sums without rounding: what makes profiles cheap to fill and exact to merge."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from clearance.errors import InvalidInput

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

BINS = 1024
_TAIL = 0.001
_STRETCH = 8.0
_HALF_MANTISSA = 1 << 27


@dataclass(frozen=True, slots=True)
class Bins:
    """`count` bins of equal width from `low` to `high` (both belong to a bin), one below and one above."""

    low: float
    high: float
    count: int = BINS

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high and self.count > 0):
            raise InvalidInput(
                f"no bins from {self.low} to {self.high}", code="bad_bins", hint="low must be below high"
            )

    @property
    def size(self) -> int:
        """Number of cells: the bins and the two beyond them."""
        return self.count + 2

    def fill(self, values: Floats) -> Counts:
        """Return how many of the finite values fall in each cell: below, bins, above; shape [size]."""
        return np.bincount(self.cells(values), minlength=self.size)

    def cells(self, values: Floats) -> Counts:
        """Return the cell of each finite value: arithmetic, no search; shape of `values`."""
        with np.errstate(over="ignore"):
            place = (values - self.low) * (self.count / (self.high - self.low)) + 1
        cells = np.clip(place, 0, self.count + 1).astype(np.int64)
        np.minimum(cells, self.count, out=cells, where=values <= self.high)
        cells[values < self.low] = 0
        return cells

    def edges(self) -> Floats:
        """Return the edges between the cells; shape [count + 1]."""
        return np.linspace(self.low, self.high, self.count + 1)


def anchored(values: Floats, count: int = BINS) -> Bins:
    """Return the bins for a baseline's finite values: their whole range, or the middle 99.8% where few values stretch it.

    A single huge value would otherwise press everything else into one bin and make the histogram blind.

    Raises:
        InvalidInput: there is no value, or the range can't be held in a double.
    """
    if not values.size:
        raise InvalidInput("a baseline without values has no bins", code="baseline_empty")
    low, high = float(values.min()), float(values.max())
    inner_low, inner_high = (float(x) for x in np.quantile(values, (_TAIL, 1 - _TAIL)))
    if inner_low < inner_high and high - low > _STRETCH * (inner_high - inner_low):
        low, high = inner_low, inner_high
    if low == high:
        margin = max(0.5, abs(low) / 2)
        low, high = low - margin, high + margin
    return Bins(low, high, count)


def exact_sum(values: Floats) -> Fraction:
    """Return the sum of finite doubles without rounding, so that any order and any partition give the same.

    Mantissas are summed by exponent in two halves, each exact in a double for up to 2**25 values at a time.
    """
    total = Fraction(0)
    for start in range(0, values.size, 1 << 25):
        mantissas, exponents = np.frexp(values[start : start + (1 << 25)])
        lowest = int(exponents.min())
        upper = np.floor(mantissas * _HALF_MANTISSA)
        lower = (mantissas * _HALF_MANTISSA - upper) * _HALF_MANTISSA
        whole = [np.bincount(exponents - lowest, weights=half) for half in (upper, lower)]
        for offset, (high, low) in enumerate(zip(*whole, strict=True)):
            shift = lowest + offset - 54
            integer = (int(high) << 27) + int(low)
            total += Fraction(integer << shift) if shift >= 0 else Fraction(integer, 1 << -shift)
    return total
