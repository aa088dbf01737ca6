"""Load a version to serve: admitted, in good standing, every byte verified, signed; any doubt refuses."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from clearance.errors import Denied
from clearance.evidence import service as evidence
from clearance.policy.model import Admission
from clearance.registry import service as registry
from clearance.registry.contract import ModelContract
from clearance.registry.model import WITHOUT_FILES, Lifecycle, VersionStatus
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Database, Transaction

if TYPE_CHECKING:
    from clearance.sdk.onnx import OnnxModel

Admit = Callable[[Transaction, str, int, str], Admission]
"""Says whether a version may serve in an environment: (transaction, model, number, environment)."""


class Standing(StrEnum):
    """How a version stands with policy."""

    ADMITTED = "admitted"
    LAPSED = "lapsed"
    """No decision admits it any more, but nobody stopped it: what is loaded goes on, and pages; it is not loaded anew."""
    STOPPED = "stopped"
    """Quarantined or retired: it stops at once."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version in memory; its files are not needed any more."""

    model: str
    number: int
    digest: str
    contract: ModelContract | None
    onnx: OnnxModel


@dataclass(frozen=True)
class Loader:
    """Brings versions into memory; see `load`."""

    database: Database
    blobs: BlobStore
    admit: Admit
    scratch: Callable[[], Path]

    def standing(self, tx: Transaction, model: str, number: int, environment: str) -> tuple[Standing, str]:
        """Return how a version stands in an environment, and why.

        Raises:
            NotFound: there is no such version.
        """
        version = registry.get_version(tx, model, number)
        admission = self.admit(tx, model, number, environment)
        if admission.allowed:
            return Standing.ADMITTED, admission.reason
        retired = registry.get_model(tx, model).lifecycle is Lifecycle.RETIRED
        stopped = retired or version.status is not VersionStatus.REGISTERED
        return Standing.STOPPED if stopped else Standing.LAPSED, admission.reason

    def elsewhere(self, model: str, number: int) -> str | None:
        """Return where a version is served that nobody here can load, an endpoint's or image's address; None for others.

        Raises:
            NotFound: there is no such version.
        """
        with self.database.read() as tx:
            source = registry.get_version(tx, model, number).source
        return source.uri if source.kind in WITHOUT_FILES else None

    def load(self, model: str, number: int, environment: str) -> Loaded:
        """Return the version in memory.

        Raises:
            ClearanceError: not admitted, a file's digest differs, not signed by a trusted key, or no model that can be
                loaded; nothing of it serves.
        """
        with self.database.read() as tx:
            standing, reason = self.standing(tx, model, number, environment)
            if standing is not Standing.ADMITTED:
                raise Denied(
                    f"{model}/{number} may not serve in {environment}: {reason}",
                    code="not_admitted",
                    hint=f"`clearance policy decide {model} {number}` decides on what is known of it now",
                )
            version = registry.get_version(tx, model, number)
            evidence.verify_artifact_signature(tx, model, number)
        from clearance.sdk import onnx

        folder = Path(tempfile.mkdtemp(prefix="load-", dir=self.scratch()))
        try:
            self.blobs.materialize(version.files, folder)
            found = onnx.find(folder)
            digest = next(file.sha256 for file in version.files if file.path == found.relative_to(folder).as_posix())
            return Loaded(model, number, version.digest, version.contract, onnx.load(found, digest))
        finally:
            shutil.rmtree(folder)
