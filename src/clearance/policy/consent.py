"""Values of people's part in decisions: requests for approval, votes on them, and waivers; pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from clearance.access.model import Role
from clearance.policy.model import Decision, Vote
from clearance.values import request, value


class RequestState(StrEnum):
    """Where a request for approval stands."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    """Nobody settled it in its time."""
    CLOSED = "closed"
    """Nobody settled it before its version was retired or deleted, or its model."""


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
