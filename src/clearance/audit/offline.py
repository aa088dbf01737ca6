"""Verify a copy of the database file, with no installation around it: what an auditor does who was handed the file."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import sqlalchemy as sa

from clearance.audit import store, verification
from clearance.audit.checkpoint import Verifier
from clearance.audit.model import Verification
from clearance.clock import SystemClock
from clearance.errors import InvalidInput
from clearance.storage.database import Database


def verify_file(path: Path, verifier: Verifier) -> Verification:
    """Verify the log in a copy of `clearance.db`; the file itself is not touched.

    Args:
        path: the SQLite file; `…-wal` beside it, if there is one, belongs to it.
        verifier: the key that was pinned when the log could still be trusted.

    Raises:
        InvalidInput: the file can't be read or holds no log.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "clearance.db"
        try:
            shutil.copyfile(path, copy)
            beside = path.with_name(path.name + "-wal")
            if beside.exists():
                shutil.copyfile(beside, copy.with_name(copy.name + "-wal"))
        except OSError as error:
            raise InvalidInput(f"{path} can't be read: {error.strerror}", code="file_unreadable") from error
        database = Database(f"sqlite:///{copy}", SystemClock(), lambda _tx: None)
        try:
            with database.read() as tx:
                _check_there(set(sa.inspect(tx.connection).get_table_names()), path)
                return verification.verify(tx, verifier)
        except sa.exc.DatabaseError as error:
            raise _no_log(path, f"{error.orig}") from error
        finally:
            database.close()


def _check_there(present: set[str], path: Path) -> None:
    """Refuse a file that is no installation's; one of which parts are gone holds a log that was damaged."""
    if not present & {table.name for table in store.TABLES}:
        raise _no_log(path, "none of its tables is there")
    if "audit_nodes" in present and "audit_head" not in present:
        raise InvalidInput(
            f"{path} is of an older release, whose log this one can't read",
            code="schema_old",
            hint="put a copy into an empty folder, `clearance --home FOLDER db upgrade`, and verify what that made",
        )


def _no_log(path: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"{path} holds no audit log that can be read: {why}",
        code="no_log",
        hint="give a copy of the file clearance.db of an installation",
    )
