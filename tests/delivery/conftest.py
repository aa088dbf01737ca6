"""Fixtures of delivery: an installation with three admitted versions of car-loan, and events of a rollout."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from clearance.app import Clearance
from clearance.delivery import service
from clearance.delivery.model import NewPromotion, Promotion
from clearance.policy import service as policy
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.contract import Datatype, Field, ModelContract
from clearance.registry.model import File, NewModel, NewVersion
from tests.conftest import person

ADA = person("ada")
PACK = """
name: usable
version: "1"
description: Any version that is in use may serve; tests of delivery need no more.
environments: ["*"]
risks: [standard]
parameters: {}
approvals: {count: 0}
longest_waiver_days: 30
rules:
  - id: version-usable
    title: The version is in use
    severity: block
    expression: version.status == 'registered'
    message: the version is {version.status}
    sources: [X4]
"""
INPUTS = (Field(name="income", datatype=Datatype.FP32),)


def add_version(parts: Clearance, number: int, inputs: tuple[Field, ...] = INPUTS) -> None:
    """Register car-loan/`number`; its bytes are its number."""
    digest, size = parts.blobs.put(iter([str(number).encode()]))
    with parts.database.write() as tx:
        registry.register_version(
            tx,
            ADA,
            parts.blobs,
            "car-loan",
            NewVersion(
                files=(File(path="model.onnx", size=size, sha256=digest),), contract=ModelContract(inputs=inputs)
            ),
        )


def prepare(parts: Clearance, versions: int = 3) -> None:
    """Make the model, its versions and a pack that admits whatever is in use."""
    with parts.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=PACK))
        registry.create_model(tx, ADA, NewModel(name="car-loan", owner="user:ada"))
    for number in range(1, versions + 1):
        add_version(parts, number)


def forbid(parts: Clearance, number: int) -> None:
    """Let the policy deny a version from now on."""
    pack = (
        PACK.replace('version: "1"', 'version: "2"')
        .replace("version.status == 'registered'", f"version.number != {number}")
        .replace("the version is {version.status}", f"version {number} is not wanted")
        .replace("version-usable", "version-wanted")
    )
    with parts.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=pack))


def promote(parts: Clearance, number: int) -> Promotion:
    with parts.database.write() as tx:
        return service.promote(tx, ADA, parts.gate, NewPromotion(model="car-loan", number=number))


def decide(parts: Clearance, number: int) -> None:
    """Make a decision that admits a version, without moving a pointer."""
    with parts.database.write() as tx:
        parts.gate.decide(tx, ADA, "car-loan", number, "production")


def send(parts: Clearance, version: int, variant: str, at: datetime, count: int, **more: Any) -> None:
    """Append events of one variant to the lake: `count` requests of one row, alternating yes and no."""
    batch = f"{variant}-{parts.lake.table_versions()['events']}"
    usual: dict[str, Any] = {
        "model": "car-loan",
        "version": version,
        "environment": "production",
        "variant": variant,
        "row": 0,
        "latency_ms": 5.0,
        "status": "ok",
        "features": {"income": 1.0},
    }
    rows = [
        {
            **usual,
            "ts": at,
            "request_id": f"{batch}-{index}",
            "prediction": float(index % 2),
            "score": 0.25 + 0.5 * (index % 2),
            "latency_ms": 4.0 + index % 50 / 25,
            **more,
        }
        for index in range(count)
    ]
    parts.ingest.submit(rows)


@pytest.fixture
def loan(parts: Clearance) -> Clearance:
    """car-loan with three versions, of which the first serves; on both databases."""
    prepare(parts)
    promote(parts, 1)
    return parts


@pytest.fixture
def sqlite_loan(sqlite_parts: Clearance) -> Clearance:
    """The same on SQLite only."""
    prepare(sqlite_parts)
    promote(sqlite_parts, 1)
    return sqlite_parts
