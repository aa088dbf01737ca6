"""Who a token belongs to, remembered for a second: a gateway is asked by the same few tokens a thousand times over."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable

from clearance.access import service
from clearance.access.model import Principal
from clearance.storage.database import Database

REMEMBER_SECONDS = 1.0
"""How long a token that was revoked may still be taken for good."""
_MOST = 10_000


class Sessions:
    """Authenticates bearer tokens; what is remembered is a hash of the token, never the token."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._known: dict[bytes, tuple[Principal, float]] = {}
        self._writing = threading.Lock()

    def principal(self, bearer: str) -> Principal:
        """Return whose token this is.

        Raises:
            Unauthenticated: malformed, unknown, expired or revoked (at most a second ago for the last two).
        """
        key = hashlib.sha256(bearer.encode()).digest()
        remembered = self._known.get(key)
        now = self._monotonic()
        if remembered is not None and now < remembered[1]:
            return remembered[0]
        with self._database.read() as tx:
            principal = service.authenticate(tx, bearer)
        with self._writing:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = (principal, now + REMEMBER_SECONDS)
        return principal
