"""The sequential test: valid under peeking, consistent with its interval, and strong enough to be of use."""

from __future__ import annotations

import random
from math import inf, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearance.statistics.sequential import (
    Arm,
    difference_bounds,
    log_difference_evidence,
    log_evidence,
    mean_bounds,
    quantile,
    quantile_bounds,
)

ALPHA = 0.05


@st.composite
def arms(draw: st.DrawFn, least: int = 0) -> Arm:
    n = draw(st.integers(least, 400))
    return Arm(n=n, total=draw(st.integers(0, n)))


@pytest.mark.parametrize(("rate", "share"), [(0.5, 0.5), (0.3, 0.1), (0.02, 0.2)])
def test_under_the_null_peeking_at_every_sample_is_wrong_less_often_than_alpha(rate: float, share: float) -> None:
    chance = random.Random(20260105)
    runs, wrong = 300, 0
    for _ in range(runs):
        counts = [[0, 0], [0, 0]]
        for _ in range(300):
            arm = counts[chance.random() < share]
            arm[0] += 1
            arm[1] += chance.random() < rate
            seen = [Arm(n=n, total=total) for n, total in counts]
            pooled = sum(arm.total for arm in seen) / sum(arm.n for arm in seen)
            # the infimum at difference 0 lies at the pooled rate: the closed form of log_difference_evidence(…, 0)
            if sum(log_evidence(arm, pooled) for arm in seen) >= log(1 / ALPHA):
                wrong += 1
                break
    assert wrong / runs < ALPHA


def test_the_bounds_of_a_mean_cover_it_at_every_peek_at_once() -> None:
    chance = random.Random(7)
    runs, missed = 200, 0
    for _ in range(runs):
        total = 0.0
        for n in range(1, 301):
            total += chance.betavariate(2, 6)  # values between 0 and 1, not only 0 and 1
            if log_evidence(Arm(n=n, total=total), 0.25) >= log(1 / ALPHA):
                missed += 1
                break
    assert missed / runs < ALPHA


def test_the_bounds_of_a_quantile_cover_it_at_every_peek_at_once() -> None:
    chance = random.Random(11)
    truth = -log(0.05)  # P95 of the unit exponential
    runs, missed = 100, 0
    for _ in range(runs):
        seen: list[float] = []
        for n in range(1, 401):
            seen.append(chance.expovariate(1))
            if n % 20:
                continue
            bounds = quantile_bounds(sorted(seen), 0.95, ALPHA)
            if not bounds.low <= truth <= bounds.high:
                missed += 1
                break
    assert missed / runs < ALPHA


@given(arms(), arms())
def test_zero_leaves_the_interval_exactly_when_the_test_rejects(first: Arm, second: Arm) -> None:
    evidence = log_difference_evidence(first, second, 0)
    bounds = difference_bounds(first, second, ALPHA)
    if evidence < log(1 / ALPHA) - 1e-6:
        assert bounds.low <= 0 <= bounds.high
    if evidence > log(1 / ALPHA) + 1e-6:
        assert not bounds.low < 0 < bounds.high


@given(arms(least=1), arms(least=1))
def test_the_interval_holds_what_was_seen_and_turns_with_its_arms(first: Arm, second: Arm) -> None:
    there, back = difference_bounds(first, second, ALPHA), difference_bounds(second, first, ALPHA)
    assert first.mean is not None
    assert second.mean is not None
    assert there.low - 1e-9 <= first.mean - second.mean <= there.high + 1e-9
    assert there.low == pytest.approx(-back.high, abs=1e-6)
    assert there.high == pytest.approx(-back.low, abs=1e-6)


@given(arms(least=1), arms(least=1))
def test_the_evidence_against_no_difference_is_smallest_at_the_pooled_rate(first: Arm, second: Arm) -> None:
    pooled = (first.total + second.total) / (first.n + second.n)
    closed = log_evidence(first, pooled) + log_evidence(second, pooled)
    assert log_difference_evidence(first, second, 0) == pytest.approx(closed, abs=1e-6)


@given(arms(least=1))
def test_a_smaller_alpha_never_narrows_the_bounds(arm: Arm) -> None:
    wide, narrow = mean_bounds(arm, 0.01), mean_bounds(arm, 0.1)
    assert wide.low <= narrow.low + 1e-9
    assert narrow.high <= wide.high + 1e-9


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1e6), max_size=300))
def test_the_bounds_of_a_quantile_hold_the_quantile_seen(found: list[float]) -> None:
    ordered = sorted(found)
    bounds, seen = quantile_bounds(ordered, 0.95, ALPHA), quantile(ordered, 0.95)
    assert seen is None or bounds.low <= seen <= bounds.high


def test_a_large_true_difference_is_found_with_few_samples() -> None:
    bounds = difference_bounds(Arm(n=200, total=60), Arm(n=1800, total=180), ALPHA)
    assert bounds.low > 0.05


def test_without_observations_nothing_is_known() -> None:
    empty = Arm(n=0, total=0)
    assert empty.mean is None
    assert mean_bounds(empty, ALPHA).low == 0
    assert mean_bounds(empty, ALPHA).high == 1
    assert difference_bounds(empty, Arm(n=10, total=3), ALPHA).low == -1
    assert quantile_bounds([], 0.95, ALPHA).high == inf
    assert quantile([], 0.95) is None


@pytest.mark.parametrize(("n", "total"), [(3, 4), (3, -1), (-1, 0)])
def test_impossible_counts_are_refused(n: int, total: float) -> None:
    with pytest.raises(ValueError, match="can't sum"):
        Arm(n=n, total=total)


@pytest.mark.parametrize("alpha", [0, 1, -0.1, 2])
def test_an_alpha_that_is_no_chance_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        mean_bounds(Arm(n=1, total=1), alpha)
