"""Values of reports: what one says of a version and of its life in production, and which leaf proves each fact; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.compliance.served import Refused
from clearance.delivery.model import Move, Pointer, Rollout
from clearance.evidence.model import ArtifactSignature, StoredStatement
from clearance.monitoring.model import Figure, Monitor, Window
from clearance.policy.consent import ApprovalRequest, Waiver
from clearance.policy.model import Admission, Decision
from clearance.registry.completeness import Completeness
from clearance.registry.model import Dataset, Model, Version
from clearance.response.model import Alert, Incident
from clearance.statistics.verdicts import Verdict
from clearance.values import value


@value
class WindowRow:
    """One window at a glance; of several versions the one with the most events speaks."""

    window: Window
    events: int
    labelled: int
    closed: bool
    mature: bool
    figures: Mapping[str, float | None]
    failed: tuple[str, ...]
    """What failed, each subject with its metrics: `car_value (psi, ks)`."""


@value
class Production:
    """What watches a model in an environment, and what it saw."""

    monitor: Monitor
    windows: tuple[WindowRow, ...]
    """Newest first; figures below are of these windows."""
    total: int
    """How many windows there are, the older ones too that were not asked for."""
    drift: tuple[Figure, ...]
    """PSI of every feature, oldest first."""
    auc: tuple[Figure, ...]
    accuracy: tuple[Figure, ...]

    @property
    def drifted(self) -> tuple[Figure, ...]:
        """PSI figures that failed."""
        return tuple(figure for figure in self.drift if figure.verdict is Verdict.FAILED)


@dataclass(frozen=True)
class Leaves:
    """The leaves of the audit log that a report rests on, oldest first."""

    entries: tuple[Entry, ...]

    @cached_property
    def by_index(self) -> Mapping[int, Entry]:
        """Each by its place in the log; what is not here, it does not rest on."""
        return {entry.index: entry for entry in self.entries}

    def first(
        self, event: Event, subject: str = "", at: datetime | None = None, actor: str = "", **data: Any
    ) -> Entry | None:
        """Return the oldest leaf of an event about a subject (at a time, by somebody) whose facts include these, None if none does."""
        found = (each for each in self._among(event, at, data) if at in {None, each.at} and actor in {"", each.actor})
        return next((each for each in found if _fits(each, subject, data)), None)

    def newest(self, event: Event, subject: str = "", **data: Any) -> Entry | None:
        """Return the newest such leaf."""
        return next((each for each in reversed(self._among(event, None, data)) if _fits(each, subject, data)), None)

    def _among(self, event: Event, at: datetime | None, data: Mapping[str, Any]) -> Sequence[Entry]:
        """Return the leaves of an event, or of those the ones with the first text that is asked for, or of that time."""
        text = next(((name, fact) for name, fact in data.items() if isinstance(fact, str)), ("", at or ""))
        return self._known.get((event, *text), ())

    @cached_property
    def _known(self) -> Mapping[tuple[str, str, str | datetime], Sequence[Entry]]:
        """The leaves by event, by event and time, and by event and each text of their facts, oldest first."""
        found: dict[tuple[str, str, str | datetime], list[Entry]] = {}
        for entry in self.entries:
            texts = ((name, fact) for name, fact in entry.data.items() if isinstance(fact, str))
            named: list[tuple[str, str | datetime]] = [("", ""), ("", entry.at), *texts]
            for name, fact in named:
                found.setdefault((entry.event, name, fact), []).append(entry)
        return found


@value
class Report:
    """What is known of one version of a model at one moment."""

    at: datetime
    by: str
    environment: str
    model: Model
    version: Version
    completeness: Completeness
    datasets: Mapping[str, Dataset]
    """The registered ones among those that it names, by digest."""
    decision: Decision | None
    signature: ArtifactSignature | None
    checks: tuple[StoredStatement, ...]
    others: tuple[StoredStatement, ...]
    approvals: tuple[ApprovalRequest, ...]
    waivers: tuple[Waiver, ...]
    pointer: Pointer | None
    admission: Admission
    """Whether the version may be loaded there now."""
    refused: Refused | None
    """That a gateway would not load it, where the pointer asks for it and the log tells of a refusal that holds."""
    instead_of: tuple[tuple[int, Refused], ...]
    """The refused versions in whose place it went on answering."""
    moves: tuple[Move, ...]
    rollouts: tuple[Rollout, ...]
    production: Production | None
    alerts: tuple[Alert, ...]
    incidents: tuple[Incident, ...]
    leaves: Leaves
    checkpoint: str
    """The newest signed note of the log; every leaf above is under it."""
    verifier: str

    def changed(self, name: str) -> Entry | None:
        """Return the newest leaf that says what something of the model is: one that changed it, else the first."""
        told = {Event.MODEL_UPDATED, Event.MODEL_RETIRED}
        changes = (
            each for each in reversed(self.leaves.entries) if each.event in told and name in each.data["changed"]
        )
        return next(changes, None) or self.leaves.first(Event.MODEL_CREATED, f"model/{self.model.name}")

    @property
    def governed(self) -> Entry | None:
        """The leaf that says how strictly the model is governed."""
        told = [self.changed("risk"), self.leaves.newest(Event.MODEL_ASSESSED)]
        if self.model.lowered:
            told.append(self.leaves.newest(Event.RISK_LOWERED))
        return max((each for each in told if each), key=lambda each: each.index, default=None)

    @property
    def refusals(self) -> tuple[Entry, ...]:
        """That a gateway would not load the version there, and that it did after all, oldest first."""
        told = {Event.LOAD_REFUSED, Event.LOAD_ACCEPTED}
        return tuple(
            each for each in self.leaves.entries if each.event in told and each.data["environment"] == self.environment
        )


def _fits(entry: Entry, subject: str, data: Mapping[str, Any]) -> bool:
    return subject in {"", entry.subject} and all(entry.data.get(name) == wanted for name, wanted in data.items())
