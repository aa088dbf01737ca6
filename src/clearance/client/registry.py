"""Client of the registry: models, versions, datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from clearance.client import references, transfer
from clearance.client.http import Http
from clearance.client.routes import route
from clearance.client.tree import appear, file_of, read_tree
from clearance.errors import Conflict, InvalidInput
from clearance.policy.model import Onboarding
from clearance.registry import rules
from clearance.registry.captured import Capture, NewCapture
from clearance.registry.completeness import Completeness
from clearance.registry.contract import ModelContract
from clearance.registry.model import (
    Dataset,
    File,
    Lifecycle,
    Lineage,
    Model,
    ModelChange,
    ModelKind,
    NewDataset,
    NewModel,
    NewVersion,
    Pin,
    Provenance,
    Reason,
    Risk,
    TagValue,
    Version,
)
from clearance.registry.risk import Answers, Assessment, NewLowering, Questionnaire
from clearance.registry.search_filter import ModelFilter, ModelPage
from clearance.registry.source import Source
from clearance.registry.templates import Template
from clearance.values import Page, plain

_ASKED_AT_ONCE = 1000
_OF_THE_FILE = frozenset({"dataset_unreadable", "no_such_column", "not_a_time", "duplicate_column"})
"""Codes of errors that are about what is in a dataset's file."""


