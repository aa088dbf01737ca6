"""The event schema: what passes, what is refused and in which words."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.sdk.events import FIELDS, clean, fault

GOOD: dict[str, Any] = {
    "ts": "2026-01-05T09:00:00Z",
    "model": "car-loan",
    "version": 1,
    "environment": "production",
    "variant": "stable",
    "request_id": "r-1",
    "row": 0,
    "latency_ms": 1.5,
    "status": "ok",
}


def test_the_mandatory_fields_are_enough() -> None:
    assert fault(GOOD) is None


@pytest.mark.parametrize("name", [name for name, rule in FIELDS.items() if rule.mandatory])
def test_no_mandatory_field_can_be_skipped(name: str) -> None:
    for event in ({k: v for k, v in GOOD.items() if k != name}, {**GOOD, name: None}):
        found = fault(event)
        assert found is not None
        assert (found.field, found.message) == (name, "is missing, and it is mandatory")


@pytest.mark.parametrize(
    ("field", "bad", "says"),
    [
        ("ts", "yesterday", "RFC 3339"),
        ("ts", "2026-01-05T09:00:00", "zone"),
        ("ts", 1767603600, "RFC 3339"),
        ("ts", "0001-01-01T00:00:00+23:00", "RFC 3339"),
        ("model", "Car Loan", "model's name"),
        ("model", "a/../b", "model's name"),
        ("version", 0, "whole number from 1"),
        ("version", True, "whole number"),
        ("version", "1", "whole number"),
        ("row", -1, "whole number from 0"),
        ("variant", "canary", "stable, candidate, shadow"),
        ("status", "fine", "ok, rejected, error"),
        ("status", ["ok"], "ok, rejected, error"),
        ("latency_ms", -0.1, "less than zero"),
        ("latency_ms", math.nan, "null"),
        ("request_id", "", "characters"),
        ("request_id", "x" * 201, "201 characters"),
        ("segment", "\ud800", "surrogate"),
        ("prediction", "yes", "index"),
        ("score", math.inf, "null"),
        ("score", 10**30, "64 bits"),
        ("features", [1, 2], "map"),
        ("features", {"a": {"b": 1}}, "a: is"),
        ("features", {"a": [[1]]}, "list of lists"),
        ("features", {"a": math.nan}, "null"),
        ("features", {1: 2}, "not a text"),
        ("features", {str(i): i for i in range(2001)}, "2001 entries"),
        ("schema_version", 2, "whole number from 1 to 1"),
        ("colour", "red", "not a field"),
    ],
)
def test_a_bad_field_is_named_with_what_is_wrong(field: str, bad: Any, says: str) -> None:
    found = fault({**GOOD, field: bad})
    assert found is not None
    assert found.field == field
    assert says in found.message


def test_a_failed_request_needs_its_error_code() -> None:
    found = fault({**GOOD, "status": "rejected"})
    assert found is not None
    assert found.field == "error"
    assert fault({**GOOD, "status": "rejected", "error": "contract_violation"}) is None


@pytest.mark.parametrize("thing", [None, 1, "event", [GOOD]])
def test_what_is_no_map_is_refused(thing: Any) -> None:
    found = fault(thing)
    assert found is not None
    assert found.field == "event"


def test_numpy_values_and_moments_become_json_and_what_is_missing_becomes_null() -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    event = clean(
        {
            **GOOD,
            "ts": at,
            "score": np.float32(0.5),
            "prediction": np.int64(1),
            "features": {"age": np.nan, "v": np.array([1, 2]), "ok": np.bool_(True), "n": np.float64(2)},
        }
    )
    assert fault(event) is None
    assert json.loads(json.dumps(event, allow_nan=False)) == event
    assert event["features"] == {"age": None, "v": [1, 2], "ok": True, "n": 2.0}


_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text()


@given(st.dictionaries(st.text(), _scalars | st.lists(_scalars, max_size=3), max_size=5))
def test_cleaning_twice_is_cleaning_once_and_what_passes_is_json(features: dict[str, Any]) -> None:
    event = clean({**GOOD, "features": features})
    assert clean(event) == event
    if fault(event) is None:
        assert json.loads(json.dumps(event, allow_nan=False).encode()) == event


@given(st.recursive(_scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10))
def test_the_check_answers_whatever_it_is_given(thing: Any) -> None:
    found = fault(thing)
    assert found is not None
    assert found.field
    inside = fault({**GOOD, "features": {"a": thing}})
    assert inside is None or inside.field == "features"


def test_importing_the_recorder_loads_nothing_heavy() -> None:
    code = "import sys, clearance.sdk.recorder, clearance.sdk.http_sink; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in (
        "fastapi",
        "starlette",
        "sqlalchemy",
        "pandas",
        "numpy",
        "pyarrow",
        "deltalake",
        "duckdb",
        "pydantic",
    ):
        assert f"'{heavy}'" not in loaded
