"""Counts failed log-ins in bounded memory, and says who has to wait; each process counts for itself."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from dataclasses import dataclass

PAUSE_SECONDS = 60.0
"""How long somebody who failed too often has to wait."""


@dataclass(slots=True)
class _Count:
    since: float
    failures: int
    locked_until: float


class Attempts:
    """Failures per key (an address, a token's id) within a window; too many lock the key for a while.

    Args:
        most: failures in a window that are still borne; the next one locks.
        window: seconds over which they are counted.
        pause: seconds for which a key is locked.
        keys: how many are kept in mind; the one that failed longest ago is forgotten first.
    """

    def __init__(self, most: int, window: float = 60.0, pause: float = PAUSE_SECONDS, keys: int = 10_000) -> None:
        self._most, self._window, self._pause, self._keys = most, window, pause, keys
        self._counts: OrderedDict[str, _Count] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str, now: float) -> float:
        """Return for how many seconds a key is still locked; 0 when it is not."""
        with self._lock:
            count = self._counts.get(key)
            return max(0.0, count.locked_until - now) if count is not None else 0.0

    def failed(self, key: str, now: float) -> bool:
        """Count a failure; True when it is the one that locks the key."""
        with self._lock:
            count = self._counts.pop(key, None)
            if count is None or now - count.since >= self._window:
                count = _Count(now, 0, count.locked_until if count is not None else 0.0)
            self._counts[key] = count
            if len(self._counts) > self._keys:
                self._counts.popitem(last=False)
            count.failures += 1
            if count.failures <= self._most or count.locked_until > now:
                return False
            count.locked_until = now + self._pause
            return True


def source(address: str) -> str:
    """Return what attempts are counted by: an IPv4 address, the /64 of an IPv6 one (that is one subscriber)."""
    return _network(address, 32, 64)


def neighbourhood(address: str) -> str:
    """Return what the audit log says of an address: its /24 or /48, which is nobody's own."""
    return _network(address, 24, 48)


def _network(address: str, bits: int, bits6: int) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"  # such as a Unix socket: they count together
    mapped = found.ipv4_mapped if found.version == 6 else None
    found = mapped or found
    return str(ipaddress.ip_network((found, bits if found.version == 4 else bits6), strict=False))
