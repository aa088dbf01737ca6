"""What is known about how a version was made, as SLSA provenance; pure.

Format: slsa.dev/spec/v1.1/provenance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clearance import __version__
from clearance.registry.model import Version
from clearance.values import plain, timestamp

BUILD_TYPE = "https://clearance.dev/build/training/v1"
"""Build type: a model trained from datasets by code with parameters; the predicate's parameters are those of the registry."""


def provenance(version: Version) -> dict[str, Any]:
    """Return the provenance predicate of a version, from what was registered with it."""
    known = version.provenance
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "parameters": plain(known.parameters),
                "code": plain(known.code),
                "datasets": [plain(dataset) for dataset in known.datasets],
            },
            "internalParameters": {"metrics": plain(known.metrics)},
            "resolvedDependencies": [*_datasets(version), *_code(version), *_packages(known.environment)],
        },
        "runDetails": {
            "builder": {"id": f"clearance:trainer/{known.trainer}", "version": {"clearance": __version__}},
            "metadata": {
                "invocationId": f"{version.model}/{version.number}",
                "finishedOn": timestamp(version.created_at),
            },
        },
    }


def _datasets(version: Version) -> list[dict[str, Any]]:
    return [
        {
            "uri": f"clearance:dataset/{dataset.digest}",
            "name": dataset.name,
            "digest": {"sha256": dataset.digest.removeprefix("sha256:")},
            "annotations": {"role": plain(dataset.role)},
        }
        for dataset in version.provenance.datasets
    ]


def _code(version: Version) -> list[dict[str, Any]]:
    code = version.provenance.code
    if code is None or not code.commit:
        return []
    return [{"uri": f"git+{code.repository}", "digest": {"gitCommit": code.commit}}]


def _packages(environment: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"uri": f"pkg:pypi/{package}@{release}"} for package, release in sorted(environment.items())]
