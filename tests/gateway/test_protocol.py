"""Requests of the Open Inference Protocol: read whole, or refused with the tensor that is wrong."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import InvalidInput
from clearance.gateway.model import Variant, choose
from clearance.gateway.protocol import parse


def body(**changes: Any) -> bytes:
    tensor = {"name": "a", "datatype": "FP32", "shape": [2, 1], "data": [1.0, 2.0]} | changes
    return json.dumps({"id": "r1", "inputs": [tensor]}).encode()


def timed(moment: str) -> bytes:
    return json.dumps({**json.loads(body()), "parameters": {"clearance_ts": moment}}).encode()


NO_IDS = ("a\0b", "a\ud83d", "größe", "r\n1", "x" * 201)
OUT_OF_TIME = ("0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "9999-12-31T23:59:59-05:00")


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "no tensors"),
        (b'{"inputs": [{}]}', "tensor 0 has no name"),
        (body(datatype="FLOAT"), "tensor 'a' has the datatype 'FLOAT'"),
        (body(shape=None), "tensor 'a' has no shape"),
        (body(shape=[]), "tensor 'a' has no shape"),
        (body(shape=[-1, 1]), "tensor 'a' has -1 in its shape: sizes are whole numbers, 1 or more"),
        (body(shape=[True]), "tensor 'a' has True in its shape"),
        (body(shape=[1.0]), r"tensor 'a' has 1\.0 in its shape"),
        (body(shape=[1_000_000_000_000, 0], data=[]), "tensor 'a' has 1000000000000 in its shape"),
        (body(shape=[2, 0], data=[]), "tensor 'a' has 0 in its shape"),
        (body(shape=[1] * 9, data=[1.0]), "has 9 dimensions, allowed are 8"),
        (body(datatype=["FP32"]), r"tensor 'a' has the datatype \['FP32'\]"),
        (b"[" * 50_000, "not JSON"),
        (body(data="x"), "tensor 'a' has no data"),
        (body(data=[1.0]), "has 1 values, its shape .* needs 2"),
        (body(shape=[0, 1], data=[]), "has no rows"),
        *((json.dumps({**json.loads(body()), "id": wrong}).encode(), "`id` has ") for wrong in NO_IDS),
        (json.dumps({"id": 3, "inputs": json.loads(body())["inputs"]}).encode(), "`id` is not a text"),
        (json.dumps({"inputs": json.loads(body())["inputs"] * 2}).encode(), "'a' stands there twice"),
        (
            b'{"inputs": [{"name": "a", "datatype": "BOOL", "shape": [1], "data": [true]}], "parameters": {"clearance_ts": "noon"}}',
            "is 'noon'",
        ),
        *((timed(moment), re.escape(f"clearance_ts is '{moment}'")) for moment in OUT_OF_TIME),
    ],
)
def test_a_malformed_request_says_what_is_wrong_with_which_tensor(sent: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as refused:
        parse(sent)
    assert refused.value.code == "tensor_malformed"


def test_tensors_of_unequal_length_are_refused() -> None:
    first = json.loads(body())["inputs"][0]
    other = {"name": "b", "datatype": "INT64", "shape": [1], "data": [1]}
    with pytest.raises(InvalidInput, match="a 2, b 1"):
        parse(json.dumps({"inputs": [first, other]}).encode())


@given(st.lists(st.lists(st.integers(-(2**53), 2**53), min_size=3, max_size=3), min_size=1, max_size=5), st.booleans())
def test_nested_and_flat_data_of_one_shape_are_the_same_column(rows: list[list[int]], nested: bool) -> None:
    data = rows if nested else [item for row in rows for item in row]
    tensor = {"name": "a", "datatype": "INT64", "shape": [len(rows), 3], "data": data}
    asked = parse(json.dumps({"inputs": [tensor]}).encode())
    assert (asked.rows, asked.columns["a"]) == (len(rows), rows)


@given(st.text(max_size=30), st.floats(0, 100), st.floats(0, 100))
def test_a_request_stays_on_its_side_and_a_larger_weight_takes_nobody_back(text: str, one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert choose(text, low) is choose(text, low)
    if choose(text, low) is Variant.CANDIDATE:
        assert choose(text, high) is Variant.CANDIDATE
    assert choose(text, 0) is Variant.STABLE
    assert choose(text, 100) is Variant.CANDIDATE


def test_the_candidate_gets_its_share() -> None:
    taken = sum(choose(f"request-{number}", 10) is Variant.CANDIDATE for number in range(20_000))
    assert 1_850 < taken < 2_150  # 10% of 20,000 is 2,000, with a standard deviation of 42
