"""The use cases of evidence, by the one name that other rooms and the surfaces use."""

from clearance.evidence.artifacts import (
    add_artifact_signature,
    add_own_signature,
    artifact_signature,
    make_signature,
    sign_artifact,
    verify_artifact_signature,
)
from clearance.evidence.issue import prove_passport, seal_passport
from clearance.evidence.statements import add_statement, attest_provenance, sign_and_add, statements
from clearance.evidence.trust import list_keys, revoke_key, trust_key

__all__ = [
    "add_artifact_signature",
    "add_own_signature",
    "add_statement",
    "artifact_signature",
    "attest_provenance",
    "list_keys",
    "make_signature",
    "prove_passport",
    "revoke_key",
    "seal_passport",
    "sign_and_add",
    "sign_artifact",
    "statements",
    "trust_key",
    "verify_artifact_signature",
]
