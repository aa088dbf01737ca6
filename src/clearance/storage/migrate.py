"""Bring a database to this program's schema, with Alembic; a database that is up to date costs one query."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from clearance.errors import Conflict
from clearance.storage.database import Database

SCRIPTS = Path(__file__).parent / "migrations"
HEAD = "0008"
"""The newest revision; a test compares it with the scripts."""


def upgrade(database: Database) -> None:
    """Run the migrations that the database lacks.

    Raises:
        Conflict: it was written by a newer Clearance.
    """
    present = current(database)
    if present == HEAD:
        return
    from alembic import command
    from alembic.config import Config

    if present is not None and present > HEAD:
        raise Conflict(
            f"the database is at schema {present}, this program knows {HEAD}",
            code="schema_newer",
            hint="run the newer Clearance that wrote it",
        )
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    with database.connect().execution_options(clearance_write=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(0x736368)))  # one process migrates, others wait
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def current(database: Database) -> str | None:
    """Return the database's revision, None when it is empty."""
    with database.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.execute(sa.text("select version_num from alembic_version")).scalar()
        return found
