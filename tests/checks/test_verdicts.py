"""Thresholds and findings: which verdict, and what the sentence says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.checks.figures import shown
from clearance.checks.model import Figure, Finding, conclude
from clearance.checks.parameters import By, Threshold
from clearance.checks.thresholds import judge
from clearance.statistics.verdicts import Verdict


def figure(value: float | None, low: float | None = None, high: float | None = None) -> Figure:
    return Figure(name="auc", value=value, low=low, high=high)


@pytest.mark.parametrize(
    ("threshold", "measured", "verdict"),
    [
        (Threshold(figure="auc", minimum=0.7), figure(0.8, 0.75, 0.85), Verdict.PASSED),
        (Threshold(figure="auc", minimum=0.7), figure(0.8, 0.7, 0.85), Verdict.PASSED),
        (Threshold(figure="auc", minimum=0.7), figure(0.8, 0.69, 0.85), Verdict.INCONCLUSIVE),
        (Threshold(figure="auc", minimum=0.7), figure(0.65, 0.6, 0.72), Verdict.INCONCLUSIVE),
        (Threshold(figure="auc", minimum=0.7), figure(0.6, 0.55, 0.69), Verdict.FAILED),
        (Threshold(figure="auc", minimum=0.7, by=By.VALUE), figure(0.71, 0.55, 0.9), Verdict.PASSED),
        (Threshold(figure="auc", minimum=0.7, by=By.VALUE), figure(0.69, 0.55, 0.9), Verdict.FAILED),
        (Threshold(figure="auc", minimum=0.7), figure(0.71), Verdict.PASSED),
        (Threshold(figure="auc", maximum=0.1), figure(0.05, 0.01, 0.09), Verdict.PASSED),
        (Threshold(figure="auc", maximum=0.1), figure(0.2, 0.15, 0.25), Verdict.FAILED),
        (Threshold(figure="auc", maximum=0.1), figure(0.09, 0.05, 0.12), Verdict.INCONCLUSIVE),
        (Threshold(figure="auc", minimum=0.1, maximum=0.2), figure(0.15, 0.11, 0.19), Verdict.PASSED),
        (Threshold(figure="auc", minimum=0.1), figure(None), Verdict.NOT_MEASURED),
    ],
)
def test_a_figure_stands_to_a_threshold(threshold: Threshold, measured: Figure, verdict: Verdict) -> None:
    assert judge(threshold, measured).verdict is verdict


def test_the_sentence_has_figure_interval_bound_and_groups() -> None:
    threshold = Threshold(figure="demographic_parity_difference", maximum=0.1)
    found = judge(threshold, figure(0.193, 0.181, 0.205), about=" by sex", aside=": 0.08 for Female")
    assert (
        found.sentence == "demographic parity difference by sex is 0.193 (0.181 to 0.205), above 0.1: 0.08 for Female"
    )
    missing = judge(threshold, figure(None), unmeasured="fewer than two groups")
    assert missing.sentence == "could not measure demographic parity difference: fewer than two groups"


@pytest.mark.parametrize(
    ("value", "says"),
    [(15_000, "15,000"), (23_041.7, "23,042"), (999.4, "999"), (0.12345, "0.123"), (0, "0"), (-1234.5, "-1,234")],
)
def test_a_large_figure_has_all_its_digits_and_a_small_one_three(value: float, says: str) -> None:
    assert shown(Figure(name="x", value=value)) == says


def test_a_check_that_demands_nothing_is_not_measured() -> None:
    assert conclude("performance", [], []).verdict is Verdict.NOT_MEASURED


@given(
    st.lists(st.sampled_from([Verdict.PASSED, Verdict.FAILED, Verdict.NOT_MEASURED, Verdict.INCONCLUSIVE]), min_size=1)
)
def test_the_worst_finding_decides_and_only_its_like_are_the_reason(words: list[Verdict]) -> None:
    order = [Verdict.FAILED, Verdict.NOT_MEASURED, Verdict.INCONCLUSIVE, Verdict.PASSED]
    found = conclude("x", [Finding(verdict=word, sentence=word.value) for word in words], [], notes=["note"])
    worst = min(words, key=order.index)
    assert found.verdict is worst
    assert found.reason == f"{worst.value}; note"
