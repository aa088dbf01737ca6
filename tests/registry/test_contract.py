"""Contracts: what fits, what breaks them and how that is said, what can't be one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import InvalidInput
from clearance.registry.contract import Datatype, Field, ModelContract, check_contract, fits, look_closely, violations

CAR_LOAN = ModelContract(
    inputs=(
        Field(name="car_value", datatype=Datatype.FP32, minimum=0, maximum=1e6),
        Field(name="salary_range", datatype=Datatype.BYTES, categories=("low", "high")),
        Field(name="tenure", datatype=Datatype.INT64, shape=(-1, 1), nullable=True),
    ),
    outputs=(Field(name="probability", datatype=Datatype.FP32),),
)
GOOD: dict[str, Any] = {"car_value": [1.5, 2], "salary_range": ["low", "high"], "tenure": [3, None]}


@pytest.mark.parametrize(
    "columns",
    [
        GOOD,
        {**GOOD, "tenure": [[3], [None]]},
        {**GOOD, "car_value": np.array([1.5, 2.5], dtype=np.float32), "tenure": np.array([[1], [2]])},
        {"car_value": [], "salary_range": [], "tenure": []},
        {**GOOD, "car_value": [0, 1e6]},
    ],
)
def test_columns_that_fit_break_nothing(columns: dict[str, Any]) -> None:
    assert violations(CAR_LOAN, columns) == ()


@pytest.mark.parametrize(
    ("column", "found", "rule", "row", "says"),
    [
        ("car_value", [1, -0.5], "minimum", 1, "car_value, row 1: -0.5 is below the minimum 0"),
        ("car_value", [2e6, 1], "maximum", 0, "car_value, row 0: 2000000.0 is above the maximum 1e+06"),
        ("car_value", [1, "2"], "type", 1, "car_value, row 1: '2' is not FP32"),
        ("car_value", [1, True], "type", 1, "car_value, row 1: True is not FP32"),
        ("car_value", [1, None], "null", 1, "car_value, row 1: it is empty, and may not be"),
        ("car_value", [1, math.nan], "null", 1, "car_value, row 1: it is empty, and may not be"),
        ("car_value", [1, math.inf], "range", 1, "car_value, row 1: inf does not fit FP32"),
        ("car_value", [1, 1e39], "range", 1, "car_value, row 1: 1e+39 does not fit FP32"),
        ("car_value", [1, [1, 2]], "shape", 1, "car_value, row 1: is not a row of 1"),
        ("car_value", [1], "rows", None, "salary_range has 2 rows, the inputs before it 1"),
        (
            "salary_range",
            ["low", "medium"],
            "categories",
            1,
            "salary_range, row 1: 'medium' is none of the 2 categories",
        ),
        ("salary_range", ["low", 7], "type", 1, "salary_range, row 1: 7 is not BYTES"),
        ("tenure", [1, 1.5], "type", 1, "tenure, row 1: 1.5 is not INT64"),
        ("tenure", [1, 2**63], "range", 1, f"tenure, row 1: {2**63} does not fit INT64"),
    ],
)
def test_a_violation_names_field_rule_and_row(
    column: str, found: list[Any], rule: str, row: int | None, says: str
) -> None:
    broken = violations(CAR_LOAN, {**GOOD, column: found})
    assert (broken[0].rule, broken[0].row, broken[0].message) == (rule, row, says)


def test_missing_and_unknown_columns_are_named() -> None:
    broken = violations(CAR_LOAN, {"car_value": [1], "salary_range": ["low"], "colour": ["red"]})
    assert [(each.field, each.rule) for each in broken] == [("colour", "unknown"), ("tenure", "missing")]


def test_only_the_first_violations_are_looked_for() -> None:
    columns = {**GOOD, "car_value": ["x"] * 1_000_000}
    assert len(violations(CAR_LOAN, columns, limit=5)) == 5


def test_long_values_are_cut_in_messages() -> None:
    broken = violations(CAR_LOAN, {**GOOD, "salary_range": ["x" * 10_000, "low"]})
    assert len(broken[0].message) < 200


def test_a_wide_column_has_rows_of_its_width() -> None:
    contract = ModelContract(inputs=(Field(name="pixels", datatype=Datatype.FP64, shape=(-1, 3)),))
    assert violations(contract, {"pixels": [[1, 2, 3], [4, 5, 6]]}) == ()
    broken = violations(contract, {"pixels": [[1, 2, 3], [4, 5], 6, [7, 8, 10**400]]})
    assert [(each.rule, each.row) for each in broken] == [("shape", 1), ("shape", 2), ("range", 3)]


@pytest.mark.parametrize(
    ("field", "says"),
    [
        (Field(name="", datatype=Datatype.FP32), "name"),
        (Field(name="x", datatype=Datatype.FP32, shape=()), "shape"),
        (Field(name="x", datatype=Datatype.FP32, shape=(3,)), "shape"),
        (Field(name="x", datatype=Datatype.FP32, shape=(-1, 0)), "shape"),
        (Field(name="x", datatype=Datatype.FP32, shape=(-1, 2, 2)), "shape"),
        (Field(name="x", datatype=Datatype.FP32, minimum=2, maximum=1), "minimum is above"),
        (Field(name="x", datatype=Datatype.FP32, minimum=math.nan), "not finite"),
        (Field(name="x", datatype=Datatype.BYTES, minimum=1), "bounds are for numbers"),
        (Field(name="x", datatype=Datatype.BYTES, categories=()), "categories must be there"),
        (Field(name="x", datatype=Datatype.BYTES, categories=(1,)), "strings"),
        (Field(name="x", datatype=Datatype.INT64, categories=("a",)), "integers"),
        (Field(name="x", datatype=Datatype.FP32, categories=("a",)), "BYTES and INT64"),
    ],
)
def test_a_contract_that_cannot_be_meant_is_refused(field: Field, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        check_contract(ModelContract(inputs=(field,)))
    assert caught.value.code == "bad_contract"


def test_a_contract_needs_inputs_and_names_each_once() -> None:
    field = Field(name="x", datatype=Datatype.FP32)
    with pytest.raises(InvalidInput, match="no inputs"):
        check_contract(ModelContract(inputs=()))
    with pytest.raises(InvalidInput, match="twice"):
        check_contract(ModelContract(inputs=(field, field)))
    check_contract(CAR_LOAN)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(
    st.dictionaries(st.sampled_from(["car_value", "salary_range", "tenure", "else"]), st.lists(anything, max_size=4))
)
def test_whatever_is_sent_gives_an_answer_and_never_an_exception(columns: dict[str, list[Any]]) -> None:
    for each in violations(CAR_LOAN, columns):
        assert each.message
        assert each.rule


FIELDS = [
    Field(name="f", datatype=Datatype.FP32, minimum=-1, maximum=1e6),
    Field(name="f", datatype=Datatype.FP64),
    Field(name="f", datatype=Datatype.INT64, categories=(0, 1, 2)),
    Field(name="f", datatype=Datatype.INT64, minimum=0),
    Field(name="f", datatype=Datatype.BOOL),
    Field(name="f", datatype=Datatype.BYTES, categories=("a", "b")),
    Field(name="f", datatype=Datatype.BYTES, nullable=True),
]
numbers = st.floats() | st.integers() | st.integers(0, 3)


@given(
    st.sampled_from(FIELDS),
    st.lists(anything, max_size=4)
    | st.lists(numbers, max_size=4)
    | st.lists(st.booleans())
    | st.lists(st.sampled_from("abc")),
)
def test_the_quick_look_at_a_column_lets_nothing_through_that_a_close_one_finds(
    field: Field, column: list[Any]
) -> None:
    if fits(field, column):
        assert list(look_closely(field, column)) == []


def test_the_quick_look_is_enough_for_plain_columns_that_fit() -> None:
    assert fits(FIELDS[0], [0.5, 2])
    assert fits(FIELDS[2], [0, 2])
    assert fits(FIELDS[4], [True])
    assert fits(FIELDS[5], ["a", "b"])
