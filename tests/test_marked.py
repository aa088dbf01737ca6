"""Texts whose values know where they are: JSON as well as YAML, aliases only where they are wanted."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clearance import marked
from clearance.errors import InvalidInput

KEYS = st.text(st.characters(categories=["Ll", "Nd"]), min_size=1, max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="ascii", exclude_categories=["C"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(KEYS, VALUES))
def test_the_data_are_those_that_the_text_says(said: dict[str, Any]) -> None:
    for text in (json.dumps(said), yaml.safe_dump(said)):
        found = marked.read(text, "x", code="bad", aliases=True)
        assert found.data == yaml.safe_load(text)
        assert () in found.marks


def test_an_error_names_the_place_or_what_should_hold_it() -> None:
    found = marked.read("a:\n  - b: 1\n", "x.yaml", code="bad")
    error = found.error(("a", 0, "b"), "too small", "make it larger")
    assert (error.message, error.hint, error.code) == ("x.yaml:2:8: a[0].b: too small", "make it larger", "bad")
    assert error.details == {"line": 2, "column": 8, "path": "a[0].b"}
    assert found.error(("a", 0, "c"), "missing").message == "x.yaml:2:5: a[0].c: missing"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &x 1\nb: *x", "x:2:4: aliases"),
        ("{a: 1, a: 2}", "x:1:8: `a` is there twice"),
        ("? [a]\n: 1", "x:1:3: a key must be a word"),
        ("a: [", "x:1:5: "),
        ("", "x is empty"),
        (b"\xff", "x is not text"),
        ("[" * 20_000 + "]" * 20_000, "x:1:21: nested deeper than 20"),
    ],
)
def test_what_is_no_document_is_refused(text: str | bytes, says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        marked.read(text, "x", code="bad")
    assert refused.value.message.startswith(says)


def test_aliases_are_taken_where_the_author_is_the_caller() -> None:
    assert marked.read("a: &x 1\nb: *x", "x", code="bad", aliases=True).data == {"a": 1, "b": 1}
    with pytest.raises(InvalidInput, match="nested deeper than 20"):
        marked.read("[" * 21 + "]" * 21, "x", code="bad", aliases=True)


def test_as_it_is_written_a_number_a_flag_and_a_date_stay_texts() -> None:
    text = "a: 1.10\nb: [yes, 2026-01-05, ~]\nc:\n1: x\n"
    found = marked.read(text, "x", code="bad", as_written=True)
    assert found.data == {"a": "1.10", "b": ["yes", "2026-01-05", "~"], "c": "", "1": "x"}
    assert found.error(("b", 1), "no").message == "x:2:10: b[1]: no"
