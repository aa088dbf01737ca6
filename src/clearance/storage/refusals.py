"""What a database refuses, in words: which of its errors pass by themselves, and what to do about each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from clearance.errors import ClearanceError, Conflict, InvalidInput, StorageFull, Unavailable

_TAKEN = frozenset({"23505", "23503"})  # unique_violation, foreign_key_violation
_BUSY = frozenset({"40001", "40P01", "55P03", "57014"})  # serialization, deadlock, lock_timeout, statement_timeout
_UNSTORABLE = frozenset({"22003", "22021", "22P05"})  # numeric_value_out_of_range, a NUL in a text, a NUL in JSON
_AWAY = ("08", "53", "57P", "58")  # connection, resources, being shut down, the system below
"""SQLSTATE codes and their beginnings: postgresql.org/docs/current/errcodes-appendix.html."""

_INT64 = 2**63
_SQLITE_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SQLITE_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
"""The second: no room for the index of the write-ahead log, which is the first thing that whoever opens a file makes."""
_POSTGRESQL_FULL = "53100"  # disk_full
_SQLITE_AWAY = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})


def in_words(error: sa.exc.SQLAlchemyError) -> ClearanceError | None:
    """Return what to tell the caller of an error that is the database's and not a mistake of ours, else None."""
    if isinstance(error, sa.exc.TimeoutError):
        return busy("all connections of this server to the database are in use")
    if not isinstance(error, sa.exc.DBAPIError):
        return None
    if error.connection_invalidated:
        return _away(error)
    if _is_full(error):
        return _full()
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error, getattr(error.orig, "sqlite_errorcode", 0) & 0xFF)
    return _of_postgresql(error, getattr(error.orig, "sqlstate", None))


def of_sqlite_driver(error: BaseException | None, parameters: Any) -> InvalidInput | None:
    """Return what to tell of an error that SQLite's driver raises before SQLite sees the statement; None if it is no value's."""
    if not isinstance(error, OverflowError):
        return None
    numbers = (item for item in _scalars(parameters) if isinstance(item, int) and not -_INT64 <= item < _INT64)
    return _unstorable(f"the number {next(numbers, 'in it')} is beyond 64 bits")


def cannot_open(url: sa.URL, error: sa.exc.DBAPIError) -> Unavailable:
    """Return that there is no way to the database at all."""
    if _is_full(error):
        return StorageFull(
            f"the database at {url.render_as_string(hide_password=True)} can't be opened: its disk is full",
            code="storage_full",
            hint="make a megabyte of room there: where no server runs, what lies in artifacts/incoming in the data folder is of "
            "uploads that broke off, and can go; then `clearance artifacts gc` makes more",
        )
    return Unavailable(
        f"the database at {url.render_as_string(hide_password=True)} can't be opened: {error.orig}",
        code="database_unavailable",
        hint="check CLEARANCE_DATABASE_URL, CLEARANCE_HOME and that the folder is writable",
    )


def lost(error: sa.exc.DBAPIError) -> Unavailable:
    """Return that there is no way any more to a database that was open: who operates it knows where, not every caller needs to."""
    return _full() if _is_full(error) else _unavailable("the database can't be reached")


def busy(why: str) -> Unavailable:
    """Return that somebody else has held up the database for too long."""
    return Unavailable(
        f"the database is busy: {why}; nothing was changed",
        code="database_busy",
        hint="send it again in a second",
    )


def _is_full(error: sa.exc.DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        found = getattr(error.orig, "sqlite_errorcode", 0)
        return found in _SQLITE_FULL or found & 0xFF in _SQLITE_FULL
    return getattr(error.orig, "sqlstate", None) == _POSTGRESQL_FULL


def _full() -> StorageFull:
    return StorageFull(
        "the disk of the database is full; nothing was changed",
        code="storage_full",
        hint="make room on that disk, then send it again; `clearance artifacts gc` makes some where the artifacts lie there, too",
    )


def _of_sqlite(error: sa.exc.DBAPIError, code: int) -> ClearanceError | None:
    if code in _SQLITE_BUSY:
        return busy("another process has been writing to the database for too long")
    return _away(error) if code in _SQLITE_AWAY else None


def _of_postgresql(error: sa.exc.DBAPIError, state: str | None) -> ClearanceError | None:
    if state in _TAKEN:
        return Conflict(
            "somebody else changed the same thing at the same moment; of this request nothing was changed",
            code="changed_meanwhile",
            hint="look at what is there now, and send it again if it still makes sense",
        )
    if state in _UNSTORABLE or (state is None and isinstance(error, sa.exc.DataError)):
        return _unstorable(str(error.orig).strip().split("\n")[0])
    if state in _BUSY:
        return busy("another request was changing the same things")
    if state is None:  # it never reached PostgreSQL, or did not come back
        return _away(error) if isinstance(error, sa.exc.OperationalError) else None
    return _away(error) if state.startswith(_AWAY) else None


def _unstorable(why: str) -> InvalidInput:
    return InvalidInput(
        f"the request holds what no database can hold: {why}",
        code="value_out_of_range",
        hint="a whole number has 64 bits at most, and a text has no NUL",
    )


def _scalars(parameters: Any) -> Iterator[Any]:
    """Yield the values in a statement's parameters, however they are nested."""
    inner = parameters.values() if isinstance(parameters, Mapping) else parameters
    for item in inner if isinstance(inner, Iterable) and not isinstance(inner, str | bytes) else ():
        yield item
        yield from _scalars(item)


def _away(error: sa.exc.DBAPIError) -> Unavailable:
    first = str(error.orig).strip().split("\n")[0]
    return _unavailable(f"the database does not answer as it should: {first}")


def _unavailable(what: str) -> Unavailable:
    return Unavailable(
        what,
        code="database_unavailable",
        hint="send it again in a second, with the same Idempotency-Key if it changes something, so that it happens once",
    )
