"""Values as JSON, and as the one sequence of bytes that RFC 8785 gives them."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from clearance.values import canonical_json, plain, value


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


@value
class Inner:
    at: datetime
    colours: tuple[Colour, ...]


@value
class Outer:
    inner: Inner | None
    sizes: dict[Colour, Size]
    note: str = ""


NUMBERS = st.integers() | st.floats() | st.floats(-1e-3, 1e-3) | st.floats(1e14, 1e23) | st.sampled_from([0.0, -0.0])
TEXTS = st.text(st.characters()) | st.text(st.sampled_from('\x00\x1f\x7f"\\\n\u2028\ud800\ue000\U0001f600aZ'))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(DOCUMENTS)
@example([1e-7, 1e-5, 1e16, 1e20, 1e21, 2**53, -(2**53), 2**53 - 1, 0.1, 123456789.125, 5e-324])
@example({"\ue000": 1, "\U0001f600": 2})
def test_canonical_bytes_are_those_of_the_library_and_so_are_its_refusals(document: Any) -> None:
    try:
        expected: bytes | str = rfc8785.dumps(document)
    except ValueError as refused:  # of a key that is no text in UTF-8 the library says so in Python's own error
        expected = f"{type(refused).__name__}: {refused}"
    try:
        found: bytes | str = canonical_json(document)
    except ValueError as refused:
        found = f"{type(refused).__name__}: {refused}"
    assert found == expected


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(rfc8785.CanonicalizationError, match="unsupported type"):
        canonical_json({"amount": Decimal("1.5")})


def test_a_value_becomes_what_json_knows() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    found = plain(Outer(inner=Inner(at=at, colours=(Colour.RED,)), sizes={Colour.RED: Size.BIG}))
    assert found == {
        "inner": {"at": "2026-01-02T03:04:05.000006Z", "colours": ["red"]},
        "sizes": {"red": 3},
        "note": "",
    }
    assert json.loads(json.dumps(found)) == found


def test_a_value_within_a_value_is_told_as_it_is_alone() -> None:
    inner = Inner(at=datetime(2026, 1, 2, tzinfo=UTC), colours=())
    assert plain(Outer(inner=inner, sizes={}))["inner"] == plain(inner) == plain(asdict(inner))