class Models:
    """The inventory of models."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def create(
        self,
        name: str,
        *,
        owner: str,
        on_call: str = "",
        team: str = "",
        purpose: str = "",
        kind: ModelKind = ModelKind.PREDICTIVE,
        use_case: str = "",
        risk: Risk | None = None,
        lifecycle: Lifecycle = Lifecycle.DEVELOPMENT,
        description: str = "",
        title: str = "",
        template: str = "",
    ) -> Model:
        """Take a model into the inventory; a template fills in what is not given."""
        new = NewModel(
            name=name,
            owner=owner,
            on_call=on_call,
            team=team,
            purpose=purpose,
            kind=kind,
            use_case=use_case,
            risk=risk,
            lifecycle=lifecycle,
            description=description,
            title=title,
            template=template,
        )
        return self._http.post("/models", Model, new)

    def get(self, name: str) -> Model:
        """Return one model."""
        return self._http.get(route("/models/{}", name), Model)

    def list(self, wanted: ModelFilter | None = None) -> Iterator[Model]:
        """Yield the models that fit, in the order that is wanted; all, by name, when nothing is."""
        return self._http.pages("/models", Model, **_asked(wanted))

    def page(self, wanted: ModelFilter, *, cursor: str | None = None, limit: int = 100) -> ModelPage:
        """Return one page of the models that fit, with how many there are."""
        return self._http.get("/models", ModelPage, **_asked(wanted), cursor=cursor, limit=limit)

    def onboarding(self, wanted: ModelFilter | None = None) -> Iterator[Onboarding]:
        """Yield what is missing of the newest versions of the models that fit; those that lack nothing are left out."""
        return self._http.pages("/onboarding", Onboarding, **_asked(wanted))

    def questionnaire(self) -> Questionnaire:
        """Return the questions that decide how strictly a model is governed."""
        return self._http.get("/questionnaire", Questionnaire)

    def assess(self, name: str, answers: Answers) -> Assessment:
        """Answer the questionnaire for a model; its risk follows."""
        return self._http.post(route("/models/{}/assessments", name), Assessment, answers)

    def assessments(self, name: str) -> tuple[Assessment, ...]:
        """Return every assessment of a model, newest first; the first counts."""
        return self._http.get(route("/models/{}/assessments", name), Page[Assessment]).items

    def lower_risk(self, name: str, risk: Risk, *, reason: str, days: float) -> Model:
        """Let a model be governed less than its answers say, for some days."""
        new = NewLowering(risk=risk, reason=reason, days=days)
        return self._http.post(route("/models/{}/lowerings", name), Model, new)

    def update(self, name: str, change: ModelChange) -> Model:
        """Change what is given; the rest stays."""
        return self._http.patch(route("/models/{}", name), Model, change)

    def retire(self, name: str, reason: str) -> Model:
        """Retire a model with all its versions, for good."""
        return self.update(name, ModelChange(lifecycle=Lifecycle.RETIRED, reason=reason))

    def delete(self, name: str, reason: str) -> Model:
        """Retire a model and let its title go; name, versions and history stay."""
        return self._http.post(route("/models/{}/delete", name), Model, Reason(reason=reason))


class Versions:
    """The immutable versions of models."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def register(
        self,
        model: str,
        folder: Path,
        *,
        contract: ModelContract | None = None,
        provenance: Provenance | None = None,
    ) -> Version:
        """Register a folder (or one file) as the next version: hash it, upload what the server lacks, register.

        An upload that broke off goes on where it stopped: files that arrived are not sent again.
        """
        files = _send_tree(self._http, folder)
        new = NewVersion(files=files, contract=contract, provenance=provenance or Provenance())
        return self._http.post(route("/models/{}/versions", model), Version, new)

    def get(self, model: str, number: int) -> Version:
        """Return one version."""
        return self._http.get(_at(model, number), Version)

    def list(self, model: str) -> Iterator[Version]:
        """Yield the versions of a model, newest first."""
        return self._http.pages(route("/models/{}/versions", model), Version)

    def download(self, model: str, number: int, folder: Path) -> Version:
        """Write a version's files into a new folder, verifying each; nothing is left of it if one fails.

        Raises:
            Denied: it has no files here (`no_files`).
        """
        version = self.get(model, number)
        rules.check_held(version)
        with appear(folder) as making:
            making.mkdir()
            wanted = [(_at(model, number) + "/files/" + quote(file.path), file) for file in version.files]
            transfer.download(self._http, wanted, making)
        return version

    def lineage(self, model: str, number: int) -> Lineage:
        """Return what a version was made from, and what was made from it."""
        return self._http.get(f"{_at(model, number)}/lineage", Lineage)

    def completeness(self, model: str, number: int) -> Completeness:
        """Return how complete a version's provenance is, and what is missing."""
        return self._http.get(f"{_at(model, number)}/completeness", Completeness)

    def quarantine(self, model: str, number: int, reason: str) -> Version:
        """Stop a version from being used until it is released."""
        return self._http.post(f"{_at(model, number)}/quarantine", Version, Reason(reason=reason))

    def release(self, model: str, number: int, reason: str) -> Version:
        """Let a quarantined version be used again."""
        return self._http.post(f"{_at(model, number)}/release", Version, Reason(reason=reason))

    def retire(self, model: str, number: int, reason: str) -> Version:
        """Stop a version from being used, for good."""
        return self._http.post(f"{_at(model, number)}/retire", Version, Reason(reason=reason))

    def delete(self, model: str, number: int, reason: str) -> Version:
        """Leave a tombstone: stopped for good, and left out where people choose."""
        return self._http.post(f"{_at(model, number)}/delete", Version, Reason(reason=reason))

    def refer(
        self,
        model: str,
        source: Source,
        *,
        contract: ModelContract | None = None,
        provenance: Provenance | None = None,
    ) -> Version:
        """Register a version whose bytes are not here: an endpoint, an image, or a place that somebody will pin."""
        new = NewVersion(source=source, contract=contract, provenance=provenance or Provenance())
        return self._http.post(route("/models/{}/versions", model), Version, new)

    def set_contract(self, model: str, number: int, contract: ModelContract) -> Version:
        """Give a version that was registered without a contract one, once."""
        return self._http.put(f"{_at(model, number)}/contract", Version, contract)

    def fill(self, model: str, number: int, provenance: Provenance) -> Version:
        """Add to a version's provenance what it does not say yet; what it says stays."""
        return self._http.patch(f"{_at(model, number)}/provenance", Version, provenance)

    def onboarding(self, model: str, number: int) -> Onboarding:
        """Return what is missing of a version, and by when it must be there."""
        return self._http.get(f"{_at(model, number)}/onboarding", Onboarding)

    def capture(
        self,
        model: str,
        number: int,
        records: Path | None = None,
        *,
        outputs: Sequence[str] = (),
        environment: str = "production",
        accept: bool = False,
    ) -> Capture:
        """Infer a contract and a baseline from captured records (JSON lines, CSV, Parquet), or from telemetry without a file.

        Args:
            outputs: columns that the model gave, where the records do not say it themselves.
            environment: whose telemetry.
            accept: store both; without it, they are only proposed.
        """
        digest = ""
        if records is not None:
            file = file_of(records.name, source := records.resolve())
            transfer.upload(self._http, [(file, source)])
            digest = file.sha256
        new = NewCapture(digest=digest, outputs=tuple(outputs), environment=environment, accept=accept)
        return self._http.post(f"{_at(model, number)}/captures", Capture, new)

    def pin(self, model: str, number: int, folder: Path) -> Version:
        """Give a version that only referred to its bytes those of a folder (or one file), once."""
        return self._http.post(f"{_at(model, number)}/pin", Version, Pin(files=_send_tree(self._http, folder)))


