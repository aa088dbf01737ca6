"""Load a version to serve: admitted, in good standing, every byte verified, signed; any doubt refuses."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clearance.errors import Denied
from clearance.evidence import service as evidence
from clearance.policy.model import Admission
from clearance.registry import service as registry
from clearance.registry.contract import ModelContract
from clearance.registry.source import WITHOUT_FILES
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Database, Transaction

if TYPE_CHECKING:
    from clearance.sdk.onnx import OnnxModel

Admit = Callable[[Transaction, str, int, str], Admission]
"""Says whether a version may serve in an environment: (transaction, model, number, environment)."""


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
            admission = self.admit(tx, model, number, environment)
            if not admission.allowed:
                raise Denied(
                    f"{model}/{number} may not serve in {environment}: {admission.reason}",
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
