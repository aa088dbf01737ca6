"""The recorder: takes events from a model server in well under a microsecond and sends them from a thread of its own."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from clearance.errors import InvalidInput, TooLarge
from clearance.sdk.events import Event, clean, fault

logger = logging.getLogger(__name__)

Sink = Callable[[Sequence[Event]], Any]
"""Delivers a batch, or raises: InvalidInput means never, TooLarge in smaller batches, anything else not now."""

_EXIT_SECONDS = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What became of the events so far: recorded = sent + dropped + invalid + failed + pending."""

    recorded: int
    """Handed to `record`."""
    sent: int
    """Taken by the sink."""
    dropped: int
    """Overwritten by newer ones while the sink was slow, or recorded after `close`."""
    invalid: int
    """Broke the event schema, or have no JSON form."""
    failed: int
    """Refused by the sink, or given up after the last attempt."""
    pending: int
    """Still waiting or under way."""
    last_error: str
    """What went wrong last; empty if nothing did."""


class Recorder:
    """Records events without waiting for anything.

    `record` appends to a bounded queue and returns; it takes no lock and raises nothing. When the queue is full the
    oldest events give way to the newest, and are counted. A thread takes batches from the queue, drops (and counts)
    events that break the schema, and offers the rest to the sink, again after growing pauses while it raises.
    After a fork the child starts with an empty queue and a thread of its own; the parent sends what was recorded before.

    Args:
        sink: delivers a batch; called from the recorder's thread only.
        capacity: most events that wait; bounds the memory.
        batch_size: most events handed to the sink at once.
        flush_seconds: how long an event waits for company, at most.
        attempts: how often a batch is offered before it is given up.
    """

    _queue: deque[tuple[int, Event]]
    _thread: threading.Thread | None
    _first_under_way: int | None

    def __init__(
        self,
        sink: Sink,
        *,
        capacity: int = 50_000,
        batch_size: int = 2_000,
        flush_seconds: float = 0.25,
        attempts: int = 8,
    ) -> None:
        self._sink = sink
        self._capacity = max(1, capacity)
        self._batch_size = max(1, batch_size)
        self._flush_seconds = flush_seconds
        self._attempts = max(1, attempts)
        self._reset()
        _living.add(self)

    def _reset(self) -> None:
        self._queue = deque(maxlen=self._capacity)
        self._numbers = count(1)
        self._peeking = threading.Lock()
        self._peeks = 0
        self._starting = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = None
        self._first_under_way = None
        self._under_way = self._sent = self._invalid = self._failed = 0
        self._last_error = ""

    def record(self, event: Event) -> None:
        """Take an event; it belongs to the recorder from now on. Never waits, never raises."""
        if self._thread is None:
            self._start()
        self._queue.append((next(self._numbers), event))

    def stats(self) -> Stats:
        """Return what became of the events so far; exact while nobody records, close to it otherwise."""
        pending = len(self._queue) + self._under_way
        with self._peeking:
            recorded = self._peek() - self._peeks
        return Stats(
            recorded=recorded,
            sent=self._sent,
            dropped=max(0, recorded - self._sent - self._invalid - self._failed - pending),
            invalid=self._invalid,
            failed=self._failed,
            pending=pending,
            last_error=self._last_error,
        )

    def flush(self, timeout: float = 5.0) -> bool:
        """Offer what was recorded before this call; False when it is not settled within `timeout` seconds."""
        until = time.monotonic() + timeout
        with self._peeking:
            before = self._peek()
        while self._oldest() < before:
            if time.monotonic() >= until:
                return False
            self._wake.set()
            time.sleep(0.002)
        return True

    def close(self, timeout: float = 5.0) -> bool:
        """Flush, then end the thread; False when the sink did not settle everything in `timeout` seconds.

        What is left then, and what is recorded later, counts as dropped.
        """
        done = self.flush(timeout)
        self._closing.set()
        self._queue = deque(maxlen=0)
        self._wake.set()
        return done

    def after_fork(self) -> None:
        """Begin anew in a child process, where neither the thread nor locks it held live on."""
        closed = self._closing.is_set()
        self._reset()
        if closed:
            self.close(0)

    def _peek(self) -> int:
        """Return the next event's number. Reading an `itertools.count` takes a number, so readings are counted too."""
        self._peeks += 1
        return next(self._numbers)

    def _oldest(self) -> int:
        """Return the number of the oldest event that is not settled."""
        taken = self._first_under_way
        if taken is not None:
            return taken
        try:
            return self._queue[0][0]
        except IndexError:
            return sys.maxsize

    def _start(self) -> None:
        if self._closing.is_set() or not self._starting.acquire(blocking=False):
            return
        try:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="clearance-recorder", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError as error:  # no more threads here, or the interpreter is ending; the next event tries again
            self._last_error = str(error)
        finally:
            self._starting.release()

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._wake.wait(self._flush_seconds)
                self._wake.clear()
                self._deliver()
                while len(self._queue) >= self._batch_size and not self._closing.is_set():
                    self._deliver()
        finally:
            self._thread, self._first_under_way, self._under_way = None, None, 0

    def _deliver(self) -> None:
        batch = self._take()
        if good := [event for _, found in batch if (event := self._checked(found)) is not None]:
            self._offer(good)
        self._first_under_way, self._under_way = None, 0

    def _take(self) -> list[tuple[int, Event]]:
        """Move the oldest events from the queue to under way; noted before they leave it, so that `flush` misses none."""
        batch: list[tuple[int, Event]] = []
        try:
            self._first_under_way = self._queue[0][0]
            while len(batch) < self._batch_size:
                batch.append(self._queue.popleft())
                self._under_way += 1
        except IndexError:
            return batch
        return batch

    def _checked(self, event: Event) -> Event | None:
        """Return the event as JSON knows it; None, and counted, when it breaks the schema."""
        try:
            cleaned: Event = clean(event)
            found = fault(cleaned)
        except Exception as error:  # noqa: BLE001 - an event may hold objects that raise whatever they like
            self._refuse(f"event: {type(error).__name__} while it was read")
            return None
        if found:
            self._refuse(f"{found.field} {found.message}")
            return None
        return cleaned

    def _refuse(self, reason: str) -> None:
        if not self._invalid:
            logger.warning("an event is left out, further ones are only counted: %s", reason)
        self._last_error = reason
        self._under_way -= 1
        self._invalid += 1

    def _offer(self, batch: list[Event]) -> None:
        """Offer a batch until the sink takes it, refuses it, or patience ends."""
        pause = _FIRST_PAUSE
        for attempt in range(1, self._attempts + 1):
            try:
                self._sink(batch)
            except Exception as error:  # noqa: BLE001 - whatever a sink raises stays here
                self._last_error = f"{type(error).__name__}: {error}"
                if isinstance(error, TooLarge) and len(batch) > 1:
                    self._offer(batch[: len(batch) // 2])
                    self._offer(batch[len(batch) // 2 :])
                    return
                if isinstance(error, InvalidInput | TooLarge) or attempt == self._attempts or self._closing.wait(pause):
                    break
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._under_way -= len(batch)
                self._sent += len(batch)
                return
        self._under_way -= len(batch)
        self._failed += len(batch)
        logger.warning("%d events are given up: %s", len(batch), self._last_error)


_living: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _begin_anew_in_child() -> None:
    for recorder in list(_living):
        recorder.after_fork()


def _close_at_exit() -> None:
    until = time.monotonic() + _EXIT_SECONDS
    for recorder in list(_living):
        recorder.close(max(0.0, until - time.monotonic()))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew_in_child)
atexit.register(_close_at_exit)
