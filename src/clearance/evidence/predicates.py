"""The kinds of statements: their predicate types, the fields each must have, and the purpose a key needs to sign it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from clearance.errors import InvalidInput
from clearance.statistics.verdicts import Verdict

CHECK = "https://clearance.dev/attestation/check/v1"
APPROVAL = "https://clearance.dev/attestation/approval/v1"
VENDOR = "https://clearance.dev/attestation/vendor-document/v1"
"""What the provider of a version says of it, and that somebody read it: terms, use of data, limits."""
PROVENANCE = "https://slsa.dev/provenance/v1"
VSA = "https://slsa.dev/verification_summary/v1"


class Purpose(StrEnum):
    """What a key is trusted to sign."""

    ARTIFACT = "artifact"
    CHECK = "check"
    PROVENANCE = "provenance"
    DECISION = "decision"
    APPROVAL = "approval"
    OTHER = "other"
    """Statements of any other predicate type."""


_PURPOSES = {
    CHECK: Purpose.CHECK,
    PROVENANCE: Purpose.PROVENANCE,
    VSA: Purpose.DECISION,
    APPROVAL: Purpose.APPROVAL,
}

_REQUIRED: dict[str, tuple[str, ...]] = {
    CHECK: ("check", "suite.name", "suite.digest", "verdict", "reason", "figures", "inputs", "finished_at"),
    VENDOR: ("provider", "document.uri", "document.digest", "reviewed_by", "reviewed_at"),
    # slsa.dev/spec/v1.1/provenance
    PROVENANCE: ("buildDefinition.buildType", "buildDefinition.externalParameters", "runDetails.builder.id"),
    # slsa.dev/spec/v1.1/verification_summary
    VSA: (
        "verifier.id",
        "timeVerified",
        "resourceUri",
        "policy.uri",
        "policy.digest.sha256",
        "verificationResult",
        "verifiedLevels",
    ),
}


def purpose_of(predicate_type: str) -> Purpose:
    """Return the purpose that a key must be trusted for, to sign statements of this type."""
    return _PURPOSES.get(predicate_type, Purpose.OTHER)


def resource_uri(model: str, number: int) -> str:
    """Return the URI by which a summary names a version."""
    return f"clearance:{model}/{number}"


def validate(predicate_type: str, predicate: Mapping[str, Any]) -> None:
    """Check that a predicate has the fields of its type; types not known here pass.

    Raises:
        InvalidInput: a field is missing or has a word that is none; the message names it.
    """
    for path in _REQUIRED.get(predicate_type, ()):
        if _find(predicate, path) is None:
            raise InvalidInput(f"a predicate {predicate_type} needs the field {path!r}", code="predicate_invalid")
    if predicate_type == CHECK and predicate["verdict"] not in set(Verdict):
        raise InvalidInput(
            f"{predicate['verdict']!r} is not a verdict",
            code="predicate_invalid",
            hint="one of " + ", ".join(Verdict),
        )
    if predicate_type == VSA and predicate["verificationResult"] not in {"PASSED", "FAILED"}:
        raise InvalidInput("verificationResult is neither PASSED nor FAILED", code="predicate_invalid")


def _find(predicate: Mapping[str, Any], path: str) -> Any:
    found: Any = predicate
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
