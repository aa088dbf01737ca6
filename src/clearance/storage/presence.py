"""Which server processes live: each holds a lock on PostgreSQL that ends with its session, however the process ends."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from clearance.storage.database import engine_of

_STARTING = "clearance jobs start"


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
        self._engine = engine_of(url).execution_options(isolation_level="AUTOCOMMIT") if shared else None
        self._session: sa.Connection | None = None
        self._using = threading.Lock()

    def renew(self) -> None:
        """Make sure that others see this process; after PostgreSQL was away, with a new session.

        Raises:
            sqlalchemy.exc.OperationalError: it still is.
        """
        if self._engine is None:
            return
        with self._using:
            try:
                if self._session is not None:
                    self._session.exec_driver_sql("select 1")
                    return
            except sa.exc.OperationalError:
                self._forget()
            session = self._engine.connect()
            session.execute(sa.select(sa.func.pg_advisory_lock(_key(self.name))))
            self._session = session

    def gone(self, names: Iterable[str]) -> set[str]:
        """Return those of the processes that no longer live."""
        return {name for name in names if name != self.name and not self._lives(name)}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one process at a time into the block."""
        if self._engine is None:
            yield
            return
        with self._engine.connect() as session:
            session.execute(sa.select(sa.func.pg_advisory_lock(_key(_STARTING))))
            yield
            session.execute(sa.select(sa.func.pg_advisory_unlock(_key(_STARTING))))

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
            if not self._session.execute(sa.select(sa.func.pg_try_advisory_lock(_key(name)))).scalar_one():
                return True
            self._session.execute(sa.select(sa.func.pg_advisory_unlock(_key(name))))
            return False

    def _forget(self) -> None:
        if self._session is not None:
            self._session.invalidate()  # closes it, and with it go its locks
            self._session.close()
            self._session = None


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(b"presence " + name.encode()).digest()[:8], signed=True)
