"""Databases as released versions wrote them, on either kind of database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clearance.app import Clearance
from clearance.settings import Settings, load
from clearance.storage import backup, migrate
from clearance.storage.archive import opened

WRITTEN = Path(__file__).parent / "fixtures" / "written_by_0_1_0.sql"


def keep_log_key(home: Path) -> None:
    """Put the key of the fixture's log where an installation looks for it."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    (home / "keys").mkdir(parents=True, mode=0o700)
    path = home / "keys" / "log.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)


def as_0_1_0_left_it(home: Path) -> Clearance:
    """Return an installation on the SQLite database of 0.1.0, not upgraded yet."""
    keep_log_key(home)
    connection = sqlite3.connect(home / "clearance.db")
    connection.executescript(WRITTEN.read_text())
    connection.close()
    return Clearance(load({}, home=home))


def as_0_1_0_would_have_left_it(settings: Settings, folder: Path) -> Clearance:
    """Return an installation with the same rows in the schema of 0.1.0 on the database of the settings, either kind.

    On PostgreSQL they come there by a backup of the SQLite database, which is loaded and not upgraded.
    """
    if settings.database_url.startswith("sqlite"):
        return as_0_1_0_left_it(settings.home)
    old = as_0_1_0_left_it(folder / "0.1.0")
    manifest = backup.write(old.database_as_found, folder / "0.1.0.tar", program="0.1.0", folders={})
    old.close()
    keep_log_key(settings.home)
    parts = Clearance(settings)
    with opened(folder / "0.1.0.tar") as tar, migrate.changing(parts.database_as_found) as connection:
        migrate.run_to(connection, manifest.schema)
        backup.fill(connection, tar, manifest)
    return parts
