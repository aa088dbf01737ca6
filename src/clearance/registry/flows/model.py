"""Values of flows: datasets by name, jobs, runs, and what one event says of them; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from clearance.errors import InvalidInput
from clearance.registry.model import Column
from clearance.registry.rules import check_text
from clearance.values import digest_of, request, value

LONGEST_NAME = 2000
LONGEST_VERSION = 255


class RunState(StrEnum):
    """Where a run stands: the event types of OpenLineage; the last three end it."""

    START = "START"
    RUNNING = "RUNNING"
    OTHER = "OTHER"
    COMPLETE = "COMPLETE"
    FAIL = "FAIL"
    ABORT = "ABORT"


ENDED = frozenset({RunState.COMPLETE, RunState.FAIL, RunState.ABORT})


@value
class Name:
    """What a dataset or a job is called in the pipelines' world: unique by both parts."""

    namespace: str
    name: str

    @property
    def key(self) -> str:
        """Digest of both, for names are long."""
        return digest_of([self.namespace, self.name])

    @property
    def text(self) -> str:
        """`namespace/name`, as people write it; two names may read the same."""
        return f"{self.namespace}/{self.name}"


@value
class ColumnSource:
    """That a column of an output was computed from a column of an input; `column` is "*" when all of the output was."""

    column: str
    dataset: Name
    source: str


@value
class SeenDataset:
    """What an event says of a dataset it read or wrote.

    Attributes:
        version: what the store it lies in calls its present state; empty when not said.
        columns: its schema; None when not said.
        sources: which columns came from which, for an output; None when not said.
        digest: of the bytes, if the event says that too; empty when not.
        facets: everything that was said, by name.
    """

    name: Name
    version: str = ""
    columns: tuple[Column, ...] | None = None
    sources: tuple[ColumnSource, ...] | None = None
    digest: str = ""
    facets: Mapping[str, Any] = field(default_factory=dict)


@value
class Sighting:
    """What one event says: of a run of a job, of a job by itself, or of a dataset by itself."""

    at: datetime
    job: Name | None = None
    job_facets: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""
    state: RunState | None = None
    run_facets: Mapping[str, Any] = field(default_factory=dict)
    parent: str = ""
    version: str = ""
    """The model version that the run made, as `model/number`, if the event says so."""
    inputs: tuple[SeenDataset, ...] = ()
    outputs: tuple[SeenDataset, ...] = ()
    datasets: tuple[SeenDataset, ...] = ()
    """Seen by themselves, neither read nor written."""


@value
class NamedDataset:
    """A dataset that pipelines told of, with what was last said of it."""

    namespace: str
    name: str
    columns: tuple[Column, ...]
    versions: tuple[str, ...]
    """Newest first, a hundred at most."""
    first_at: datetime
    last_at: datetime
    facets: Mapping[str, Any]

    @property
    def named(self) -> Name:
        return Name(namespace=self.namespace, name=self.name)


@value
class Job:
    """A job that pipelines told of."""

    namespace: str
    name: str
    last_at: datetime
    facets: Mapping[str, Any]


@value
class Run:
    """One run of a job; `parent` is the run that started it, empty when it has none."""

    id: str
    job: Name
    state: RunState | None
    started_at: datetime | None
    ended_at: datetime | None
    parent: str
    facets: Mapping[str, Any]


@value
class Use:
    """That a run (or a job, when `run` is empty) read or wrote a dataset at a version (empty: not known which)."""

    job: str
    run: str
    dataset: str
    output: bool
    version: str
    at: datetime
    sources: tuple[ColumnSource, ...] | None


@request
class NewLink:
    """Say what belongs together: a named dataset (at a version) and a registered digest, or a run and what it made.

    Attributes:
        dataset: `namespace/name` or `namespace/name@version`.
        digest: of a registered dataset.
        run: id of a run.
        version: `model/number`.
    """

    dataset: str = ""
    digest: str = ""
    run: str = ""
    version: str = ""


@value
class Link:
    """Two things that belong together: `thing` (a dataset's key or a run's id), at a version, is `target`."""

    thing: str
    version: str
    target: str
    said_by: str
    said_at: datetime


def check_name(what: str, name: Name) -> None:
    """Refuse a name that is none (`bad_text`)."""
    check_text(f"the namespace of {what}", name.namespace, least=1, most=LONGEST_NAME)
    check_text(f"the name of {what}", name.name, least=1, most=LONGEST_NAME)


def split_version(text: str) -> tuple[str, str]:
    """Return name and version of `namespace/name@version`; the version is empty when there is none.

    An `@` before the last `/` belongs to the namespace, as in `postgres://user@host/table`.
    """
    head, at, version = text.rpartition("@")
    if not at or "/" in version or not head:
        return text, ""
    return head, version


def merge_state(
    known: tuple[RunState | None, datetime | None], said: tuple[RunState | None, datetime]
) -> tuple[RunState | None, datetime | None]:
    """Return the state of a run after one more event, whatever the order in which they come: an end is never undone."""
    if said[0] is None:
        return known
    if known[0] is None or known[1] is None:
        return said
    ranks = [(state in ENDED, at, state) for state, at in (known, said) if state is not None and at is not None]
    _, at, state = max(ranks)
    return state, at


def no_such_dataset(text: str) -> InvalidInput:
    """Return the error for a name that no pipeline told of."""
    return InvalidInput(
        f"no pipeline has told of a dataset {text[:200]!r}",
        code="dataset_unknown",
        hint="`clearance lineage datasets` lists them, written namespace/name",
    )
