"""in-toto statements: a predicate of some type about a version's digest; pure.

Format: github.com/in-toto/attestation, spec/v1/statement.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import rfc8785

from clearance.errors import InvalidInput
from clearance.evidence import strict
from clearance.values import canonical_json, value

TYPE = "https://in-toto.io/Statement/v1"


@value
class Subject:
    """What a statement is about: a name to read and digests (algorithm → hex) to go by."""

    name: str
    digest: Mapping[str, str]


@value
class Statement:
    """A claim (`predicate`, of the kind `predicate_type`) about one or more subjects."""

    subject: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Any]


def about(model: str, number: int, digest: str, predicate_type: str, predicate: Mapping[str, Any]) -> Statement:
    """Return the statement that a predicate holds of a version.

    Args:
        model, number: name the version.
        digest: the version's digest, `sha256:…`.
        predicate_type: URI of the kind of claim, see `predicates`.
        predicate: the claim, JSON values only.
    """
    subject = Subject(name=f"{model}/{number}", digest={"sha256": digest.removeprefix("sha256:")})
    return Statement(subject=(subject,), predicate_type=predicate_type, predicate=predicate)


def encode(statement: Statement) -> bytes:
    """Return the canonical JSON that is signed.

    Raises:
        InvalidInput: the predicate holds what JSON can't carry exactly: NaN, infinity, integers beyond 2**53.
    """
    try:
        return canonical_json(
            {
                "_type": TYPE,
                "subject": statement.subject,
                "predicateType": statement.predicate_type,
                "predicate": statement.predicate,
            }
        )
    except rfc8785.CanonicalizationError as error:
        raise InvalidInput(f"the predicate is not exact JSON: {error}", code="predicate_invalid") from error


def decode(payload: bytes) -> Statement:
    """Read a statement.

    Raises:
        InvalidInput: not JSON, not an in-toto v1 statement, or without subject; the message names the field.
    """
    what = "the statement"
    found = strict.loads(payload, what)
    if strict.field(found, "_type", str, what) != TYPE:
        raise InvalidInput(
            f"{what} has the _type {found['_type'][:80]!r}", code="statement_type", hint=f"expected {TYPE}"
        )
    subjects = strict.field(found, "subject", list, what)
    if not subjects:
        raise InvalidInput(f"{what} is about nothing: it has no subject", code="subject_missing")
    predicate_type = strict.field(found, "predicateType", str, what)
    if ":" not in predicate_type:
        raise InvalidInput(f"the predicateType {predicate_type[:80]!r} is not a URI", code="statement_type")
    return Statement(
        subject=tuple(_subject(each) for each in subjects),
        predicate_type=predicate_type,
        predicate=strict.field(found, "predicate", dict, what),
    )


def is_about(statement: Statement, digest: str) -> bool:
    """Tell whether the version's digest (`sha256:…`) is among the subjects."""
    return any(f"sha256:{subject.digest.get('sha256')}" == digest for subject in statement.subject)


def _subject(found: Any) -> Subject:
    if not isinstance(found, dict):
        raise InvalidInput("a subject of the statement is not an object", code="field_kind")
    digests = strict.field(found, "digest", dict, "a subject of the statement")
    if not digests or not all(isinstance(text, str) for text in digests.values()):
        raise InvalidInput("a subject of the statement has no digest", code="subject_missing")
    return Subject(name=str(found.get("name", "")), digest=digests)
