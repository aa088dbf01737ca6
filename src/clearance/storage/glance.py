"""Short reads that never wait, for a thread that must not: SQLite only, over a connection of their own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from clearance.storage.database import Database, Transaction, engine_of


class WouldWait(Exception):
    """Somebody else is reading this way, or the database is locked: read as usual."""


class Glance:
    """Reads at once or not at all.

    SQLite's readers wait for nobody while its log is written ahead, save in the moments in which that is recovered or given
    up (sqlite.org/wal.html, "Sometimes Queries Return SQLITE_BUSY In WAL Mode"); and this connection is in no pool for
    whose turn one waits.

    Args:
        database: what is read; it must be on SQLite, and of this program's schema.
    """

    def __init__(self, database: Database) -> None:
        self._clock = database.clock
        self._engine = engine_of(database.url)
        self._connection = self._engine.connect()  # now, for opening may wait
        self._connection.exec_driver_sql("PRAGMA busy_timeout=0")
        self._connection.rollback()
        self._driver: Any = self._connection.connection.driver_connection
        self._alone = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Yield a transaction that sees one snapshot.

        Raises:
            WouldWait: not now.
        """
        if not self._alone.acquire(blocking=False):
            raise WouldWait
        try:
            with self._connection.begin() as begun:
                yield Transaction(self._connection, self._clock)
                begun.rollback()
        except sa.exc.OperationalError as error:
            raise WouldWait from error
        finally:
            self._alone.release()

    def version(self) -> int:
        """Return a number that is another one after every commit by whomever (sqlite.org/pragma.html#pragma_data_version).

        Raises:
            WouldWait: not now.
        """
        if not self._alone.acquire(blocking=False):
            raise WouldWait
        try:
            found: int = self._driver.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.OperationalError as error:
            raise WouldWait from error
        finally:
            self._alone.release()
        return found

    def close(self) -> None:
        """Give the connection back."""
        with self._alone:
            self._connection.close()
            self._engine.dispose()
