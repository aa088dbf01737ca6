"""Who a token belongs to, remembered for a second: a gateway is asked by the same few tokens a thousand times over."""

from __future__ import annotations

import contextvars
import hashlib
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from clearance.access import secret, service, store, tokens
from clearance.access.attempts import PAUSE_SECONDS, Attempts, neighbourhood, source
from clearance.access.model import SYSTEM, Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import RateLimited, Unauthenticated, Unavailable
from clearance.storage.database import Database

logger = logging.getLogger(__name__)

REMEMBER_SECONDS = 1.0
"""How long a token that was revoked may still be taken for good."""
AWAY_SECONDS = 900.0
"""How long a token that was good here is taken for good while the database can't be asked: a prediction does not break because of
governance. Nobody can revoke one meanwhile, unless the database is away from this process only."""
_ASK_AGAIN_SECONDS = 10.0
"""How long whoever asks for a token meanwhile keeps others from asking, too: an address that is gone takes five seconds to say so."""
FAILURES_PER_ADDRESS = 20
"""Wrong secrets from one address within a minute before it has to wait for one."""
FAILURES_PER_TOKEN = 10
"""Wrong secrets for one token within a minute, from wherever, before they are told to wait."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_USE_IS_NEWS = timedelta(minutes=1)
_MOST = 10_000
_GUESSED = {"token_unknown", "session_unknown"}
"""Failures that look like guessing; a token that expired or was revoked is known, and its owner made no attempt."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A token that was good: until when it is taken for good unasked, and when it was asked for last, by the monotonic clock."""

    principal: Principal
    until: float
    asked: float


class Sessions:
    """Authenticates bearer tokens; what is remembered is a hash of the token, never the token.

    Wrong ones are counted, in this process: an address that shows too many has to wait, unless it shows a token that was
    good here before; and whoever shows a good secret is never locked out by others who guess at it.
    """

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._known: dict[bytes, _Known] = {}
        self._is_away = False
        self._by_address = Attempts(FAILURES_PER_ADDRESS)
        self._by_token = Attempts(FAILURES_PER_TOKEN)
        self._used: dict[str, datetime] = {}
        self._written: dict[str, datetime] = {}
        self._writing = threading.Lock()

    def remembered(self, bearer: str) -> Principal | None:
        """Return whose token this is if that was asked within the last second; waits for nothing."""
        found = self._known.get(_key(bearer))
        return found.principal if found is not None and self._monotonic() < found.until else None

    def principal(self, bearer: str, address: str = "") -> Principal:
        """Return whose token this is.

        Args:
            bearer: the token or the session's secret.
            address: where the caller is, as an IP address.

        Raises:
            Unauthenticated: malformed, unknown, expired or revoked (at most a second ago for the last two).
            RateLimited: too many wrong ones came from this address, or for this token.
            Unavailable: the database is away, and it was not good here within the last quarter of an hour.
        """
        key = _key(bearer)
        found = self._known.get(key)
        now = self._monotonic()
        if found is not None and now < found.until:
            return found.principal
        if found is None:
            _refuse(self._by_address.wait(source(address), now), "from this address")
        elif self._is_away and self._counts_while_away(found, now):
            self._known[key] = replace(found, until=now + _ASK_AGAIN_SECONDS)
        try:
            principal = self._look_up(bearer)
        except Unavailable:
            self._is_away = True
            if found is None or not self._counts_while_away(found, now):
                raise
            self._known[key] = replace(found, until=self._monotonic() + REMEMBER_SECONDS)
            return found.principal
        except Unauthenticated as error:
            self._known.pop(key, None)
            if error.code in _GUESSED:
                self._count(bearer, address, now)
            raise
        self._is_away = False
        with self._writing:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = _Known(principal, until=now + REMEMBER_SECONDS, asked=now)
        return principal

    def _counts_while_away(self, found: _Known, now: float) -> bool:
        ends = found.principal.expires_at
        return now - found.asked < AWAY_SECONDS and (ends is None or self._database.clock.now() < ends)

    @contextmanager
    def attempt(self, address: str) -> Iterator[None]:
        """Yield to a log-in by other means than a token: it is refused, or counted as failed, in the same way.

        Raises:
            RateLimited: too many failed from this address.
        """
        now = self._monotonic()
        _refuse(self._by_address.wait(source(address), now), "from this address")
        try:
            yield
        except Unauthenticated:
            self._failed_from(address, now)
            raise

    def forget(self, bearer: str) -> None:
        """Ask anew when this token comes next; after a log-out."""
        self._known.pop(_key(bearer), None)

    def write_uses(self) -> None:
        """Keep which tokens were used, each at most once a minute; a server calls this every few seconds."""
        with self._writing:
            used, self._used = self._used, {}
            news = {each: at for each, at in used.items() if at - self._written.get(each, _NEVER) >= _USE_IS_NEWS}
            if len(self._written) >= _MOST:
                self._written.clear()
            self._written |= news
        if news:
            with self._database.write() as tx:
                store.note_uses(tx, news)

    def _look_up(self, bearer: str) -> Principal:
        with self._database.read() as tx:
            principal = service.authenticate(tx, bearer)
            shown = secret.parse(bearer)
            if shown.prefix == tokens.PREFIX:
                self._used[shown.id] = tx.now
        return principal

    def _count(self, bearer: str, address: str, now: float) -> None:
        """Count a wrong secret, and refuse in other words once there were too many.

        Raises:
            RateLimited: this is one too many for the token.
        """
        token = secret.parse(bearer).id[:64]
        self._failed_from(address, now)
        if token and self._by_token.failed(token, now):
            self._tell(f"token/{token}", f"token {token}")
        _refuse(self._by_token.wait(token, now), "for this token")

    def _failed_from(self, address: str, now: float) -> None:
        if self._by_address.failed(source(address), now):
            self._tell(f"address/{neighbourhood(address)}", f"address {address}")

    def _tell(self, subject: str, what: str) -> None:
        logger.warning("too many failed log-ins: %s has to wait", what)

        def record() -> None:
            with self._database.write() as tx:
                data = {"seconds": PAUSE_SECONDS}
                log.record(tx, Event.LOCKOUT_STARTED, actor=SYSTEM.name, subject=subject, data=data)

        contextvars.Context().run(record)  # not part of the request that is refused, nor of its idempotency key


def _refuse(seconds: float, where: str) -> None:
    if seconds > 0:
        raise RateLimited(
            f"too many log-ins failed {where}",
            code="too_many_attempts",
            hint=f"try again in {math.ceil(seconds)} seconds, with the right one",
            details={"retry_after_seconds": math.ceil(seconds)},
        )


def _key(bearer: str) -> bytes:
    return hashlib.sha256(bearer.encode()).digest()
