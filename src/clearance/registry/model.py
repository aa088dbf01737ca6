"""What is governed: models, their immutable versions, the data they come from, and how complete that story is; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from clearance.registry.contract import ModelContract
from clearance.values import digest_of, request, value


class ModelKind(StrEnum):
    """What sort of model it is; a prompt is a text that models are asked with, and serves nowhere by itself."""

    PREDICTIVE = "predictive"
    GENERATIVE = "generative"
    THIRD_PARTY = "third-party"
    ENSEMBLE = "ensemble"
    PROMPT = "prompt"


class Risk(StrEnum):
    """The governance level; it picks the policy pack."""

    LIGHT = "light"
    STANDARD = "standard"
    FULL = "full"


class Lifecycle(StrEnum):
    """Where a model is between idea and retirement; retirement is final."""

    IDEA = "idea"
    DEVELOPMENT = "development"
    PRODUCTION = "production"
    RETIRED = "retired"


class VersionStatus(StrEnum):
    """Whether a version may be used: only a registered one may; quarantine can be lifted, retirement can't.

    A deleted one is a tombstone: retired, and left out where people choose; its digest, evidence and history stay.
    """

    REGISTERED = "registered"
    QUARANTINED = "quarantined"
    RETIRED = "retired"
    DELETED = "deleted"


class SourceKind(StrEnum):
    """Where the bytes of a version are."""

    FILES = "files"
    """Here."""
    REFERENCE = "reference"
    """Elsewhere, and known here only from when they are pinned."""
    ENDPOINT = "endpoint"
    """Behind an address that somebody else runs: a black box."""
    IMAGE = "image"
    """In a container image, named by its digest."""


WITHOUT_FILES = frozenset({SourceKind.ENDPOINT, SourceKind.IMAGE})
"""Versions of these never have files here: they are black boxes, seen only by what goes in and comes out."""


class DatasetRole(StrEnum):
    """What a version used a dataset for."""

    TRAINING = "training"
    VALIDATION = "validation"
    TEST = "test"
    REFERENCE = "reference"


@request
class NewModel:
    """A model to take into the inventory."""

    name: str
    owner: str
    on_call: str = ""
    team: str = ""
    purpose: str = ""
    kind: ModelKind = ModelKind.PREDICTIVE
    use_case: str = ""
    risk: Risk | None = None
    """None: what the template's answers lead to, without a template standard; until somebody answers the questionnaire."""
    lifecycle: Lifecycle = Lifecycle.DEVELOPMENT
    description: str = ""
    title: str = ""
    """What people and MLflow's clients call it; its name when empty."""
    template: str = ""
    """The template of its use case; it fills in what is not given, and says what must be."""


@request
class ModelChange:
    """What to change of a model; what is None stays. Retiring it needs a reason."""

    title: str | None = None
    owner: str | None = None
    on_call: str | None = None
    team: str | None = None
    purpose: str | None = None
    kind: ModelKind | None = None
    use_case: str | None = None
    risk: Risk | None = None
    lifecycle: Lifecycle | None = None
    description: str | None = None
    reason: str = ""


@value
class LoweredRisk:
    """That a model is governed less than its answers say, until when, and who is answerable for it."""

    reason: str
    by: str
    at: datetime
    until: datetime


@value
class Model:
    """A model in the inventory: its name is its identity for ever, its title what it is called now.

    The title of a deleted model is None, so that another can have it.

    Attributes:
        risk: the governance level that counts now.
        assessed_risk: the level that the answers to the questionnaire lead to; None while nobody answered.
        privacy: whether the answers ask for privacy and access controls too.
        lowered: why `risk` is below `assessed_risk`, None when it is not.
        template: the template of its use case that it was made from, empty without one.
    """

    name: str
    title: str | None
    owner: str
    on_call: str
    team: str
    purpose: str
    kind: ModelKind
    use_case: str
    risk: Risk
    lifecycle: Lifecycle
    created_at: datetime
    created_by: str
    description: str
    lifecycle_reason: str = ""
    template: str = ""
    assessed_risk: Risk | None = None
    privacy: bool = False
    lowered: LoweredRisk | None = None


@request
class File:
    """One file of a version: its path in the tree (relative, `/` between parts), size in bytes, `sha256:…` of its bytes."""

    path: str
    size: int
    sha256: str


@value
class Manifest:
    """The files of a version; its digest is the version's identity."""

    files: tuple[File, ...]

    @property
    def digest(self) -> str:
        """Digest of the canonical JSON of the files, sorted by path: `[{path, sha256, size}, …]`."""
        return digest_of(sorted(self.files, key=lambda file: file.path))

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


@value
class Blob:
    """Stored bytes: their digest and size in bytes."""

    digest: str
    size: int


@request
class Digests:
    """A list of digests: asked about, or those that are missing."""

    digests: tuple[str, ...]


@request
class DatasetUse:
    """That a version used a dataset, and what for."""

    role: DatasetRole
    digest: str
    name: str = ""


@request
class Code:
    """The code that trained a version; `dirty` when files differed from the commit, which then does not identify it."""

    repository: str
    commit: str
    dirty: bool = False


@request
class Provenance:
    """Where a version comes from.

    Attributes:
        datasets: data it used, by digest.
        code: repository and commit.
        parameters: hyperparameters and further settings of the training.
        environment: the lock, package → version.
        trainer: who or what trained it.
        metrics: figures measured in training.
        parents: versions it was made from, as `model/number` (ensembles, fine-tunes).
    """

    datasets: tuple[DatasetUse, ...] = ()
    code: Code | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    trainer: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    parents: tuple[str, ...] = ()


