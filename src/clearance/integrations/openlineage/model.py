"""Values of the OpenLineage endpoint; pure."""

from __future__ import annotations

from datetime import datetime

from clearance.values import value


@value
class Refused:
    """An event of a batch that could not be read: its place in the batch from 0, and why."""

    index: int
    reason: str


@value
class Receipt:
    """What became of events: how many came, how many were new, and which were refused. What is not refused is durable."""

    received: int
    new: int
    refused: tuple[Refused, ...] = ()


@value
class Emission:
    """How far our own events have come at the receiver.

    Attributes:
        next_leaf: index of the first leaf of the audit log that was not told yet; `behind` leaves follow it.
        sent, refused: events that the receiver took, and that it refused for good.
        attempts: failed ones in a row; the next is at `next_at`.
        error: the last one's, empty when it went well.
    """

    receiver: str
    next_leaf: int
    behind: int
    sent: int
    refused: int
    attempts: int
    next_at: datetime
    error: str
