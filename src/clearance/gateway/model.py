"""Who answers which request: routes, refusals, and the stable choice between variants; pure."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum

from clearance.values import request, value


class Variant(StrEnum):
    """The part a version plays."""

    STABLE = "stable"
    CANDIDATE = "candidate"


@value
class RouteStatus:
    """What the pointer asks for, and what is loaded; they differ when a version was refused, or is served elsewhere."""

    model: str
    environment: str
    wanted: int
    serving: int | None
    candidate_wanted: int | None
    candidate_serving: int | None
    weight: float
    digest: str | None
    elsewhere: str | None = None
    """Address of the version that is wanted, when it is an endpoint or image that somebody else serves."""


@value
class Refusal:
    """A version that the gateway would not load, and why."""

    model: str
    number: int
    environment: str
    code: str
    reason: str
    at: datetime


@value
class GatewayStatus:
    """What this gateway serves, what it refuses, and what became of its telemetry."""

    routes: tuple[RouteStatus, ...]
    refusals: tuple[Refusal, ...]
    events_recorded: int
    events_dropped: int
    events_failed: int
    refreshed_at: datetime | None


@request
class Reload:
    """Load what serves again from the store, verifying every byte anew."""

    model: str
    environment: str = "production"


def choose(request_id: str, candidate_weight: float) -> Variant:
    """Return the variant for a request: the same id and weight always give the same one.

    Args:
        request_id: any text; a user's or session's id keeps them on one side.
        candidate_weight: percent of requests for the candidate, 0 to 100. A request that the candidate gets at some
            weight it also gets at every larger one.
    """
    place = int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:8]) / 2**64
    return Variant.CANDIDATE if place * 100 < candidate_weight else Variant.STABLE
