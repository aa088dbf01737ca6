"""The decision as a verification summary, as a deploy point with one public key meets it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from clearance.errors import Denied, InvalidInput, VerificationFailed
from clearance.evidence import dsse, keys, predicates, statement, vsa
from clearance.evidence.dsse import Envelope

KEY = ec.generate_private_key(ec.SECP256R1())
TRUSTED = {keys.key_id(KEY.public_key()): KEY.public_key()}
DIGEST = "sha256:" + "a" * 64


def summary(*, passed: bool = True, environment: str = "production") -> dict[str, Any]:
    return vsa.verification_summary(
        verifier="https://clearance.dev/verifier",
        at=datetime(2026, 1, 5, 9, 0, tzinfo=UTC),
        model="car-loan",
        number=1,
        policy_uri="clearance:pack/standard",
        policy_digest="sha256:" + "b" * 64,
        inputs=["sha256:" + "c" * 64],
        passed=passed,
        levels=[vsa.level_of(environment)],
    )


def signed(predicate: dict[str, Any], *, key: ec.EllipticCurvePrivateKey = KEY, kind: str = predicates.VSA) -> Envelope:
    claim = statement.about("car-loan", 1, DIGEST, kind, predicate)
    return dsse.sign(statement.encode(claim), dsse.PAYLOAD_TYPE, key)


def test_the_predicate_has_the_shape_of_the_specification() -> None:
    found = summary()
    predicates.validate(predicates.VSA, found)
    assert found["policy"] == {"uri": "clearance:pack/standard", "digest": {"sha256": "b" * 64}}
    assert found["inputAttestations"][0]["digest"] == {"sha256": "c" * 64}
    assert found["timeVerified"] == "2026-01-05T09:00:00.000000Z"
    assert (found["verificationResult"], found["verifiedLevels"]) == ("PASSED", ["CLEARANCE_PRODUCTION"])
    assert (summary(passed=False)["verificationResult"], summary(passed=False)["verifiedLevels"]) == (
        "FAILED",
        ["FAILED"],
    )


def test_a_deploy_point_with_one_public_key_admits_what_was_admitted() -> None:
    assert vsa.check(signed(summary()), TRUSTED, DIGEST, "production") == summary()


@pytest.mark.parametrize("environment", ["pre-production", "eu-west-1"])
def test_the_level_of_an_environment_is_a_word_of_its_own(environment: str) -> None:
    assert vsa.check(signed(summary(environment=environment)), TRUSTED, DIGEST, environment)
    assert not vsa.level_of(environment).startswith("SLSA_")


@pytest.mark.parametrize(
    ("envelope", "kind"),
    [
        (signed(summary(passed=False)), Denied),
        (signed(summary(environment="staging")), Denied),
        (signed(summary(), key=ec.generate_private_key(ec.SECP256R1())), VerificationFailed),
        (signed(summary(), kind=predicates.APPROVAL), VerificationFailed),
        (signed({"verifier": {"id": "x"}}), InvalidInput),
        (signed(summary() | {"verificationResult": "OK"}), InvalidInput),
    ],
)
def test_anything_else_is_refused(envelope: Envelope, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        vsa.check(envelope, TRUSTED, DIGEST, "production")


def test_a_summary_of_other_bytes_is_refused() -> None:
    with pytest.raises(VerificationFailed, match="not about"):
        vsa.check(signed(summary()), TRUSTED, "sha256:" + "f" * 64, "production")
