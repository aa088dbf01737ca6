"""Group commit: many callers hand in rows, one thread commits them together, each learns when its own are durable."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple

from clearance.errors import Unavailable
from clearance.telemetry.model import Receipt

if TYPE_CHECKING:
    import pyarrow as pa

MOST_WAITING = 500_000
"""Rows that may wait for their commit; beyond that callers are told to come back."""
_MOST_TOGETHER = 100_000


class _Waiting(NamedTuple):
    rows: pa.Table
    receipt: Future[Receipt]


class GroupCommit:
    """A queue of rows for one table, and the thread that empties it.

    Args:
        table: its name, for receipts.
        commit: appends rows and returns the table's version once they are durable.
        linger_seconds: how long the first to wait is kept waiting for company.
    """

    def __init__(self, table: str, commit: Callable[[pa.Table], int], linger_seconds: float) -> None:
        self._table = table
        self._commit = commit
        self._linger = linger_seconds
        self._queue: deque[_Waiting] = deque()
        self._waiting = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, rows: pa.Table) -> Future[Receipt]:
        """Hand in rows; the future is done when they are durable, or fails with what kept them from it.

        Raises:
            Unavailable: too many rows wait already, or the installation is closing.
        """
        receipt: Future[Receipt] = Future()
        with self._changed:
            if self._closed:
                raise Unavailable("telemetry is closing", code="ingest_closed", hint="send it again after the restart")
            if self._waiting and self._waiting + rows.num_rows > MOST_WAITING:
                raise Unavailable(
                    f"{self._waiting} {self._table} wait to be written already",
                    code="ingest_busy",
                    hint="nothing was stored; send it again in some seconds",
                )
            self._queue.append(_Waiting(rows, receipt))
            self._waiting += rows.num_rows
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"commit-{self._table}", daemon=True)
                self._thread.start()
            self._changed.notify()
        return receipt

    def close(self) -> None:
        """Commit what waits, then end; what comes later is refused."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._settle(group)

    def _next_group(self) -> list[_Waiting]:
        """Wait for rows and their company; return them, or nothing when all is done and closed."""
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            until = time.monotonic() + self._linger
            while not self._closed and self._waiting < _MOST_TOGETHER and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            group: list[_Waiting] = []
            size = 0
            while self._queue and (not group or size + self._queue[0].rows.num_rows <= _MOST_TOGETHER):
                group.append(self._queue.popleft())
                size += group[-1].rows.num_rows
            self._waiting -= size
            return group

    def _settle(self, group: list[_Waiting]) -> None:
        """Commit a group and tell each member; a caller who left meanwhile is not owed its rows."""
        import pyarrow as pa

        present = [each for each in group if each.receipt.set_running_or_notify_cancel()]
        if not present:
            return
        try:
            version = self._commit(pa.concat_tables([each.rows for each in present]))
        except BaseException as error:  # noqa: BLE001 - every caller is told; the thread lives on for the next group
            for each in present:
                each.receipt.set_exception(error)
            return
        for each in present:
            each.receipt.set_result(Receipt(accepted=each.rows.num_rows, table=self._table, table_version=version))