class Tags:
    """Words on models, and on versions of them."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def get(self, model: str, number: int | None = None) -> Mapping[str, str]:
        """Return the tags of a model, or of a version of it, by key."""
        return self._http.get(_tags_of(model, number), dict[str, str])

    def set(self, model: str, key: str, value: str, number: int | None = None) -> Mapping[str, str]:
        """Put a tag there, in place of the one with this key; return all that are there."""
        return self._http.put(_tag(model, key, number), dict[str, str], TagValue(value=value))

    def delete(self, model: str, key: str, number: int | None = None) -> Mapping[str, str]:
        """Take a tag off; return those that are left."""
        return self._http.delete(_tag(model, key, number), dict[str, str])


class Templates:
    """What models of a use case start with."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(self) -> tuple[Template, ...]:
        """Return all templates, by name."""
        return self._http.get("/templates", Page[Template]).items

    def get(self, name: str) -> Template:
        """Return one template."""
        return self._http.get(route("/templates/{}", name), Template)


class Datasets:
    """Datasets, described by their own bytes."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def register(self, path: Path, *, name: str, time_column: str | None = None) -> Dataset:
        """Upload a Parquet or CSV file, if the server lacks it, and register it; the same again changes nothing.

        Raises:
            InvalidInput: it is no table, or its time column is none; the message names the file.
            Conflict: its bytes are registered under another name or time column (`dataset_exists`).
        """
        file = file_of(path.name, source := path.resolve())
        transfer.upload(self._http, [(file, source)])
        new = NewDataset(name=name, digest=file.sha256, time_column=time_column)
        try:
            return self._http.post("/datasets", Dataset, new)
        except InvalidInput as error:
            if error.code not in _OF_THE_FILE:
                raise
            told = InvalidInput(f"{path}: {error.message}", code=error.code, hint=error.hint, details=error.details)
            raise told from error

    def get(self, digest: str) -> Dataset:
        """Return one dataset."""
        return self._http.get(route("/datasets/{}", digest), Dataset)

    def list(self) -> Iterator[Dataset]:
        """Yield all datasets, newest first."""
        return self._http.pages("/datasets", Dataset)

    def find(self, given: str) -> str:
        """Return the digest of the one registered dataset that has this name, or whose digest begins so (8 digits or more).

        A whole digest is returned as it is.

        Raises:
            InvalidInput: none, or more than one (`dataset_ambiguous`); the details list the candidates.
        """
        if references.is_digest(given):
            return given
        return references.choose(given, tuple(self.list())).digest

    def resolve(self, given: str) -> str:
        """Return the digest of what a person calls a dataset: a file, which is registered if its bytes are not yet, or `find`.

        Raises:
            InvalidInput: neither is there, or several datasets are meant; or the file is no table.
        """
        path = Path(given)
        if not path.is_file():
            return self.find(given)
        try:
            return self.register(path, name=path.stem).digest
        except Conflict as error:
            if error.code != "dataset_exists" or "digest" not in error.details:
                raise
            return str(error.details["digest"])  # the same bytes, registered under another name

    def download(self, digest: str, path: Path) -> Dataset:
        """Write a dataset's bytes to a new file, verified."""
        dataset = self.get(digest)
        with appear(path) as making:
            file = File(path=making.name, size=dataset.size, sha256=dataset.digest)
            transfer.download(self._http, [(route("/blobs/{}", dataset.digest), file)], making.parent)
        return dataset


def _send_tree(http: Http, folder: Path) -> tuple[File, ...]:
    """Hash the files of a folder (or one file), send those that the server lacks, and return them all.

    Raises:
        InvalidInput: something in it is no plain file, or has a path that not every system could keep.
        VerificationFailed: a file changed while it was read (`digest_mismatch`).
    """
    sources = read_tree(folder)
    files = transfer.hashed(sources)
    rules.check_files(files)
    transfer.upload(http, [(file, sources[file.path]) for file in files])
    return files


def _tags_of(model: str, number: int | None) -> str:
    return route("/models/{}/tags", model) if number is None else f"{_at(model, number)}/tags"


def _tag(model: str, key: str, number: int | None) -> str:
    return _tags_of(model, number) + route("/tags/{...}", key).removeprefix("/tags")


def _asked(wanted: ModelFilter | None) -> dict[str, Any]:
    return {} if wanted is None else plain(wanted)


def _at(model: str, number: int) -> str:
    return route("/models/{}/versions/{}", model, number)
