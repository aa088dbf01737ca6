"""Intervals: known values, sane edges, and the coverage that they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.statistics.intervals import bootstrap, mean, resample, wilson, z_score


def test_the_normal_quantile_of_95_percent_is_1_96() -> None:
    assert z_score(0.95) == pytest.approx(1.959964, abs=1e-6)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe (1998), Statistics in Medicine 17, 857, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_newcombes_published_table(successes: int, trials: int, low: float, high: float) -> None:
    found = wilson(successes, trials)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_a_proportion_of_nothing_is_undefined_with_a_reason() -> None:
    assert wilson(0, 0).figure is None
    assert wilson(0, 0).reason == "there are no cases to count"
    assert mean(np.array([1.0])).figure is None
    assert bootstrap(np.zeros((2, 2), dtype=np.int64), lambda t: t[:, 0, 0] / 1.0).figure is None


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_figure_and_stays_in_the_unit_interval(case: tuple[int, int]) -> None:
    found = wilson(*case)
    assert found.figure is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.figure <= found.high <= 1


def test_a_mean_has_the_interval_of_the_central_limit_theorem() -> None:
    found = mean(np.array([1.0, 2.0, 3.0, 4.0]))
    assert found.figure == 2.5
    assert found.high == pytest.approx(2.5 + 1.959964 * np.sqrt(5 / 3) / 2)


def test_resampled_tables_keep_the_total_and_depend_only_on_the_seed() -> None:
    counts = np.array([[10, 20], [30, 40]])
    drawn = resample(counts, 50, seed=3)
    assert drawn.shape == (50, 2, 2)
    assert set(drawn.sum(axis=(1, 2)).tolist()) == {100}
    np.testing.assert_array_equal(drawn, resample(counts, 50, seed=3))
    assert not np.array_equal(drawn, resample(counts, 50, seed=4))


def test_the_bootstrap_of_a_proportion_agrees_with_wilson() -> None:
    found = bootstrap(np.array([300, 700]), lambda tables: tables[:, 0] / tables.sum(axis=1), draws=20_000)
    expected = wilson(300, 1000)
    assert found.figure == 0.3
    assert found.low == pytest.approx(expected.low, abs=0.003)
    assert found.high == pytest.approx(expected.high, abs=0.003)