@request
class Pin:
    """The files that a version which only referred to them turned out to be; their bytes are uploaded before."""

    files: tuple[File, ...]


@request
class TagValue:
    """What a tag says."""

    value: str


@value
class Completeness:
    """How much of a version's story is known: the part of the facts that are there, what is missing, what is doubtful."""

    complete: bool
    fraction: float
    missing: tuple[str, ...]
    flags: tuple[str, ...] = ()


@request
class Source:
    """Where a version's bytes are or came from.

    Attributes:
        kind: what `uri` names.
        uri: address of the endpoint, image with `@sha256:…`, or place of the bytes; may be empty for files.
        revision: what the provider of an endpoint calls this version of it.
    """

    kind: SourceKind = SourceKind.FILES
    uri: str = ""
    revision: str = ""


@request
class NewVersion:
    """A version to register: the bytes of its files are uploaded before, or `source` says where they are instead."""

    files: tuple[File, ...] = ()
    source: Source = field(default_factory=Source)
    contract: ModelContract | None = None
    provenance: Provenance = field(default_factory=Provenance)


@value
class Version:
    """A registered version: its bytes, contract and provenance never change; only its status does.

    Attributes:
        digest: its identity: of its files, of its image, or of the words that name its endpoint; empty while it only refers to
            bytes that nobody has pinned, and then nothing admits it.
    """

    model: str
    number: int
    digest: str
    size: int
    files: tuple[File, ...]
    source: Source
    contract: ModelContract | None
    provenance: Provenance
    created_at: datetime
    created_by: str
    status: VersionStatus
    status_reason: str

    @property
    def name(self) -> str:
        """`car-loan/1`."""
        return f"{self.model}/{self.number}"


@request
class Reason:
    """Why something is done."""

    reason: str


@value
class Column:
    """A column of a dataset, with its Arrow type as text."""

    name: str
    type: str


@request
class NewDataset:
    """A dataset to register; its bytes (Parquet or CSV) are uploaded before."""

    name: str
    digest: str
    time_column: str | None = None


@value
class Dataset:
    """A registered dataset as its bytes describe it; times without a zone are read as UTC."""

    digest: str
    name: str
    rows: int
    columns: tuple[Column, ...]
    time_column: str | None
    first_at: datetime | None
    last_at: datetime | None
    size: int
    created_at: datetime
    created_by: str


@value
class Node:
    """A thing in a lineage: `kind` is version, dataset or code."""

    id: str
    kind: str
    label: str
    facts: Mapping[str, Any]


@value
class Edge:
    """That `source` went into `target`, and as what (training, parent, code, …)."""

    source: str
    target: str
    relation: str


@value
class Lineage:
    """What a version was made from, and what was made from it, all the way in both directions."""

    root: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def completeness(provenance: Provenance, datasets: Iterable[Dataset]) -> Completeness:
    """Measure how complete a version's story is.

    Each of these counts the same: training data is named; test or validation data is named; every dataset named is
    registered (so that its schema, rows and time range are known); commit; parameters; environment lock; trainer; metrics.
    A dirty tree is no missing fact but a flag: the commit is known, and known not to be all of the code.

    Args:
        provenance: what the version says of itself.
        datasets: the registered datasets among those it names.
    """
    known = {dataset.digest for dataset in datasets}
    roles = {use.role for use in provenance.datasets}
    unknown = [use.name or use.digest for use in provenance.datasets if use.digest not in known]
    facts = {
        "training dataset": DatasetRole.TRAINING in roles,
        "test or validation dataset": bool(roles & {DatasetRole.TEST, DatasetRole.VALIDATION}),
        "registration of " + (", ".join(unknown) or "datasets"): bool(roles) and not unknown,
        "code commit": provenance.code is not None and bool(provenance.code.commit),
        "parameters": bool(provenance.parameters),
        "environment lock": bool(provenance.environment),
        "trainer": bool(provenance.trainer),
        "metrics": bool(provenance.metrics),
    }
    missing = tuple(name for name, there in facts.items() if not there)
    dirty = provenance.code is not None and provenance.code.dirty
    return Completeness(
        complete=not missing,
        fraction=round(1 - len(missing) / len(facts), 4),
        missing=missing,
        flags=("dirty tree: the code was changed after its commit",) if dirty else (),
    )


def completeness_of_black_box(version: Version, datasets: Iterable[Dataset]) -> Completeness:
    """Measure how complete the story of an endpoint or image is; each fact that is asked for counts the same.

    What made it can't be told, so what its user can find out is asked for instead: who provides it; which revision it is; a
    contract; a dataset of captured inputs, registered like every other it names; figures measured on them.

    Args:
        version: what is registered of it.
        datasets: the registered datasets among those it names.
    """
    uses = version.provenance.datasets
    known = {dataset.digest for dataset in datasets}
    unknown = [use.name or use.digest for use in uses if use.digest not in known]
    facts = {
        "provider (as trainer)": bool(version.provenance.trainer),
        "revision": version.source.kind is SourceKind.IMAGE or bool(version.source.revision),
        "contract": version.contract is not None,
        "captured inputs (as reference dataset)": any(use.role is DatasetRole.REFERENCE for use in uses),
        "registration of " + (", ".join(unknown) or "datasets"): bool(uses) and not unknown,
        "metrics": bool(version.provenance.metrics),
    }
    missing = tuple(name for name, there in facts.items() if not there)
    return Completeness(
        complete=not missing, fraction=round(1 - len(missing) / len(facts), 4), missing=missing, flags=()
    )
