"""Bring a database to this program's schema, with Alembic; a database that is up to date costs one query."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clearance.errors import Conflict
from clearance.storage.database import Database
from clearance.values import value

SCRIPTS = Path(__file__).parent / "migrations"
HEAD = "0008"
"""The newest revision; a test compares it with the scripts."""
_LOCK = 0x736368


@value
class Step:
    """A migration that a database lacks."""

    revision: str
    about: str


@value
class SchemaStatus:
    """Where a database stands; `present` is None when it is empty."""

    database: str
    present: str | None
    known: str
    pending: tuple[Step, ...]


def upgrade(database: Database) -> None:
    """Run the migrations that the database lacks: all of them, or, if the process dies, none.

    Of several processes that come at once, one does it while the others wait.

    Raises:
        Conflict: it was written by a newer Clearance.
    """
    present = current(database)
    if present == HEAD:
        return
    check_known(present)
    with changing(database) as connection:
        run_to(connection, HEAD)


def status(database: Database) -> SchemaStatus:
    """Return where the database stands, changing nothing."""
    from alembic.script import ScriptDirectory

    present = current(database)
    known = reversed(list(ScriptDirectory(str(SCRIPTS)).walk_revisions()))
    return SchemaStatus(
        database=database.engine.url.render_as_string(hide_password=True),
        present=present,
        known=HEAD,
        pending=tuple(
            Step(revision=each.revision, about=each.doc) for each in known if each.revision > (present or "")
        ),
    )


def check_current(database: Database) -> None:
    """Refuse a database that an upgrade would change.

    Raises:
        Conflict: its schema is older, or newer.
    """
    present = current(database)
    check_known(present)
    if present != HEAD:
        raise Conflict(
            f"the database is at schema {present or 'none'}, this program needs {HEAD}",
            code="schema_older",
            hint="`clearance db status` says what is pending; `clearance db backup FILE`, then `clearance db upgrade`",
        )


def check_known(revision: str | None) -> None:
    """Refuse a revision that this program does not know (`schema_newer`)."""
    if revision is not None and revision > HEAD:
        raise Conflict(
            f"the database is at schema {revision}, this program knows {HEAD}",
            code="schema_newer",
            hint="run the newer Clearance that wrote it",
        )


def current(database: Database) -> str | None:
    """Return the database's revision, None when it is empty."""
    with database.connect() as connection:
        return revision_of(connection)


def revision_of(connection: sa.Connection) -> str | None:
    """Return the revision that a connection sees, None when there is none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sa.text("select version_num from alembic_version")).scalar()
    return found


@contextmanager
def changing(database: Database) -> Iterator[sa.Connection]:
    """Yield a connection on which the schema may be changed; commits at the end, one process at a time."""
    with database.connect().execution_options(clearance_write=True) as connection:
        if database.is_sqlite:
            with _unchecked_keys(connection), connection.begin():
                yield connection
                _check_keys(connection)
        else:
            with connection.begin():
                for limit in ("lock_timeout", "idle_in_transaction_session_timeout"):
                    connection.exec_driver_sql(f"set local {limit} = 0")  # as long as it takes
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                yield connection


def run_to(connection: sa.Connection, revision: str) -> None:
    """Run the migrations up to a revision; one that is there already changes nothing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@contextmanager
def _unchecked_keys(connection: sa.Connection) -> Iterator[None]:
    """Let tables be made anew under those that refer to them, as sqlite.org/lang_altertable.html says (step 1 and 12)."""
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _check_keys(connection: sa.Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise Conflict(
            f"row {broken[1]} of {broken[0]} refers to a row of {broken[2]} that is not there; nothing was changed",
            code="database_damaged",
            hint="restore a backup from before the damage",
        )
