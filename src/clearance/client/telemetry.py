"""Client of telemetry: events and labels in bulk, what the lake holds, compaction."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from clearance.client.http import Http
from clearance.errors import InvalidInput
from clearance.sdk.events import Event
from clearance.telemetry.model import Compaction, Label, Receipt, Summary

_BATCH = 10_000


class Telemetry:
    """Events and labels. A running model server uses `sdk.recorder` instead, which never waits."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def send(self, events: Iterable[Event]) -> Receipt:
        """Store events, in batches; returns when all are durable, with how many there were."""
        return self._in_batches("/telemetry/events", events)

    def labels(self, labels: Iterable[Label]) -> Receipt:
        """Store labels, in batches; returns when all are durable, with how many there were."""
        return self._in_batches("/telemetry/labels", labels)

    def summary(self, model: str | None = None) -> Summary:
        """Return what the lake holds."""
        return self._http.get("/telemetry/summary", Summary, model=model)

    def compact(self, *, retention_hours: float | None = None) -> tuple[Compaction, ...]:
        """Merge small files; with a retention (hours, at least 1) also delete what no younger table version needs."""
        return self._http.post("/telemetry/compaction", tuple[Compaction, ...], retention_hours=retention_hours)

    def _in_batches(self, path: str, items: Iterable[Any]) -> Receipt:
        rest = iter(items)
        receipt: Receipt | None = None
        accepted = 0
        while batch := list(islice(rest, _BATCH)):
            receipt = self._http.post(path, Receipt, batch)
            accepted += receipt.accepted
        if receipt is None:
            raise InvalidInput("there is nothing to send", code="batch_empty", hint="give at least one")
        return Receipt(accepted=accepted, table=receipt.table, table_version=receipt.table_version)
