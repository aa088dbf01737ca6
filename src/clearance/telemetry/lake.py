"""The lake: Delta tables of events and labels, appended durably, read without duplicates, at any version they ever had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from clearance.clock import Clock
from clearance.telemetry.model import Compaction, Count

if TYPE_CHECKING:
    import pyarrow as pa


class Lake:
    """The Delta tables `events` and `labels` in one folder; safe to share between threads and processes."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock

    def append_events(self, rows: pa.Table) -> int:
        """Append rows of `schema.EVENTS`; returns the table's new version, once it is durable."""
        raise NotImplementedError

    def append_labels(self, rows: pa.Table) -> int:
        """Append rows of `schema.LABELS`; returns the table's new version, once it is durable."""
        raise NotImplementedError

    def table_versions(self) -> dict[str, int]:
        """Return the newest version of each table, `{"events": n, "labels": n}`: what a figure names as its input."""
        raise NotImplementedError

    def events(
        self,
        model: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        environment: str | None = None,
        version_number: int | None = None,
        table_version: Mapping[str, int] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return the events with start <= ts < end, each (request_id, row) once, sorted by ts; columns of `schema.READ`."""
        raise NotImplementedError

    def joined(
        self,
        model: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        environment: str | None = None,
        version_number: int | None = None,
        table_version: Mapping[str, int] | None = None,
    ) -> pa.Table:
        """Return the same events with `label` and `label_at`, null where no label has come."""
        raise NotImplementedError

    def counts(
        self, model: str | None = None, start: datetime | None = None, end: datetime | None = None
    ) -> tuple[Count, ...]:
        """Return how many events there are, by model, version, environment, variant and status; no duplicates counted."""
        raise NotImplementedError

    def compact(self, *, retention_hours: float | None = None) -> tuple[Compaction, ...]:
        """Merge small files; with a retention, also delete files that no version younger than that needs."""
        raise NotImplementedError
