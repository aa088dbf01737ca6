"""Fixtures of evidence: a registered version with two files, on either database, and keys of other people."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from clearance.app import Clearance
from clearance.evidence import keys, predicates, statement
from clearance.evidence.statement import Statement
from clearance.registry import service as registry
from clearance.registry.model import Code, DatasetRole, DatasetUse, File, NewModel, NewVersion, Provenance, Version
from tests.conftest import person

FILES = {"model.onnx": b"not really a graph", "tokenizer/vocab.txt": b"a\nb\n"}
PROVENANCE = Provenance(
    datasets=(DatasetUse(role=DatasetRole.TRAINING, digest="sha256:" + "d" * 64, name="loans"),),
    code=Code(repository="https://example.org/loans", commit="c" * 40),
    parameters={"depth": 3, "rate": 0.1},
    environment={"scikit-learn": "1.9.0"},
    trainer="user:ada",
    metrics={"auc": 0.97},
)


def register(parts: Clearance, files: dict[str, bytes] = FILES, model: str = "car-loan") -> Version:
    """Register a version with these files."""
    ada = person("ada")
    stored = []
    for path, content in files.items():
        digest, size = parts.blobs.put(iter([content]))
        stored.append(File(path=path, size=size, sha256=digest))
    with parts.database.write() as tx:
        if model not in {found.name for found in registry.list_models(tx).items}:
            registry.create_model(tx, ada, NewModel(name=model, owner="user:ada"))
        return registry.register_version(
            tx, ada, parts.blobs, model, NewVersion(files=tuple(stored), provenance=PROVENANCE)
        )


def check_result(version: Version, verdict: str = "passed") -> Statement:
    """Return an unsigned check result about a version."""
    predicate = {
        "check": "performance",
        "suite": {"name": "tabular", "digest": "sha256:" + "5" * 64},
        "verdict": verdict,
        "reason": "auc 0.97 is above 0.9",
        "figures": [{"name": "auc", "value": 0.97, "low": 0.96, "high": 0.98, "slice": None, "unit": ""}],
        "inputs": {"artifact": version.digest, "datasets": {}, "code": "clearance 0.1.0"},
        "finished_at": "2026-01-05T09:00:00Z",
    }
    return statement.about(version.model, version.number, version.digest, predicates.CHECK, predicate)


@pytest.fixture
def version(parts: Clearance) -> Version:
    """car-loan/1, registered."""
    return register(parts)


@pytest.fixture(scope="session")
def stranger() -> ec.EllipticCurvePrivateKey:
    """Somebody else's key."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def stranger_pem(stranger: ec.EllipticCurvePrivateKey) -> str:
    return keys.public_pem(stranger.public_key())
