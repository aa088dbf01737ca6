"""The decision as a SLSA Verification Summary, which any deploy point can check with one public key; pure.

Format: slsa.dev/spec/v1.1/verification_summary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from clearance import __version__
from clearance.errors import Denied, VerificationFailed
from clearance.evidence import dsse, predicates, statement
from clearance.evidence.dsse import Envelope
from clearance.evidence.keys import PublicKey
from clearance.values import timestamp


def verification_summary(
    *,
    verifier: str,
    at: datetime,
    model: str,
    number: int,
    policy_uri: str,
    policy_digest: str,
    inputs: Sequence[str],
    passed: bool,
    levels: Sequence[str],
) -> dict[str, Any]:
    """Return the predicate that says what was decided, on which policy and evidence.

    Args:
        verifier: URI of who decided.
        at: when.
        model, number: the version decided on.
        policy_uri, policy_digest: the pack; digest `sha256:…`.
        inputs: digests (`sha256:…`) of the envelopes the decision rests on.
        passed: whether the version was admitted.
        levels: what it was admitted to, see `level_of`; a summary that failed says FAILED instead.
    """
    return {
        "verifier": {"id": verifier, "version": {"clearance": __version__}},
        "timeVerified": timestamp(at),
        "resourceUri": predicates.resource_uri(model, number),
        "policy": {"uri": policy_uri, "digest": _digest_set(policy_digest)},
        "inputAttestations": [
            {"uri": f"clearance:statement/{digest}", "digest": _digest_set(digest)} for digest in inputs
        ],
        "verificationResult": "PASSED" if passed else "FAILED",
        "verifiedLevels": list(levels) if passed else ["FAILED"],
        "slsaVersion": "1.1",
    }


def level_of(environment: str) -> str:
    """Return the verified level for an environment; the specification reserves names that begin with SLSA_."""
    return "CLEARANCE_" + environment.upper().replace("-", "_")


def check(envelope: Envelope, public_keys: Mapping[str, PublicKey], digest: str, environment: str) -> dict[str, Any]:
    """Return the summary's predicate once it shows that these bytes were admitted to the environment; needs no server.

    Args:
        envelope: the summary as it travels.
        public_keys: keys trusted for decisions, by id.
        digest: the digest (`sha256:…`) of the version about to be deployed.
        environment: where to.

    Raises:
        VerificationFailed: not signed by such a key, or about something else.
        Denied: it says that the version was not admitted, or to somewhere else.
    """
    found = statement.decode(dsse.verify(envelope, public_keys).payload)
    if found.predicate_type != predicates.VSA:
        raise VerificationFailed("the statement is not a verification summary", code="not_a_summary")
    predicates.validate(found.predicate_type, found.predicate)
    if not statement.is_about(found, digest):
        raise VerificationFailed(f"the summary is not about {digest}", code="wrong_subject")
    admitted = level_of(environment) in found.predicate["verifiedLevels"]
    if found.predicate["verificationResult"] != "PASSED" or not admitted:
        raise Denied(
            f"{found.predicate['resourceUri']} is not admitted to {environment}",
            code="not_admitted",
            hint="`clearance policy show` explains the decision",
        )
    return dict(found.predicate)


def _digest_set(digest: str) -> dict[str, str]:
    return {"sha256": digest.removeprefix("sha256:")}
