"""Which server processes live: each holds a lock on PostgreSQL that ends with its session, and is heard of every few seconds.

The lock goes with the process, however it ends. One that hangs (stopped, on a machine that does not answer) keeps it, but
falls silent: PostgreSQL knows when each session last said something (postgresql.org/docs/current/monitoring-stats.html,
`pg_stat_activity.query_start`; with `track_activities` off it does not, and then only the lock counts).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from clearance.storage.database import engine_of

_HANDING_OVER = "clearance jobs start"
_SILENT_SECONDS = 10.0
"""After so long without a word a process seems to hang: it says one every two seconds, on a machine with far too much to do
perhaps every five. Who takes its place waits for as long again."""
_HEARD = sa.text(
    """select activity.pid, activity.application_name, extract(epoch from clock_timestamp() - activity.query_start)::float as silent
    from pg_locks as held join pg_stat_activity as activity on activity.pid = held.pid
    where held.locktype = 'advisory' and held.objsubid = 1 and held.granted
    and held.database = (select oid from pg_database where datname = current_database())
    and held.classid::bigint = :high and held.objid::bigint = :low"""
)
"""Who holds the lock of a number of 64 bits (postgresql.org/docs/current/view-pg-locks.html), and how long it said nothing."""
_END = sa.text(
    """select pg_terminate_backend(pid) from pg_stat_activity
    where pid = :pid or (application_name = :process and application_name ~ '^clearance [0-9a-f]{12}$'
    and datname = current_database())"""
)
"""End a session, and all of its process, where their name is the one that we gave that process alone."""


class Presence:
    """The presence of this process on the PostgreSQL that all processes of an installation share.

    SQLite has one server process at a time: there the presence is a name, the same after each start.

    Attributes:
        name: by which other processes know this one.

    Args:
        url: SQLAlchemy URL of that database.
    """

    def __init__(self, url: str) -> None:
        shared = sa.make_url(url).get_backend_name() == "postgresql"
        self.name = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}" if shared else "server"
        self._engine = engine_of(url) if shared else None
        self._session: sa.Connection | None = None
        self._using = threading.Lock()
        self._seen_at: float | None = None

    def renew(self) -> bool:
        """Make sure that others see this process; after PostgreSQL was away, with a new session.

        Returns:
            Whether there is a session that others may have missed.

        Raises:
            sqlalchemy.exc.OperationalError: it still is.
        """
        if self._engine is None:
            return False
        now = _now()
        with self._using:
            if self._is_heard():
                self._seen_at = now
                return False
            self._forget()
            session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            session.execute(sa.select(sa.func.pg_advisory_lock(_key(self.name))))
            self._session = session
            self._seen_at = now
            return True

    def unseen(self) -> float:
        """Return for how many seconds others may have heard nothing of this process, also if it was stopped meanwhile."""
        return 0.0 if self._seen_at is None else _now() - self._seen_at

    def gone(self, names: Iterable[str]) -> set[str]:
        """Return those of the processes that no longer live, or hang."""
        return {name for name in names if name != self.name and not self._lives(name)}

    def bury(self, name: str) -> bool:
        """End all sessions of a process that hangs: what they lock is free, and it learns of it should it go on.

        Returns:
            Whether there were any: one that is gone has none.
        """
        with self._using:
            if self._session is None or (found := _heard(self._session, name)) is None:
                return False
            self._session.execute(_END, {"pid": found.pid, "process": found.application_name})
            return True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one process at a time into the block; one that hangs in it only until PostgreSQL ends its transaction."""
        if self._engine is None:
            yield
            return
        with self._engine.begin() as session:
            session.execute(sa.select(sa.func.pg_advisory_xact_lock(_key(_HANDING_OVER))))
            yield

    def end(self) -> None:
        """Be gone."""
        with self._using:
            self._forget()
        if self._engine is not None:
            self._engine.dispose()

    def _lives(self, name: str) -> bool:
        if self._engine is None:
            return False
        with self._using:
            if self._session is None:
                return True  # we see nobody while PostgreSQL is away
            found = _heard(self._session, name)
        return found is not None and (found.silent is None or found.silent < _SILENT_SECONDS)

    def _is_heard(self) -> bool:
        if self._session is None or self._session.invalidated:
            return False
        try:
            self._session.exec_driver_sql("select 1")
        except sa.exc.OperationalError:
            return False
        return True

    def _forget(self) -> None:
        if self._session is not None:
            self._session.invalidate()  # closes it, and with it go its locks
            self._session.close()
            self._session = None


def _heard(session: sa.Connection, name: str) -> sa.Row[Any] | None:
    number = _key(name) % 2**64
    return session.execute(_HEARD, {"high": number >> 32, "low": number % 2**32}).first()


def _now() -> float:
    """Return seconds that pass while this process, or the machine under it, is stopped, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(b"presence " + name.encode()).digest()[:8], signed=True)
