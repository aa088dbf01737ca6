"""in-toto statements: their form, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]  # its types are a package of their own
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.v1 import statement as in_toto  # type: ignore[import-untyped]  # it has no types

from clearance.errors import InvalidInput
from clearance.evidence import predicates, statement
from clearance.values import canonical_json

DIGEST = "sha256:" + "a" * 64
leaves = (
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
json_values = st.recursive(leaves | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3), max_leaves=5)
predicate_objects = st.dictionaries(st.text(max_size=8), json_values, max_size=4)


@given(predicate_objects)
def test_a_statement_survives_its_json(predicate: dict[str, Any]) -> None:
    made = statement.about("car-loan", 1, DIGEST, "https://example.org/claim/v1", predicate)
    read = statement.decode(statement.encode(made))
    assert canonical_json(read) == canonical_json(made)
    assert statement.is_about(read, DIGEST)
    assert not statement.is_about(read, "sha256:" + "b" * 64)


def test_the_public_in_toto_library_accepts_what_we_make() -> None:
    payload = statement.encode(statement.about("car-loan", 1, DIGEST, predicates.CHECK, {"check": "x"}))
    theirs = in_toto.Statement([], "", {})
    json_format.Parse(payload, theirs.pb)
    theirs.validate()
    assert theirs.pb.subject[0].name == "car-loan/1"


def changed(**fields: Any) -> bytes:
    form = {
        "_type": statement.TYPE,
        "subject": [{"name": "car-loan/1", "digest": {"sha256": "a" * 64}}],
        "predicateType": "https://example.org/claim/v1",
        "predicate": {},
    }
    return json.dumps({name: found for name, found in (form | fields).items() if found is not None}).encode()


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"{", "line 1, column 2"),
        (changed(_type="https://in-toto.io/Statement/v0.1"), "_type"),
        (changed(_type=None), "no field '_type'"),
        (changed(subject=None), "no field 'subject'"),
        (changed(subject=[]), "about nothing"),
        (changed(subject=["x"]), "not an object"),
        (changed(subject=[{"name": "x"}]), "no field 'digest'"),
        (changed(subject=[{"name": "x", "digest": {}}]), "no digest"),
        (changed(subject=[{"name": "x", "digest": {"sha256": 5}}]), "no digest"),
        (changed(predicateType="claim"), "not a URI"),
        (changed(predicate=None), "no field 'predicate'"),
        (changed(predicate=[]), "'predicate' is not an object"),
    ],
)
def test_what_is_no_statement_is_refused_naming_the_field(payload: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        statement.decode(payload)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 2**60])
def test_a_predicate_that_json_can_not_carry_exactly_is_refused(number: float) -> None:
    with pytest.raises(InvalidInput, match="not exact JSON"):
        statement.encode(statement.about("car-loan", 1, DIGEST, predicates.CHECK, {"figure": number}))


@pytest.mark.parametrize(
    ("predicate_type", "predicate", "message"),
    [
        (predicates.CHECK, {}, "'check'"),
        (predicates.CHECK, {"check": "x", "suite": "y"}, "'suite.name'"),
        (predicates.PROVENANCE, {"buildDefinition": {"buildType": "x"}}, "'buildDefinition.externalParameters'"),
        (predicates.VSA, {"verifier": {"id": "x"}}, "'timeVerified'"),
    ],
)
def test_a_predicate_without_the_fields_of_its_type_is_refused(
    predicate_type: str, predicate: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        predicates.validate(predicate_type, predicate)


def test_a_predicate_of_an_unknown_type_passes_and_needs_the_purpose_other() -> None:
    predicates.validate("https://example.org/claim/v1", {})
    assert predicates.purpose_of("https://example.org/claim/v1") is predicates.Purpose.OTHER
