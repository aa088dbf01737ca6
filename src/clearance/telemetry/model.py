"""Values of telemetry: labels, receipts, counts."""

from __future__ import annotations

from datetime import datetime

from clearance.values import request, value

MAX_EVENTS = 20_000
"""Most events in one batch."""
MAX_LABELS = 100_000
"""Most labels in one batch."""


@request
class Label:
    """What really happened to a predicted row, known late; a label of the same key with a later `at` supersedes it."""

    model: str
    request_id: str
    label: float
    """The outcome as a number; a class by its index."""
    row: int = 0
    at: datetime | None = None
    """When the outcome was known; the moment of receipt when left out."""


@value
class Receipt:
    """What ingest acknowledges: this many rows are durable, and the table has this version."""

    accepted: int
    table: str
    table_version: int


@value
class Count:
    """How many events one version had in one environment, variant and status; `labelled` of them have a label."""

    model: str
    version: int
    environment: str
    variant: str
    status: str
    events: int
    labelled: int
    first_at: datetime
    last_at: datetime


@value
class Tally:
    """What one span of time holds of a model's events; two tallies are equal when nothing came and no label changed."""

    start: datetime
    events: int
    labelled: int
    digest: str
    """Of which events there are and of their labels; 16 hex digits, that of nothing are zeros."""


@value
class Summary:
    """What the lake holds."""

    counts: tuple[Count, ...]
    table_versions: dict[str, int]
    files: dict[str, int]
    bytes: dict[str, int]


@value
class Compaction:
    """What one run of compaction did to one table."""

    table: str
    table_version: int
    files_before: int
    files_after: int
    deleted: int
    """Files removed from disk because no version within the retention needs them."""
