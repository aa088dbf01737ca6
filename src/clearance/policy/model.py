"""Values of policy: packs of rules, the facts they judge, decisions rule by rule, approvals and waivers; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from clearance.access.model import Role
from clearance.statistics.verdicts import Verdict
from clearance.values import request, value


class Severity(StrEnum):
    """What a rule that does not hold does to the decision."""

    BLOCK = "block"
    WARN = "warn"


class Outcome(StrEnum):
    """How a decision ends."""

    ALLOWED = "allowed"
    DENIED = "denied"
    PENDING = "pending"
    """Every blocking rule holds, but people still have to approve."""


class Over(StrEnum):
    """What a rule with `each` is asked for, one by one."""

    FIGURES = "figures"
    CHECKS = "checks"


@value
class Each:
    """A rule is asked once for every figure or check whose name matches a pattern (`*` stands for anything)."""

    over: Over
    like: str


@value
class Rule:
    """One thing that must be true, as a CEL expression over facts."""

    id: str
    title: str
    severity: Severity
    expression: str
    message: str
    """Template for when the rule does not hold; `{…}` is a fact, as the expression would name it."""
    applies: str = ""
    """CEL: when it is false, the rule is not applicable; empty: it always applies."""
    each: Each | None = None
    sources: tuple[str, ...] = ()
    """Where the rule comes from: control ids, articles of law."""
    waivable: bool = True


@value
class Parameter:
    """A number that rules compare with, per risk tier, and where it comes from."""

    name: str
    values: Mapping[str, float]
    source: str


@value
class ApprovalPolicy:
    """Whose agreement is needed, beyond the rules."""

    count: int
    roles: tuple[Role, ...]
    exclude_author: bool
    valid_days: float
    """How long a vote counts, in days."""
    request_days: float
    """How long a request waits for votes, in days."""


@value
class Pack:
    """A named set of rules; its digest is its identity."""

    name: str
    version: str
    description: str
    environments: tuple[str, ...]
    """Where it applies; `*` is everywhere."""
    risks: tuple[str, ...]
    """The risk tiers of models it applies to."""
    parameters: tuple[Parameter, ...]
    rules: tuple[Rule, ...]
    approvals: ApprovalPolicy


@value
class InstalledPack:
    """A pack as it lies in this installation; the built-in ones have no installer."""

    pack: Pack
    digest: str
    installed_at: datetime | None = None
    installed_by: str = ""


@request
class PackSource:
    """The YAML text of a pack."""

    source: str
    name: str = "pack.yaml"
    """What to call the text in error messages."""


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
    """A decision as it is stored and shown."""

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
    """The decision as a SLSA Verification Summary, in its DSSE envelope."""


@request
class DecisionRequest:
    """Ask whether a version may serve in an environment."""

    model: str
    number: int
    environment: str = "production"


@value
class Admission:
    """Whether a version may be loaded now, and the decision behind it."""

    allowed: bool
    reason: str
    decision_id: str | None


class RequestState(StrEnum):
    """Where a request for approval stands."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


@value
class ApprovalRequest:
    """A decision that waits for people."""

    id: str
    model: str
    number: int
    digest: str
    environment: str
    author: str
    decision_id: str
    pack: str
    needed: int
    roles: tuple[Role, ...]
    exclude_author: bool
    requested_at: datetime
    requested_by: str
    expires_at: datetime
    state: RequestState
    votes: tuple[Vote, ...]


@request
class NewVote:
    """What to say with an approval or a rejection."""

    comment: str = ""


@value
class Voted:
    """The request after the vote, and the new decision when the vote settled it."""

    request: ApprovalRequest
    decision: Decision | None


@request
class NewWaiver:
    """Let one rule not block one model (or one version) in one environment for a while."""

    rule: str
    model: str
    reason: str
    days: float
    number: int | None = None
    environment: str = "production"


@value
class Waiver:
    """A deliberate, dated exception."""

    id: str
    rule: str
    model: str
    number: int | None
    environment: str
    reason: str
    granted_at: datetime
    granted_by: str
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None

    def in_force(self, now: datetime) -> bool:
        """Whether it counts at this time."""
        return self.revoked_at is None and now < self.expires_at


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
