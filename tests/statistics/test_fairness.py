"""Fairness figures: hand-computed tables, scikit-learn's rates, and the algebra of counts."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from clearance.statistics.fairness import METRICS, Counts, count, disparity, group_rates, merge

# group a: 100 rows, 60 positive of which 48 found, 40 negative of which 8 selected
# group b: 200 rows, 50 positive of which 30 found, 150 negative of which 15 selected
HAND = Counts(("a", "b"), np.array([[[32, 8], [12, 48]], [[135, 15], [20, 30]]]))


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("demographic_parity_difference", 56 / 100 - 45 / 200),
        ("demographic_parity_ratio", (45 / 200) / (56 / 100)),
        ("disparate_impact_ratio", (45 / 200) / (56 / 100)),
        ("equal_opportunity_difference", 48 / 60 - 30 / 50),
        ("equalized_odds_difference", 48 / 60 - 30 / 50),  # false positive rates: 0.2 and 0.1
        ("predictive_parity_difference", 48 / 56 - 30 / 45),
    ],
)
def test_disparities_of_a_hand_computed_table(metric: str, expected: float) -> None:
    found = disparity(HAND, metric)
    assert found.estimate.figure == pytest.approx(expected)
    assert (found.lowest, found.highest) == ("b", "a")
    assert found.estimate.low is not None
    assert found.estimate.high is not None
    assert found.estimate.low < expected < found.estimate.high


def test_equalized_odds_takes_the_wider_of_both_rates_and_names_it() -> None:
    counts = Counts(("a", "b"), np.array([[[50, 50], [50, 50]], [[90, 10], [50, 50]]]))
    found = disparity(counts, "equalized_odds_difference")
    assert found.estimate.figure == pytest.approx(0.4)
    assert found.rate == "false_positive_rate"


def test_disparate_impact_against_a_named_reference() -> None:
    counts = Counts(("a", "b", "c"), np.array([[[50, 50], [0, 0]], [[20, 80], [0, 0]], [[60, 40], [0, 0]]]))
    assert disparity(counts, "disparate_impact_ratio").estimate.figure == pytest.approx(0.4 / 0.8)
    against_a = disparity(counts, "disparate_impact_ratio", reference="a")
    assert against_a.estimate.figure == pytest.approx(0.4 / 0.5)
    assert (against_a.lowest, against_a.highest) == ("c", "a")
    missing = disparity(counts, "disparate_impact_ratio", reference="z")
    assert missing.estimate.figure is None
    assert "reference group z" in missing.estimate.reason


def test_groups_below_the_minimum_are_left_out_and_named() -> None:
    tiny = Counts(("a", "b", "tiny"), np.concatenate([HAND.cells, [[[0, 0], [0, 5]]]]))
    found = disparity(tiny, "demographic_parity_difference", minimum_size=30)
    assert found.left_out == ("tiny",)
    assert found.estimate.figure == pytest.approx(56 / 100 - 45 / 200)
    few_positives = disparity(tiny, "equal_opportunity_difference", minimum_cases=55)
    assert few_positives.estimate.figure is None
    assert few_positives.left_out == ("b", "tiny")
    assert "fewer than two groups" in few_positives.estimate.reason


def test_when_nobody_is_selected_a_ratio_is_undefined_not_one() -> None:
    counts = Counts(("a", "b"), np.array([[[50, 0], [10, 0]], [[30, 0], [9, 0]]]))
    assert disparity(counts, "demographic_parity_ratio").estimate.figure is None
    assert disparity(counts, "demographic_parity_difference").estimate.figure == 0


def test_group_rates_equal_those_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    groups = random.choice(np.array(["x", "y", "z"], object), 900)
    labels, predicted = random.random(900) < 0.4, random.random(900) < 0.5
    found = group_rates(count(groups, labels, predicted))
    for name in ("x", "y", "z"):
        inside = groups == name
        expected = {
            "selection_rate": predicted[inside].mean(),
            "true_positive_rate": metrics.recall_score(labels[inside], predicted[inside]),
            "false_positive_rate": 1 - metrics.recall_score(~labels[inside], ~predicted[inside]),
            "precision": metrics.precision_score(labels[inside], predicted[inside]),
            "accuracy": metrics.accuracy_score(labels[inside], predicted[inside]),
        }
        assert {rate: each.figure for rate, each in found[name].items()} == pytest.approx(expected)


def test_the_same_seed_gives_the_same_interval() -> None:
    metric = "demographic_parity_difference"
    assert disparity(HAND, metric, seed=5) == disparity(HAND, metric, seed=5)
    assert disparity(HAND, metric, seed=5).estimate.low != disparity(HAND, metric, seed=6).estimate.low


@pytest.mark.parametrize("shares", [(0.3, 0.3), (0.3, 0.3, 0.3, 0.3), (0.2, 0.3, 0.3, 0.35), (0.02, 0.04)])
@pytest.mark.parametrize("metric", ["demographic_parity_difference", "demographic_parity_ratio"])
def test_the_interval_covers_the_truth_at_least_as_often_as_it_says(metric: str, shares: tuple[float, ...]) -> None:
    truth = max(shares) - min(shares) if metric.endswith("difference") else min(shares) / max(shares)
    random = np.random.default_rng(11)
    covered = 0
    for seed in range(200):
        selected = np.array([random.binomial(300, share) for share in shares])
        cells = np.stack([np.stack([300 - selected, selected], axis=1), np.zeros((len(shares), 2))], axis=1)
        counts = Counts(tuple("abcd"[: len(shares)]), cells.astype(np.int64))
        found = disparity(counts, metric, draws=2000, seed=seed).estimate
        if found.figure is None:
            continue
        assert found.low is not None
        assert found.high is not None
        covered += found.low - 1e-9 <= truth <= found.high + 1e-9
    assert covered / 200 >= 0.92


def test_groups_that_are_exactly_alike_still_have_an_interval_of_some_width() -> None:
    counts = Counts(("a", "b"), np.array([[[80, 20], [0, 0]], [[160, 40], [0, 0]]]))
    found = disparity(counts, "demographic_parity_difference").estimate
    assert (found.figure, found.low) == (0, 0)
    assert found.high is not None
    assert 0.05 < found.high < 0.15


def test_a_group_that_is_never_selected_has_a_ratio_of_zero_with_an_upper_end_above_it() -> None:
    counts = Counts(("a", "b"), np.array([[[100, 0], [0, 0]], [[60, 40], [0, 0]]]))
    found = disparity(counts, "disparate_impact_ratio").estimate
    assert found.figure == 0
    assert found.high is not None
    assert 0.01 < found.high < 0.2


rows = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=60)


def counted(of: list[tuple[str, bool, bool]]) -> Counts:
    columns = [list(column) for column in zip(*of, strict=True)] or [[], [], []]
    return count(columns[0], np.array(columns[1], dtype=np.bool_), np.array(columns[2], dtype=np.bool_))


def same(one: Counts, other: Counts) -> bool:
    return one.groups == other.groups and np.array_equal(one.cells, other.cells)


@given(rows, rows, rows)
def test_merging_counts_equals_counting_the_whole(one: list[Any], two: list[Any], three: list[Any]) -> None:
    whole = counted([*one, *two, *three])
    assert same(merge(merge(counted(one), counted(two)), counted(three)), whole)
    assert same(merge(counted(three), merge(counted(two), counted(one))), whole)
    assert same(merge(whole, counted([])), whole)


@settings(max_examples=30, deadline=None)
@given(rows.filter(bool), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_disparity(given_rows: list[tuple[str, bool, bool]], random: Random) -> None:
    shuffled = list(given_rows)
    random.shuffle(shuffled)
    for metric in METRICS:
        assert disparity(counted(given_rows), metric, draws=50) == disparity(counted(shuffled), metric, draws=50)
