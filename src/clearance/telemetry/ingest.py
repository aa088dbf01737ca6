"""Ingest: takes batches of events and labels, refuses what is malformed, and acknowledges only what is durable."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from clearance.clock import Clock
from clearance.errors import ClearanceError
from clearance.telemetry.group_commit import GroupCommit
from clearance.telemetry.lake import Lake
from clearance.telemetry.model import Receipt
from clearance.telemetry.rows import event_rows, label_rows

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

COMPACT_EVERY = 64
"""Commits to a table after which its small files are merged, beside the traffic."""
_COMPACT_PAUSE = 2.0
_SMALL = 1024 * 1024  # merged files of this size are left alone from then on, so that a row is rewritten seldom


class Ingest:
    """The one way into the lake.

    Args:
        lake: where rows go.
        clock: stamps each batch with its receipt.
        linger_ms: how long a batch waits for company before it is committed.
    """

    def __init__(self, lake: Lake, clock: Clock, linger_ms: float) -> None:
        self._lake = lake
        self._clock = clock
        self._stamping = threading.Lock()
        self._last: datetime | None = None
        self._housekeeping = Housekeeping(lake)
        self._events = GroupCommit("events", self._append_events, linger_ms / 1000)
        self._labels = GroupCommit("labels", self._append_labels, linger_ms / 1000)

    def submit(self, events: Sequence[Mapping[str, Any]]) -> Receipt:
        """Store a batch of events; returns when they are durable.

        Raises:
            InvalidInput: an event breaks the schema (`sdk/events.py`); nothing of the batch is stored.
            TooLarge: too many in one batch.
            Unavailable: the lake can't be written now; nothing of the batch is acknowledged, sending it again is safe.
        """
        return self.begin(events).result()

    def submit_labels(self, labels: Sequence[Mapping[str, Any]]) -> Receipt:
        """Store a batch of labels (`{model, request_id, row, label, at}`); returns when they are durable.

        Raises:
            InvalidInput, TooLarge, Unavailable: as `submit`.
        """
        return self.begin_labels(labels).result()

    def begin(self, events: Sequence[Mapping[str, Any]]) -> Future[Receipt]:
        """Check a batch of events and hand it to the writer; the future is done when they are durable."""
        return self._events.submit(event_rows(events, self._stamp()))

    def begin_labels(self, labels: Sequence[Mapping[str, Any]]) -> Future[Receipt]:
        """Check a batch of labels and hand it to the writer; the future is done when they are durable."""
        return self._labels.submit(label_rows(labels, self._stamp()))

    def close(self) -> None:
        """Commit what waits and end the threads."""
        self._events.close()
        self._labels.close()
        self._housekeeping.close()

    def _append_events(self, rows: pa.Table) -> int:
        version = self._lake.append_events(rows)
        self._housekeeping.committed("events")
        return version

    def _append_labels(self, rows: pa.Table) -> int:
        version = self._lake.append_labels(rows)
        self._housekeeping.committed("labels")
        return version

    def _stamp(self) -> datetime:
        """Return the moment of receipt, later for each batch, so that copies of an event have an order."""
        with self._stamping:
            now = self._clock.now()
            if self._last is not None and now <= self._last:
                now = self._last + timedelta(microseconds=1)
            self._last = now
            return now


class Housekeeping:
    """Merges the small files that frequent commits leave, in a thread of its own; appends don't wait for it."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._commits: dict[str, int] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def committed(self, table: str) -> None:
        """Note a commit; enough of them start a compaction."""
        with self._changed:
            self._commits[table] = self._commits.get(table, 0) + 1
            if self._commits[table] < COMPACT_EVERY or self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="compact-lake", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """End after the compaction under way, if there is one."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while table := self._next_due():
            try:
                self._lake.compact(target_bytes=_SMALL, tables=(table,))
            except ClearanceError as error:
                logger.warning("compaction of %s is put off: %s", table, error.message)

    def _next_due(self) -> str | None:
        """Wait until a table is due, and a while since the last; return it, or None when closed."""
        with self._changed:
            rested = time.monotonic() + _COMPACT_PAUSE
            while not self._closed and (left := rested - time.monotonic()) > 0:
                self._changed.wait(left)
            while not self._closed:
                for table, commits in self._commits.items():
                    if commits >= COMPACT_EVERY:
                        self._commits[table] = 0
                        return table
                self._changed.wait()
        return None
