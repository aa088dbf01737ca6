"""Where the demo's models come from: their code, their data and the packages they were trained with."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import clearance
from clearance.client.capture import capture_code, capture_environment
from clearance.registry.model import Code, Dataset, DatasetRole, DatasetUse, Provenance

SOURCES = ("contracts.py", "data.py", "fair.py", "graph.py", "training.py")
"""The files that decide what a model becomes."""


def provenance(
    training: Dataset, holdout: Dataset, *, parameters: Mapping[str, Any], metrics: Mapping[str, float]
) -> Provenance:
    """Return the full story of a version that was trained here and now."""
    return Provenance(
        datasets=(
            DatasetUse(role=DatasetRole.TRAINING, digest=training.digest, name=training.name),
            DatasetUse(role=DatasetRole.TEST, digest=holdout.digest, name=holdout.name),
        ),
        code=code(),
        parameters=parameters,
        environment=capture_environment(),
        trainer="clearance demo",
        metrics=metrics,
    )


def code() -> Code:
    """Return the commit of the training code; where no commit holds it as it is, the SHA-256 of its files, which does."""
    package = resources.files("clearance.demo")
    with resources.as_file(package) as folder:
        found = capture_code(folder) if _is_tracked(folder) else None
    if found is not None and not found.dirty:
        return found
    seen = hashlib.sha256()
    for name in SOURCES:
        seen.update(name.encode() + b"\0" + (package / name).read_bytes() + b"\0")
    return Code(repository=f"clearance {clearance.__version__}, clearance/demo", commit=seen.hexdigest())


def _is_tracked(folder: Path) -> bool:
    """Return whether git knows these files: a package installed below somebody's repository is not part of it."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "ls-files", "--error-unmatch", *SOURCES], capture_output=True, check=False
        )
    except FileNotFoundError:  # no git, so no commit either
        return False
    return done.returncode == 0
