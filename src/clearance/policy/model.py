"""Values of decisions: the facts that are judged, how each rule ended, and the decision with its explanation; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from clearance.access.model import Role
from clearance.policy.pack import Severity
from clearance.registry.source import SourceKind
from clearance.statistics.verdicts import Verdict
from clearance.values import request, value


class Outcome(StrEnum):
    """How a decision ends."""

    ALLOWED = "allowed"
    DENIED = "denied"
    PENDING = "pending"
    """Every blocking rule holds, but people still have to approve."""


@value
class FigureFact:
    """A measured number with its interval; None where it could not be measured."""

    value: float | None
    low: float | None = None
    high: float | None = None
    slice: Mapping[str, str]
    unit: str = ""


@value
class CheckFact:
    """The newest trusted result of one check."""

    verdict: Verdict
    reason: str
    age_days: float | None
    suite: str
    signer: str
    statement: str
    """Digest of the signed statement that says so."""


@value
class VersionFact:
    """What is judged."""

    number: int
    digest: str
    author: str
    status: str
    age_days: float
    has_contract: bool
    code_dirty: bool
    source_kind: str = "files"
    """Where its bytes are: files, reference, endpoint or image; the last two are black boxes."""


@value
class Vote:
    """What one person said about a request, in the role that counted."""

    voter: str
    roles: tuple[Role, ...]
    approve: bool
    comment: str
    at: datetime


@value
class WaiverFact:
    """A waiver in force when the decision was made."""

    id: str
    rule: str
    reason: str
    granted_by: str
    expires_at: datetime


@value
class Facts:
    """Everything a decision may look at. Ages are in it, so no clock is needed to decide again."""

    environment: str
    model: Mapping[str, str]
    version: VersionFact
    signature_valid: bool
    signer: str
    provenance_complete: bool
    provenance_missing: tuple[str, ...]
    checks: Mapping[str, CheckFact]
    figures: Mapping[str, FigureFact]
    votes: tuple[Vote, ...] = ()
    """Votes in force, oldest first."""
    waivers: tuple[WaiverFact, ...] = ()
    """Waivers in force."""
    onboarding_age_days: float = 0.0
    """Days since the first version of the model was registered that is an endpoint or an image; 0 without one."""
    statements: tuple[str, ...] = ()
    """Predicate types of the trusted statements about the version."""


@value
class FigureUsed:
    """A figure that a rule looked at."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    slice: Mapping[str, str]
    unit: str


@value
class RuleOutcome:
    """How one rule ended, and why."""

    id: str
    title: str
    severity: Severity
    verdict: Verdict
    message: str
    figures: tuple[FigureUsed, ...]
    sources: tuple[str, ...]
    waiver: str | None = None
    """The waiver because of which a rule that does not hold does not block."""

    @property
    def holds(self) -> bool:
        return self.verdict in {Verdict.PASSED, Verdict.NOT_APPLICABLE}

    @property
    def blocks(self) -> bool:
        return self.severity is Severity.BLOCK and not self.holds and self.waiver is None


@value
class Conclusion:
    """What a pack says about facts: the part of a decision that anyone can recompute."""

    outcome: Outcome
    reason: str
    rules: tuple[RuleOutcome, ...]
    approvals: tuple[str, ...]
    """Who approved, of those who count."""
    approvals_needed: int
    waivers: tuple[str, ...]
    """Waivers that were used."""


@value
class Decision:
    """A decision as it is stored and shown; one without an id is a dry run, and counts for nothing."""

    id: str
    model: str
    number: int
    digest: str
    environment: str
    outcome: Outcome
    reason: str
    rules: tuple[RuleOutcome, ...]
    approvals: tuple[str, ...]
    approvals_needed: int
    approval_id: str | None
    """The request for approval that this decision waits for, or was made after."""
    waivers: tuple[str, ...]
    pack: str
    pack_version: str
    pack_digest: str
    facts: Facts
    facts_digest: str
    made_at: datetime
    made_by: str
    vsa: Mapping[str, Any]
    """The decision as a SLSA Verification Summary, in its DSSE envelope; empty for a dry run."""

    @property
    def dry_run(self) -> bool:
        """Whether it was only asked what would be decided."""
        return not self.id


@request
class DecisionRequest:
    """Ask whether a version may serve in an environment; a dry run stores nothing, asks nobody and admits nothing."""

    model: str
    number: int
    environment: str = "production"
    dry_run: bool = False


class Standing(StrEnum):
    """How a version stands with policy in an environment."""

    ADMITTED = "admitted"
    LAPSED = "lapsed"
    """No decision admits it, but nobody stopped it: where it was loaded it goes on, and pages; nothing loads it anew."""
    STOPPED = "stopped"
    """Quarantined or retired: it stops at once."""


@value
class Ruling:
    """What a decision came to, without its rules and facts: enough to say whether it still admits."""

    id: str
    environment: str
    outcome: Outcome
    reason: str
    waivers: tuple[str, ...]


@value
class Admission:
    """Whether a version may be loaded now, and the decision behind it."""

    standing: Standing
    allowed: bool
    """Whether it is admitted."""
    reason: str
    decision_id: str | None


@value
class Difference:
    """A stored decision that did not come out the same."""

    decision_id: str
    what: str


@value
class ReplayReport:
    """What recomputing every stored decision found."""

    total: int
    reproduced: int
    differing: tuple[Difference, ...]


@value
class Onboarding:
    """What is missing of a version, and by when it must be there; `due_at` is None where it must be there before it serves."""

    model: str
    number: int
    source_kind: SourceKind
    fraction: float
    missing: tuple[str, ...]
    due_at: datetime | None
    overdue: bool
