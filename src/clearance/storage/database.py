"""Transactions over SQLite or PostgreSQL: one clock reading each, an audit leaf for every change, or no commit."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from clearance.clock import Clock, new_id
from clearance.errors import InvalidInput
from clearance.storage import idempotency, refusals
from clearance.storage.types import Json, UtcDateTime, metadata

__all__ = ["Database", "Json", "Transaction", "UnauditedChange", "UtcDateTime", "batched", "metadata"]

T = TypeVar("T")


def batched(items: Sequence[T], most: int = 500) -> Iterator[Sequence[T]]:
    """Yield items in groups that a statement may have as parameters (SQLite: 32,766; sqlite.org/limits.html)."""
    yield from (items[start : start + most] for start in range(0, len(items), most))


class UnauditedChange(RuntimeError):
    """A use case changed governed state without an audit leaf: a mistake in this program, never in its input."""


class Transaction:
    """One unit of work: a connection, one reading of the clock, and the audit leaves that go with the change."""

    def __init__(self, connection: sa.Connection, clock: Clock) -> None:
        self.connection = connection
        self.now: datetime = clock.now()
        self.leaves: list[Mapping[str, Any]] = []
        self._changed: set[str] = set()
        self._remembered: dict[Hashable, Any] = {}

    def new_id(self, prefix: str) -> str:
        """Return a fresh identifier at this transaction's time."""
        return new_id(prefix, self.now)

    @property
    def is_alone(self) -> bool:
        """Whether nobody else writes while this transaction does, so that locks wait for nobody: SQLite."""
        return self.connection.dialect.name == "sqlite"

    def lock(self, name: str, *, shared: bool = False) -> None:
        """Let one transaction at a time past this point for a name, or, with `shared`, any number of those who share.

        On SQLite writers are one at a time anyway.
        """
        if not self.is_alone:
            self.forget()
            key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
            take = sa.func.pg_advisory_xact_lock_shared if shared else sa.func.pg_advisory_xact_lock
            self.connection.execute(sa.select(take(key)))

    def allow_pause(self) -> None:
        """Let this transaction be without a statement for five minutes, while it does something that is slow, and not 15 s.

        For what only reads, or what holds few up: should this process hang meanwhile, its locks stay for as long.
        """
        if self.connection.dialect.name == "postgresql":
            self.connection.exec_driver_sql(f"set local idle_in_transaction_session_timeout = '{_LONG_PAUSE_SECONDS}s'")

    def execute(
        self, statement: sa.Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> sa.CursorResult[Any]:
        """Execute a statement; a change of a governed table is noted, so that it can't be committed unaudited."""
        if isinstance(statement, sa.Insert | sa.Update | sa.Delete):
            self.forget()
            table = statement.table
            if isinstance(table, sa.Table) and table.info.get("audited", True):
                self._changed.add(table.name)
        return self.connection.execute(statement, parameters)

    def remember(self, key: Hashable, read: Callable[[], T]) -> T:
        """Return what `read` gives, or gave under this key since this transaction last wrote something or waited for a lock.

        The use cases that one decision consists of each look up the same version and keys.
        """
        if key not in self._remembered:
            self._remembered[key] = read()
        found: T = self._remembered[key]
        return found

    def forget(self) -> None:
        """Have everything read anew: it changed, or others may have changed it while this transaction waited for a lock."""
        self._remembered.clear()

    def check_audited(self) -> None:
        """Raise UnauditedChange when governed state changed and no leaf says so."""
        if self._changed and not self.leaves:
            raise UnauditedChange(f"tables {sorted(self._changed)} changed without an audit leaf")


class Database:
    """A pool of connections with two ways in: `read` (a snapshot) and `write` (serialised on SQLite).

    Args:
        url: SQLAlchemy URL, `sqlite:///…` or `postgresql+psycopg://…`.
        clock: tells each transaction its time.
        seal: called before each commit that has leaves; the audit log integrates them there, in the same transaction.
    """

    def __init__(self, url: str, clock: Clock, seal: Callable[[Transaction], None]) -> None:
        self.url = url
        self.clock = clock
        self._seal = seal
        self.engine = engine_of(url)
        self._was_reached = False
        self._turns = threading.BoundedSemaphore(1 if self.is_sqlite else _WRITERS)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Yield a transaction that sees one snapshot; whatever it might write is rolled back."""
        options: dict[str, Any] = (
            {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
        with self._connect(options) as connection:
            yield Transaction(connection, self.clock)
            connection.rollback()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Yield a transaction that commits, with its audit leaves, when the block ends; an exception rolls it back."""
        with self._turn(), self._connect({"clearance_write": True}) as connection:
            transaction = Transaction(connection, self.clock)
            claim = idempotency.current.get()
            first = claim is not None and not claim.committed
            if claim is not None and first:
                idempotency.begin(transaction, claim)
            yield transaction
            transaction.check_audited()
            if transaction.leaves:
                self._seal(transaction)
            if claim is not None and first:
                idempotency.take_along(transaction, claim)
            connection.commit()
            if claim is not None:
                claim.committed = True

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def connect(self) -> sa.Connection:
        """Return a connection outside of any transaction of ours.

        Raises:
            Unavailable: the database can't be opened, or all connections are in use.
        """
        try:
            connection = self.engine.connect()
        except sa.exc.OperationalError as error:
            refused = refusals.lost(error) if self._was_reached else refusals.cannot_open(self.engine.url, error)
            raise refused from error
        except sa.exc.TimeoutError as error:
            raise refusals.in_words(error) or error from error
        self._was_reached = True
        return connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until this process may write: on SQLite until nobody else in it does, on PostgreSQL until few do.

        Who waits has no connection yet, so that enough are left for who only reads. Left to itself, SQLite would have who
        waits sleep ever longer between tries (`sqliteDefaultBusyCallback` in its main.c), and serve first who came just now.

        Raises:
            Unavailable: others have been writing for as long as anybody waits for a lock.
        """
        if not self._turns.acquire(timeout=_LOCK_SECONDS):
            raise refusals.busy("other requests have been writing to it for too long")
        try:
            yield
        finally:
            self._turns.release()

    @contextmanager
    def _connect(self, options: dict[str, Any]) -> Iterator[sa.Connection]:
        """Yield a connection in a transaction; an error that is the database's leaves it in our words.

        Raises:
            Unavailable: the database is away, or too busy; sent again, it may be there.
            Conflict: somebody else changed the same thing at the same moment.
        """
        try:
            with self.connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except sa.exc.SQLAlchemyError as error:
            told = refusals.in_words(error)
            if told is None:
                raise
            raise told from error


PROCESS = f"clearance {secrets.token_hex(6)}"
"""What PostgreSQL calls each connection of this process, and of no other (`pg_stat_activity.application_name`)."""
PAUSE_SECONDS = 15
"""Most that a transaction may be without a statement on PostgreSQL. Ours compute for a second or two between two of them, some
more on a machine with too much to do; who is silent for longer hangs, and has the log's lock, without which nobody writes."""
_LONG_PAUSE_SECONDS = 300
_LOCK_SECONDS = 30
"""Most that a statement waits for a lock: twice the longest pause, so that behind who hangs others wait, and do not fail."""
_POSTGRESQL = {
    "connect_timeout": "5",
    "application_name": PROCESS,
    # A host that vanished in the middle of a transaction must not hold its locks for the two hours after which TCP notices
    # by itself (postgresql.org/docs/current/runtime-config-client.html).
    "options": " ".join(
        f"-c {name}={setting}"
        for name, setting in {
            "lock_timeout": f"{_LOCK_SECONDS}s",
            "idle_in_transaction_session_timeout": f"{PAUSE_SECONDS}s",
            "tcp_keepalives_idle": "30",
            "tcp_keepalives_interval": "10",
            "tcp_keepalives_count": "3",
        }.items()
    ),
}
"""Parameters of each connection to PostgreSQL; one that the database's address names itself is taken from there."""


_CONNECTIONS = 15
_WRITERS = 10
"""How many of a process's connections to PostgreSQL may write at once. They commit one after another, for the log's order; while
one is held up by who hangs elsewhere, the others wait behind it, and readers go on with what is left."""


def _postgresql(url: sa.URL) -> sa.Engine:
    """Return an engine whose connections, of four processes and with those of the jobs, stay under PostgreSQL's 100."""
    arguments = {name: text for name, text in _POSTGRESQL.items() if name not in url.query}
    return sa.create_engine(
        url, connect_args=arguments, pool_pre_ping=True, pool_size=5, max_overflow=_CONNECTIONS - 5, pool_use_lifo=True
    )


_DRIVERS = frozenset({"sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"})


def engine_of(url: str) -> sa.Engine:
    """Return an engine whose connections are set up as this house needs them.

    Raises:
        InvalidInput: the address is none (`bad_database_url`).
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise _bad_address("is no database address") from error
    if parsed.drivername not in _DRIVERS:
        raise _bad_address(f"is for {parsed.drivername[:50]}, which is neither PostgreSQL (by psycopg) nor SQLite")
    if parsed.get_backend_name() != "sqlite":
        return _postgresql(parsed)
    # The connection that was used last is used next: its pages and statements are still there, a colder one reads them anew.
    engine = sa.create_engine(
        parsed, connect_args={"timeout": _LOCK_SECONDS, "check_same_thread": False}, pool_use_lifo=True
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: sqlite3 would start a deferred transaction
        # FULL: an acknowledged change survives a power cut, not only a killed process (sqlite.org/pragma.html).
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "handle_error")
    def refuse(context: sa.engine.ExceptionContext) -> InvalidInput | None:
        return refusals.of_sqlite_driver(context.original_exception, context.parameters)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("clearance_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _bad_address(what: str) -> InvalidInput:
    return InvalidInput(
        f"CLEARANCE_DATABASE_URL {what}",
        code="bad_database_url",
        hint="such as postgresql+psycopg://user:password@host/name; unset it to use SQLite in the data folder",
    )
