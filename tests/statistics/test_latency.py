"""Percentiles from log-spaced bins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.statistics import latency


@given(st.lists(st.floats(latency.SHORTEST_MS, latency.LONGEST_MS), min_size=1), st.floats(0, 1))
def test_a_percentile_is_within_one_percent(values: list[float], quantile: float) -> None:
    array = np.array(values)
    true = sorted(values)[int(np.floor(quantile * (len(values) - 1)))]
    found = latency.percentile(latency.fill(array), quantile)
    assert found == pytest.approx(true, rel=latency.RELATIVE_ERROR * (1 + 1e-9))


def test_a_real_shape_agrees_with_numpy() -> None:
    values = np.random.default_rng(3).lognormal(1.0, 1.0, 100_000)
    for quantile in (0.5, 0.95, 0.99, 0.999):
        found = latency.percentile(latency.fill(values), quantile)
        assert found == pytest.approx(np.quantile(values, quantile, method="lower"), rel=0.01)


def test_what_lies_beyond_the_bins_counts_in_the_outermost() -> None:
    counts = latency.fill(np.array([0.0, 1e-9, 1e12]))
    assert (int(counts[0]), int(counts[-1]), int(counts.sum())) == (2, 1, 3)


def test_nothing_has_no_percentile() -> None:
    assert latency.percentile(latency.fill(np.zeros(0)), 0.5) is None
