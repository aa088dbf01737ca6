"""Bins and exact sums."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import InvalidInput
from clearance.statistics.bins import Bins, anchored, exact_sum

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite))
def test_a_sum_is_exact_whatever_the_doubles(values: list[float]) -> None:
    assert exact_sum(np.array(values, float)) == sum(map(Fraction, values))


@given(st.lists(finite), st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(1, 50))
def test_every_finite_value_falls_in_a_cell_and_those_outside_in_the_outer_ones(
    values: list[float], low: float, width: float, count: int
) -> None:
    bins = Bins(low, low + width, count)
    array = np.array(values, float)
    cells = bins.cells(array)
    assert bins.fill(array).sum() == len(values)
    assert list(cells == 0) == [value < bins.low for value in values]
    assert list(cells == count + 1) == [value > bins.high for value in values]


def test_the_ends_of_the_range_belong_to_the_first_and_the_last_bin() -> None:
    assert Bins(0.0, 1.0, 4).fill(np.array([-0.1, 0.0, 0.25, 1.0, 1.1])).tolist() == [1, 1, 1, 0, 1, 1]


def test_the_cells_agree_with_a_search_in_the_edges() -> None:
    values = np.random.default_rng(1).normal(size=10_000)
    bins = anchored(values)
    searched = np.histogram(values, bins.edges())[0]
    assert np.abs(bins.fill(values)[1:-1] - searched).sum() <= 4  # a value on an edge may round either way


def test_a_few_huge_values_do_not_blind_the_histogram() -> None:
    values = np.append(np.random.default_rng(1).normal(size=10_000), 1e12)
    assert anchored(values).high < 10


@pytest.mark.parametrize("value", [0.0, -3.0, 1e300])
def test_a_constant_baseline_has_bins_around_its_value(value: float) -> None:
    bins = anchored(np.full(5, value))
    assert bins.low < value < bins.high


@pytest.mark.parametrize(("low", "high", "count"), [(1, 1, 4), (2, 1, 4), (0, float("inf"), 4), (0, 1, 0)])
def test_bins_of_no_width_are_refused(low: float, high: float, count: int) -> None:
    with pytest.raises(InvalidInput, match="no bins"):
        Bins(low, high, count)


def test_a_baseline_without_values_is_refused() -> None:
    with pytest.raises(InvalidInput, match="without values"):
        anchored(np.zeros(0))
