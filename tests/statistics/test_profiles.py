"""The algebra of profiles, and their JSON."""

from __future__ import annotations

import json
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import InvalidInput
from clearance.statistics.bins import Bins
from clearance.statistics.profile_json import from_json, to_json
from clearance.statistics.profiles import Batch, Layout, Profile, empty, merge, profile

LAYOUT = Layout(numeric={"income": Bins(-10.0, 10.0, 16)}, categorical={"city": ("Bonn", "Ulm")}, score=Bins(0, 1, 8))

row = st.tuples(
    st.floats(),  # income: any double, NaN and infinity among them
    st.integers(-1, 2),
    st.one_of(st.just(float("nan")), st.floats(0, 1)),
    st.integers(-1, 1),
    st.integers(-1, 1),
    st.floats(0, 1e9),
    st.sampled_from(["ok", "rejected", "error"]),
)
rows = st.lists(row, max_size=30)


def made(found: list[Any]) -> Profile:
    columns = list(zip(*found, strict=True)) or [()] * 7
    return profile(
        LAYOUT,
        Batch(
            numeric={"income": np.array(columns[0], float)},
            categorical={"city": np.array(columns[1], np.int64)},
            score=np.array(columns[2], float),
            predicted=np.array(columns[3], np.int8),
            label=np.array(columns[4], np.int8),
            latency_ms=np.array(columns[5], float),
            statuses={status: columns[6].count(status) for status in set(columns[6])},
        ),
    )


@given(rows, rows, rows)
def test_merging_is_associative_and_commutative(a: list[Any], b: list[Any], c: list[Any]) -> None:
    x, y, z = made(a), made(b), made(c)
    assert to_json(merge(merge(x, y), z)) == to_json(merge(x, merge(y, z)))
    assert to_json(merge(x, y)) == to_json(merge(y, x))


@given(rows)
def test_the_empty_profile_changes_nothing(a: list[Any]) -> None:
    assert to_json(merge(made(a), empty(LAYOUT))) == to_json(made(a))


@given(rows, st.lists(st.integers(0, 30), max_size=3))
def test_merged_parts_are_the_profile_of_the_whole(a: list[Any], cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(a)]
    parts = [made(a[start:end]) for start, end in pairwise(edges)]
    assert to_json(reduce(merge, parts)) == to_json(made(a))


@given(rows)
def test_a_profile_survives_json(a: list[Any]) -> None:
    text = json.dumps(to_json(made(a)), allow_nan=False)
    assert to_json(from_json(json.loads(text))) == json.loads(text)


def test_it_counts_what_is_there_and_what_is_missing() -> None:
    nan = float("nan")
    found = made(
        [
            (1.0, 0, 0.9, 1, 1, 5.0, "ok"),
            (nan, 2, 0.2, 0, 1, 5.0, "ok"),
            (float("inf"), -1, nan, -1, -1, 5.0, "error"),
            (99.0, 1, 0.4, 0, 0, 5.0, "rejected"),
        ]
    )
    income, city = found.numeric["income"], found.categorical["city"]
    assert (income.present, income.missing, income.mean, income.minimum, income.maximum) == (2, 2, 50.0, 1.0, 99.0)
    assert (city.counts.tolist(), city.missing) == ([1, 1, 1], 1)
    assert found.outcomes.tolist() == [[1, 0], [1, 1]]
    assert found.scores_by_label.sum(axis=1).tolist() == [1, 2]
    assert (found.rows, found.labelled, found.statuses.tolist(), int(found.latency.sum())) == (4, 3, [2, 1, 1], 4)


def test_profiles_in_other_cells_do_not_merge() -> None:
    with pytest.raises(InvalidInput, match="different cells"):
        merge(empty(LAYOUT), empty(Layout()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 9}, "format 9"),
        ({"rows": None}, "no profile"),
        ({"latency": [[99_999, 1]]}, "no profile"),
        ({"latency": [[0, -1]]}, "no profile"),
        ({"outcomes": [1, 2]}, "no profile"),
        ({"numeric": {}}, "no profile"),
    ],
)
def test_what_is_no_profile_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        from_json({**to_json(empty(LAYOUT)), **change})
