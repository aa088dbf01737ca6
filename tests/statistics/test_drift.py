"""PSI, KS and Jensen-Shannon from histograms, against SciPy on the raw values."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.statistics import drift
from clearance.statistics.bins import anchored
from tests.statistics.data import NUMERIC, car_loan, column, weeks

stats: Any = importlib.import_module("scipy.stats")
special: Any = importlib.import_module("scipy.special")
distance: Any = importlib.import_module("scipy.spatial.distance")

counts = st.lists(st.integers(0, 1000), min_size=2, max_size=40).map(lambda found: np.array(found, np.int64))


def generated() -> tuple[Any, Any]:
    random = np.random.default_rng(11)
    return random.normal(size=50_000), random.normal(0.4, 1.2, size=1_156)


def pairs(name: str) -> tuple[Any, Any]:
    if name == "generated":
        return generated()
    analysis = car_loan("analysis")
    return column(car_loan("reference"), name), column(analysis, name)[weeks(analysis) == np.datetime64("2019-04-01")]


@pytest.mark.parametrize("name", ["generated", *NUMERIC])
def test_figures_from_bins_agree_with_scipy_on_the_raw_values(name: str) -> None:
    before, after = pairs(name)
    bins = anchored(before)
    reference, current = bins.fill(before), bins.fill(after)
    assert drift.ks(reference, current) == pytest.approx(stats.ks_2samp(before, after).statistic, abs=1e-3)

    starts = drift.group_starts(reference)
    edges = np.concatenate(([-np.inf], bins.edges()[starts[1:] - 1], [np.inf]))
    p, q = (np.histogram(values, edges)[0] for values in (before, after))
    jeffreys = special.rel_entr(*shares(p + 0.5, q + 0.5)).sum() + special.rel_entr(*shares(q + 0.5, p + 0.5)).sum()
    groups = drift.grouped(reference, starts), drift.grouped(current, starts)
    assert drift.psi(*groups) == pytest.approx(jeffreys, rel=0.01, abs=1e-4)
    assert drift.jensen_shannon(*groups) == pytest.approx(distance.jensenshannon(p, q, base=2), rel=0.01, abs=1e-4)


def shares(p: Any, q: Any) -> tuple[Any, Any]:
    return p / p.sum(), q / q.sum()


@given(counts)
def test_a_distribution_is_not_away_from_itself(found: Any) -> None:
    assert drift.psi(found, found) == pytest.approx(0)
    assert drift.ks(found, found) == 0
    assert drift.jensen_shannon(found, found) == pytest.approx(0, abs=1e-7)


@given(st.integers(2, 20).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, 500), min_size=n, max_size=n)] * 2)))
def test_every_distance_is_finite_symmetric_and_in_its_range(found: tuple[list[int], list[int]]) -> None:
    p, q = (np.array(each, np.int64) for each in found)
    for figure in (drift.psi, drift.ks, drift.jensen_shannon):
        assert 0 <= figure(p, q) < np.inf
        assert figure(p, q) == pytest.approx(figure(q, p))
    assert drift.ks(p, q) <= 1 + 1e-12
    assert drift.jensen_shannon(p, q) <= 1 + 1e-12


@given(counts.filter(lambda found: found.any()), st.integers(1, 12))
def test_groups_cover_every_cell_and_none_is_empty_in_the_baseline(found: Any, groups: int) -> None:
    starts = drift.group_starts(found, groups)
    summed = drift.grouped(found, starts)
    assert starts[0] == 0
    assert summed.sum() == found.sum()
    assert (summed > 0).all()
    assert len(starts) <= groups


def test_a_continuous_baseline_falls_into_ten_even_groups() -> None:
    reference = anchored(generated()[0]).fill(generated()[0])
    summed = drift.grouped(reference, drift.group_starts(reference))
    assert summed / summed.sum() == pytest.approx(np.full(10, 0.1), abs=0.005)


def test_a_value_never_seen_before_gives_a_large_but_finite_index() -> None:
    assert 1 < drift.psi(np.array([1000, 0]), np.array([0, 1000])) < 50
