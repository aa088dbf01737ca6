"""Thresholds: the false-alarm rate is the one that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from clearance.statistics import drift, thresholds
from clearance.statistics.verdicts import Verdict

SHAPES = {
    "fine": np.random.default_rng(1).poisson(50, 1024).astype(np.int64),
    "skewed": (50_000 * 0.98 ** np.arange(300)).astype(np.int64),
    "few": np.array([700, 200, 90, 10], np.int64),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("statistic", ["psi", "ks"])
@pytest.mark.parametrize(("n", "baseline"), [(300, 50_000), (1_000, 1_000)])
def test_the_rate_of_false_alarms_is_at_most_the_one_asked_for_and_not_far_below(
    shape: str, statistic: str, n: int, baseline: int
) -> None:
    random = np.random.default_rng(2)
    counts = SHAPES[shape]
    if statistic == "psi":
        counts = drift.grouped(counts, drift.group_starts(counts))
    shares = counts / counts.sum()
    trials, rate = 2_000, 0.02
    alarms = 0
    reference = random.multinomial(baseline, shares, 20)
    for each in reference:
        limit = thresholds.calibrated(statistic, each, n, rate)
        found = thresholds.STATISTICS[statistic](each, random.multinomial(n, shares, trials // 20))
        alarms += int((found > limit).sum())
    assert 0.001 < alarms / trials < 0.05


@pytest.mark.parametrize("statistic", ["psi", "ks"])
def test_the_far_tail_errs_upwards_but_little(statistic: str) -> None:
    counts = SHAPES["skewed"]
    if statistic == "psi":
        counts = drift.grouped(counts, drift.group_starts(counts))
    drawn = np.random.default_rng(3).multinomial(
        990 * int(counts.sum()) // (990 + int(counts.sum())), counts / counts.sum(), 100_000
    )
    true = np.quantile(thresholds.STATISTICS[statistic](counts, drawn), 1 - 1e-3)
    assert 0.95 * true < thresholds.calibrated(statistic, counts, 999, 1e-3) < 1.25 * true


def test_the_same_inputs_give_the_same_threshold() -> None:
    first = thresholds.calibrated("psi", SHAPES["few"], 500, 1e-4)
    thresholds._calibrated.cache_clear()
    assert thresholds.calibrated("psi", SHAPES["few"], 500, 1e-4) == first


def test_smaller_windows_get_higher_thresholds() -> None:
    found = [thresholds.calibrated("ks", SHAPES["skewed"], n, 1e-4) for n in (100, 1_000, 10_000)]
    assert found == sorted(found, reverse=True)


def test_a_baseline_of_one_value_leaves_nothing_to_chance() -> None:
    assert thresholds.calibrated("psi", np.array([500, 0, 0]), 100, 1e-3) == 0


@pytest.mark.parametrize(("n", "size"), [(0, 1), (7, 7), (99, 99), (578, 570), (1_156, 1_100), (123_456, 120_000)])
def test_windows_of_about_one_size_share_a_class_that_is_never_larger(n: int, size: int) -> None:
    assert thresholds.size_class(n) == size


def test_the_rate_is_shared_so_that_all_tests_together_have_it() -> None:
    share = thresholds.share_of_rate(0.01, 14)
    assert 1 - (1 - share) ** 14 == pytest.approx(0.01)


def test_a_gap_of_missing_values_beyond_chance_grows_with_the_baselines_own_share() -> None:
    rare, common = (thresholds.calibrated_rate_gap(part, 10_000, 1_000, 1e-4) for part in (0, 2_000))
    assert 0 <= rare < 0.01 < common < 0.1


@pytest.mark.parametrize(
    ("value", "threshold", "floor", "verdict", "reason"),
    [
        (0.3, 0.05, 0.1, Verdict.FAILED, "beyond chance and large"),
        (0.08, 0.05, 0.1, Verdict.PASSED, "too small to matter"),
        (0.3, 0.4, 0.1, Verdict.PASSED, "within chance"),
        (0.1, 0.05, 0.1, Verdict.FAILED, "beyond chance and large"),
    ],
)
def test_a_figure_fails_only_beyond_chance_and_large_enough(
    value: float, threshold: float, floor: float, verdict: Verdict, reason: str
) -> None:
    found, told = thresholds.judge(value, threshold, floor)
    assert found is verdict
    assert reason in told
