"""Keeps a loop that fails every second from filling the log: the same error is told once an hour."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

AGAIN_AFTER_SECONDS = 3600.0
_MOST = 1000


class Complaints:
    """Remembers which errors were told, by place, kind and text; safe to share between threads.

    Args:
        seconds: a monotonic clock.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._told: dict[tuple[str, type[BaseException], str], float] = {}
        self._lock = threading.Lock()

    def is_new(self, where: str, error: BaseException) -> bool:
        """Return whether the error is to be told: it was not, in this place, within the last hour."""
        key, now = (where, type(error), str(error)), self._seconds()
        with self._lock:
            told_at = self._told.get(key)
            if told_at is not None and now - told_at < AGAIN_AFTER_SECONDS:
                return False
            self._told.pop(key, None)  # so that the oldest comes first
            self._told[key] = now
            if len(self._told) > _MOST:
                del self._told[next(iter(self._told))]
        return True
