"""Versions with evidence, registered for real, and the people around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clearance.access.model import Role
from clearance.app import Clearance
from clearance.evidence import predicates, statement
from clearance.evidence import service as evidence
from clearance.policy import service
from clearance.policy.consent import Voted
from clearance.policy.model import Decision
from clearance.registry import dataset_file
from clearance.registry import service as registry
from clearance.registry.contract import Datatype, Field, ModelContract
from clearance.registry.model import (
    Code,
    DatasetRole,
    DatasetUse,
    File,
    NewModel,
    NewVersion,
    Provenance,
    Risk,
    Version,
)
from clearance.values import timestamp
from tests.conftest import person
from tests.policy.samples import CHECKS

ADA = person("ada", Role.DEVELOPER, Role.APPROVER)
BO = person("bo", Role.APPROVER)
CY = person("cy", Role.APPROVER)
DEV = person("dev", Role.DEVELOPER)
AUC = {"name": "auc", "value": 0.97, "low": 0.96, "high": 0.98, "slice": None, "unit": ""}
CONTRACT = ModelContract(
    inputs=(Field(name="amount", datatype=Datatype.FP32),), outputs=(Field(name="label", datatype=Datatype.INT64),)
)


def register(parts: Clearance, model: str = "car-loan", risk: Risk = Risk.STANDARD, data: bytes = b"graph") -> Version:
    """Register a version, by Ada, with contract and complete provenance; nothing is signed or measured yet."""
    uses = []
    for role, csv in ((DatasetRole.TRAINING, b"amount\n1\n2\n"), (DatasetRole.TEST, b"amount\n3\n4\n")):
        digest, _ = parts.blobs.put([csv])
        contents = dataset_file.inspect(parts.blobs, digest)
        with parts.database.write() as tx:
            registry.register_dataset(tx, ADA, contents, name=role.value)
        uses.append(DatasetUse(role=role, digest=digest, name=role.value))
    digest, size = parts.blobs.put([data])
    new = NewVersion(
        files=(File(path="model.onnx", size=size, sha256=digest),),
        contract=CONTRACT,
        provenance=Provenance(
            datasets=tuple(uses),
            code=Code(repository="https://example.org/loans", commit="c" * 40),
            parameters={"depth": 3},
            environment={"scikit-learn": "1.9.0"},
            trainer="user:ada",
            metrics={"auc": 0.97},
        ),
    )
    with parts.database.write() as tx:
        if model not in {found.name for found in registry.list_models(tx).items}:
            registry.create_model(tx, ADA, NewModel(name=model, owner="user:ada", risk=risk))
        return registry.register_version(tx, ADA, parts.blobs, model, new)


def sign(parts: Clearance, version: Version) -> None:
    with parts.database.write() as tx:
        evidence.sign_artifact(tx, ADA, parts.keyring, parts.blobs, parts.scratch(), version.model, version.number)


def measure(
    parts: Clearance,
    version: Version,
    checks: Iterable[str] = CHECKS,
    *,
    verdict: str = "passed",
    figures: Sequence[Mapping[str, Any]] = (AUC,),
    finished_at: str = "",
) -> None:
    """Add signed check results, finished now unless told."""
    for name in checks:
        predicate = {
            "check": name,
            "suite": {"name": "lending", "digest": "sha256:" + "5" * 64},
            "verdict": verdict,
            "reason": "as it was measured",
            "figures": list(figures) if name in {"performance", "fairness"} else [],
            "inputs": {"artifact": version.digest, "datasets": {}, "code": "clearance 0.1.0"},
            "finished_at": finished_at or timestamp(parts.clock.now()),
        }
        claim = statement.about(version.model, version.number, version.digest, predicates.CHECK, predicate)
        with parts.database.write() as tx:
            evidence.sign_and_add(tx, ADA, parts.keyring, claim)


def ready(parts: Clearance, model: str = "car-loan", risk: Risk = Risk.STANDARD, data: bytes = b"graph") -> Version:
    """Register, sign and measure a version: every rule holds."""
    version = register(parts, model, risk, data)
    sign(parts, version)
    measure(parts, version)
    return version


def decide(parts: Clearance, version: Version, environment: str = "production") -> Decision:
    with parts.database.write() as tx:
        return service.decide(tx, DEV, parts.policy_engine, parts.keyring, version.model, version.number, environment)


def approve(parts: Clearance, approval_id: str | None, who: Any = BO) -> Voted:
    assert approval_id is not None
    with parts.database.write() as tx:
        return service.approve(tx, who, parts.policy_engine, parts.keyring, approval_id, "looked at it")


def reject(parts: Clearance, approval_id: str | None, who: Any = BO) -> Voted:
    assert approval_id is not None
    with parts.database.write() as tx:
        return service.reject(tx, who, parts.policy_engine, parts.keyring, approval_id, "too few rows")
