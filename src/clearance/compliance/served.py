"""Values of history: what served a model, since when, by whose approval, on what evidence, under which policy; pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from clearance.access.model import Role
from clearance.policy.model import Standing
from clearance.values import value


class Share(StrEnum):
    """In which role a version got its traffic."""

    STABLE = "stable"
    CANDIDATE = "candidate"


@value
class Cause:
    """What began or ended something: a leaf of the log, or what happened by itself (`leaf` is None: a waiver ran out)."""

    leaf: int | None
    at: datetime
    by: str
    event: str
    reason: str


@value
class Refused:
    """That a gateway would not load a version that a pointer gave traffic.

    Attributes:
        instead: the version that went on answering, None if none did or the log does not say.
        told: whether the log says what went on; leaves of the first gateways do not.
    """

    leaf: int
    at: datetime
    reason: str
    instead: int | None
    told: bool

    def words(self, model: str) -> str:
        """Say that it was refused, by its leaf, and what became of the requests."""
        return f"refused by the gateway (leaf {self.leaf}): {self.told_of(model)}"

    def told_of(self, model: str) -> str:
        """Say why it was refused, and what became of the requests."""
        went_on = f"{model}/{self.instead} went on serving" if self.instead else "nothing served" if self.told else ""
        return f"{self.reason}; {went_on}" if went_on else self.reason


@value
class Arm:
    """One version that a pointer gave traffic.

    Attributes:
        weight: percent of traffic that the pointer gave it.
        standing: whether it might serve.
        reason: why it lapsed or was stopped; empty while it is admitted.
        since: from when on it has been getting traffic without a break, at whatever weight.
        moved: the move, or the start of the rollout, that brought it there.
        decision: the decision that admitted it; its grounds are told under this id.
        refused: that the gateway did not load it, whatever its standing; None where the log does not say so.
    """

    number: int
    share: Share
    weight: float
    standing: Standing
    reason: str
    since: datetime
    moved: Cause
    decision: str
    refused: Refused | None = None


@value
class Interval:
    """A time in which the same versions got the same traffic; `until` is None while it lasts, `arms` is never empty."""

    since: datetime
    until: datetime | None
    arms: tuple[Arm, ...]
    began: Cause
    ended: Cause | None

    @property
    def serving(self) -> tuple[Arm, ...]:
        """The arms that might serve, and were not refused by the gateway."""
        return tuple(arm for arm in self.arms if arm.standing is not Standing.STOPPED and arm.refused is None)

    @property
    def answered(self) -> tuple[int, ...]:
        """The versions that might answer: those that serve, and those that went on where one was refused."""
        instead = (arm.refused.instead for arm in self.arms if arm.refused)
        return tuple(dict.fromkeys([*(arm.number for arm in self.serving), *(each for each in instead if each)]))


@value
class ApprovalGiven:
    """That somebody approved, in which roles, saying what; `leaf` is None where the log has none, which is a problem."""

    voter: str
    roles: tuple[Role, ...]
    comment: str
    at: datetime
    leaf: int | None


@value
class WaiverUsed:
    """An exception that a decision stood on."""

    id: str
    rule: str
    reason: str
    granted_by: str
    expires_at: datetime
    leaf: int | None


@value
class EvidenceUsed:
    """A signed statement that a decision's facts were built from; `statement` is its digest, `signer` the key's name."""

    check: str
    verdict: str
    statement: str
    signer: str
    leaf: int | None


@value
class Grounds:
    """Why a version was let serve: the decision with its policy, its people and its evidence, each with its leaf."""

    decision: str
    number: int
    digest: str
    leaf: int | None
    outcome: str
    reason: str
    made_at: datetime
    made_by: str
    pack: str
    pack_version: str
    pack_digest: str
    facts_digest: str
    artifact_signer: str
    approvals: tuple[ApprovalGiven, ...]
    approvals_needed: int
    waivers: tuple[WaiverUsed, ...]
    evidence: tuple[EvidenceUsed, ...]


@value
class History:
    """What served a model in an environment, told from the audit log and held against the tables.

    Attributes:
        since, until: the time asked about, in UTC, `until` excluded; None where it is not bounded. Both are the same for a
            moment. Intervals that touch it are told whole, oldest first.
        summary: the answer in a sentence.
        grounds: of every decision that an arm names.
        leaves: the leaves that were read, each shown to be under the checkpoint; those that are not are problems.
        problems: where the log and the tables disagree, or a leaf does not verify. Nothing here may be relied on until
            they are explained.
        checkpoint: the signed note of the log that the leaves are under, `verifier` its key.
    """

    model: str
    environment: str
    since: datetime | None
    until: datetime | None
    as_of: datetime
    summary: str
    intervals: tuple[Interval, ...]
    grounds: tuple[Grounds, ...]
    leaves: tuple[int, ...]
    problems: tuple[str, ...]
    checkpoint: str
    verifier: str

    def ground(self, decision: str) -> Grounds | None:
        """Return the grounds of a decision, None where the tables have lost it."""
        return next((each for each in self.grounds if each.decision == decision), None)
