"""What is governed: models, their immutable versions, and the data they come from; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from clearance.registry.contract import ModelContract
from clearance.registry.source import Source
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
