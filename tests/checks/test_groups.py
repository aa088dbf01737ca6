"""Groups of an attribute: values, lists and comparisons; nulls and the rest are never lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clearance.checks.groups import assign, attribute, intersect
from clearance.checks.parameters import Attribute
from clearance.checks.tables import Table
from clearance.errors import InvalidInput


def table(values: list[Any], dtype: Any = None) -> Table:
    return Table({"x": np.array(values, dtype=dtype)}, len(values))


@pytest.mark.parametrize(
    ("values", "dtype", "groups", "expected"),
    [
        (["a", "b", None], object, {}, ["a", "b", "(missing)"]),
        ([1.0, 2.5, np.nan], float, {}, ["1", "2.5", "(missing)"]),
        ([True, False], bool, {}, ["True", "False"]),
        (["a", "b", "c"], object, {"ab": ("a", "b")}, ["ab", "ab", "(other)"]),
        ([10, 25, 40], int, {"young": "< 25", "middle": ">= 25 and < 40"}, ["young", "middle", "(other)"]),
        ([10.5, np.nan], float, {"all": ">= -1.5"}, ["all", "(missing)"]),
        ([3, None], object, {"three": "== 3"}, ["three", "(missing)"]),
    ],
)
def test_rows_fall_into_groups(values: list[Any], dtype: Any, groups: dict[str, Any], expected: list[str]) -> None:
    assert assign(table(values, dtype), Attribute(name="x", groups=groups)).tolist() == expected


@pytest.mark.parametrize(
    ("values", "groups", "message"),
    [
        (["a", "b"], {"young": "< 25"}, "holds text, which '< 25' can't compare"),
        ([1, 2], {"young": "under 25"}, "can't be read at 'under 25'"),
        ([1, 2], {"young": "< 25 or > 70"}, "can't be read"),
        (list(range(60)), {}, "has 60 groups, more than 50"),
    ],
)
def test_groups_that_cannot_be_made_are_refused(values: list[Any], groups: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        assign(table(values), Attribute(name="x", groups=groups))


def test_an_attribute_may_have_another_name_than_its_column() -> None:
    assert assign(table(["a"], object), Attribute(name="region", column="x")).tolist() == ["a"]
    with pytest.raises(InvalidInput, match="no column 'region'"):
        assign(table(["a"], object), attribute("region"))


def test_an_intersection_joins_the_names() -> None:
    parts = [np.array(["a", "b"], dtype=object), np.array(["x", "y"], dtype=object)]
    assert intersect(parts).tolist() == ["a & x", "b & y"]
