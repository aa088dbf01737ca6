"""Client of what has to do with MLflow: take a registry over from its server, and pin what lies there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from clearance.client.http import Http
from clearance.client.mlflow_server import Found, MlflowServer
from clearance.client.registry import Versions
from clearance.errors import ClearanceError, Conflict, InvalidInput, NotFound
from clearance.integrations.mlflow.importing.model import Imported, OriginalModel, OriginalVersion
from clearance.integrations.mlflow.model import is_prompt
from clearance.registry.model import Version, VersionStatus
from clearance.values import value

_PASSED_OVER = (InvalidInput, Conflict, NotFound)
"""Errors that are about one model or version: the others still come."""


@value
class Remark:
    """What did not come, or not wholly, and why; `name` is `Car loan` or `Car loan/3`, as it is called there."""

    name: str
    why: str


@value
class ImportReport:
    """What came from an MLflow server.

    Attributes:
        origin: its address.
        models, versions: how many were taken over now.
        present: how many models and versions had come before.
        pinned: versions that got their bytes, and so their digest, now.
        left: what they were there and are not here, because policy has to decide it, or because it has no room.
        skipped: what did not come.
    """

    origin: str
    models: int
    versions: int
    present: int
    pinned: int
    left: tuple[Remark, ...]
    skipped: tuple[Remark, ...]


class Mlflow:
    """What has to do with MLflow."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def import_model(self, original: OriginalModel) -> Imported:
        """Take over one model; again, nothing happens."""
        return self._http.post("/mlflow-imports/models", Imported, original)

    def import_version(self, original: OriginalVersion) -> Imported:
        """Take over one version with its number; again, nothing happens."""
        return self._http.post("/mlflow-imports/versions", Imported, original)

    def import_registry(
        self,
        server: MlflowServer,
        *,
        owner: str = "",
        artifacts: bool = False,
        tell: Callable[[str], None] = lambda _name: None,
    ) -> ImportReport:
        """Take over a whole registry, model by model and version by version; broken off and begun again, it goes on.

        Args:
            server: where it is.
            owner: who is to own the models here; the caller when empty.
            artifacts: also fetch the bytes that the server hands out, and pin them.
            tell: called with the name of each model or version when its turn comes.

        Raises:
            Unavailable, Unauthenticated, Forbidden: one of the two servers does not answer, or not to us.
        """
        run = _Run(self, server, owner, artifacts=artifacts, tell=tell)
        for model in server.models():
            run.take(model)
        return run.report()

    def pin(self, server: MlflowServer, model: str, number: int) -> Version:
        """Fetch the bytes of a version whose source lies at an MLflow tracking server, and pin them.

        Raises:
            NotFound: the server does not hand them out.
            Conflict: the version has its bytes already.
        """
        versions = Versions(self._http)
        version = versions.get(model, number)
        if version.digest:
            raise Conflict(
                f"{version.name} is {version.digest}; a version never changes",
                code="version_pinned",
                hint=f"`clearance versions show {model} {number}` lists its files",
            )
        return self.fetch(server, server.location(version.source.uri), model, number)

    def fetch(self, server: MlflowServer, location: str, model: str, number: int) -> Version:
        """Fetch what lies at a place into a folder of its own, pin it, and remove the folder. Errors as `pin`."""
        folder = Path(tempfile.mkdtemp(prefix="clearance-"))
        try:
            server.download(location, folder)
            return Versions(self._http).pin(model, number, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class _Run:
    """One import under way."""

    def __init__(
        self, client: Mlflow, server: MlflowServer, owner: str, *, artifacts: bool, tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._server = server
        self._owner = owner
        self._artifacts = artifacts
        self._tell = tell
        self._counts = {"models": 0, "versions": 0, "present": 0, "pinned": 0}
        self._left: list[Remark] = []
        self._skipped: list[Remark] = []

    def take(self, model: Found) -> None:
        """Take over a model with all its versions."""
        name = str(model["name"])
        original = _model(model, self._server.origin, self._owner)
        self._tell(name)
        try:
            versions = self._server.versions(name, prompt=is_prompt(original.tags))
            imported = self._client.import_model(original)
        except _PASSED_OVER as error:
            self._skip(name, error)
            return
        self._count("models", imported)
        self._left += [Remark(name=name, why=why) for why in imported.left]
        aliases: dict[str, list[str]] = {}
        for each in model.get("aliases", []):
            aliases.setdefault(str(each["version"]), []).append(str(each["alias"]))
        for version in versions:
            self._take_version(version, tuple(aliases.get(str(version["version"]), ())))

    def report(self) -> ImportReport:
        """Return what came of it."""
        return ImportReport(
            origin=self._server.origin, **self._counts, left=tuple(self._left), skipped=tuple(self._skipped)
        )

    def _take_version(self, version: Found, aliases: tuple[str, ...]) -> None:
        name = f"{version['name']}/{version['version']}"
        self._tell(name)
        try:
            imported = self._client.import_version(_version(version, self._server.origin, aliases))
            self._count("versions", imported)
            self._left += [Remark(name=name, why=why) for why in imported.left]
            if self._artifacts and not is_prompt(_tags(version)):
                self._pin(version, imported)
        except _PASSED_OVER as error:
            self._skip(name, error)

    def _pin(self, version: Found, imported: Imported) -> None:
        number = int(version["version"])
        present = Versions(self._client._http).get(imported.model, number)
        if present.digest or present.status is not VersionStatus.REGISTERED:
            return
        location = self._server.location(self._server.version_location(str(version["name"]), number))
        self._client.fetch(self._server, location, imported.model, number)
        self._counts["pinned"] += 1

    def _count(self, what: str, imported: Imported) -> None:
        self._counts[what if imported.made else "present"] += 1

    def _skip(self, name: str, error: ClearanceError) -> None:
        self._skipped.append(Remark(name=name, why=error.message))


def _model(found: Found, origin: str, owner: str) -> OriginalModel:
    return OriginalModel(
        origin=origin,
        name=str(found["name"]),
        description=found.get("description", ""),
        tags=_tags(found),
        created_at=_time(found["creation_timestamp"]),
        updated_at=_time(found["last_updated_timestamp"]),
        owner=owner,
    )


def _version(found: Found, origin: str, aliases: tuple[str, ...]) -> OriginalVersion:
    texts = ("source", "run_id", "run_link", "model_id", "description")
    return OriginalVersion(
        origin=origin,
        name=str(found["name"]),
        number=int(found["version"]),
        tags=_tags(found),
        created_at=_time(found["creation_timestamp"]),
        updated_at=_time(found["last_updated_timestamp"]),
        by=found.get("user_id", ""),
        stage=found.get("current_stage", "None"),
        aliases=aliases,
        **{name: found.get(name) or "" for name in texts},
    )


def _tags(found: Found) -> dict[str, str]:
    return {str(tag["key"]): str(tag.get("value", "")) for tag in found.get("tags", [])}


def _time(milliseconds: int | str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
