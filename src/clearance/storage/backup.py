"""A backup as one portable archive: what either kind of database holds, and on request the files beside it.

The archive is a tar file (docs/formats/backup.md): a gzipped file of JSON lines per table, then the files that were asked
for, then `manifest.json`, which names each member with its digest, then the manifest's own digest. It is written and read
row by row, so that memory does not grow with the database.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from clearance.errors import Conflict, Unavailable
from clearance.storage import migrate
from clearance.storage.archive import (
    DIGEST,
    FORMAT,
    MANIFEST,
    Column,
    Manifest,
    Stored,
    Table,
    damaged,
    members_of,
    open_member,
    opened,
    read_manifest,
    target_of,
)
from clearance.storage.columns import decode, encode, kind_of, reflect
from clearance.storage.database import Database, Transaction
from clearance.values import plain

_BATCH = 1000  # rows
_CHUNK = 1024 * 1024  # bytes


def write(database: Database, archive: Path, *, program: str, folders: Mapping[str, Path]) -> Manifest:
    """Write a backup: the database as of one moment, servers may go on writing; then the folders.

    The database comes first, so that every blob and event it speaks of is in the folders, or was never there.

    Args:
        database: of any schema that this program knows.
        archive: file to make, readable by its owner only; it appears when it is whole.
        program: version of the program, for whoever reads the manifest.
        folders: name in the archive → folder; links and unfinished files are left out.

    Raises:
        Conflict: the file is there already, or the database is empty or of a newer schema.
        Unavailable: the file can't be written, or a folder's file vanished meanwhile.
    """
    if archive.exists():
        raise Conflict(
            f"{archive} is there already", code="backup_exists", hint="name a new file; backups are never overwritten"
        )
    part = archive.with_name(f".{archive.name}.{os.getpid()}")
    try:
        with _new_file(part) as out, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            manifest = _write_members(database, tar, archive.parent, program, folders)
        os.link(part, archive)  # unlike a rename it never replaces one that was made meanwhile
    except FileNotFoundError as error:
        raise Unavailable(
            f"{error.filename} is not there (any more)",
            code="backup_source_gone",
            hint="does the folder of the archive exist? files of the lake go when it is tidied: try again",
        ) from error
    except OSError as error:
        raise Unavailable(
            f"{archive} can't be written: {error.strerror}", code="backup_unwritable", hint="is there room on the disk?"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return manifest


def inspect(archive: Path) -> Manifest:
    """Return what an archive holds, after all of it was read and agrees with its digests.

    Raises:
        InvalidInput: it can't be read, or is no backup.
        VerificationFailed: it is damaged or cut off.
        Conflict: it was made by a newer Clearance.
    """
    with opened(archive) as tar:
        manifest = read_manifest(tar)
        for member, sha256 in members_of(manifest):
            digest = hashlib.sha256()
            with open_member(tar, member) as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            if digest.hexdigest() != sha256:
                raise damaged(f"{member} is not what was written")
    return manifest


def restore(
    database: Database, archive: Path, *, folders: Mapping[str, Path], check: Callable[[Transaction, Manifest], None]
) -> Manifest:
    """Fill an empty database, of either kind, from a backup, upgrade it, and put its files back: all of it or nothing.

    Args:
        database: an empty one, or one with this archive's schema and no rows.
        archive: what `write` made.
        folders: name in the archive → folder. A file that is there already must be the same.
        check: looks at the restored state just before it is committed; what it raises undoes everything.

    Raises:
        Conflict: the database is not empty, a file is there with other bytes, or a newer Clearance made the archive.
        InvalidInput, VerificationFailed: as `inspect`.
    """
    manifest = inspect(archive)
    with opened(archive) as tar, _placing() as placed, migrate.changing(database) as connection:
        _check_empty(connection, manifest)
        migrate.run_to(connection, manifest.schema)
        fill(connection, tar, manifest)
        migrate.run_to(connection, migrate.HEAD)
        for stored in manifest.files:
            placed.put(tar, stored, target_of(stored, folders))
        check(Transaction(connection, database.clock), manifest)
    return manifest


def _write_members(
    database: Database, tar: tarfile.TarFile, scratch: Path, program: str, folders: Mapping[str, Path]
) -> Manifest:
    with database.read() as tx:
        tx.allow_pause()  # a table is packed into the archive before the next one is read
        schema = migrate.revision_of(tx.connection)
        if schema is None:
            raise Conflict("the database is empty", code="nothing_to_back_up", hint="is CLEARANCE_HOME the right one?")
        migrate.check_known(schema)
        found = reflect(tx.connection)
        tables = tuple(_write_table(tx.connection, tar, scratch, table) for table in found.sorted_tables)
        checkpoint = _newest_checkpoint(tx.connection, found)
        made_at = tx.now
    files = tuple(
        _write_file(tar, f"{name}/{path.relative_to(folder).as_posix()}", path, private=name == "keys")
        for name, folder in folders.items()
        for path in _files_of(folder)
    )
    manifest = Manifest(
        format=FORMAT,
        program=program,
        schema=schema,
        made_at=made_at,
        checkpoint=checkpoint,
        tables=tables,
        files=files,
    )
    text = json.dumps(plain(manifest), indent=1, ensure_ascii=False).encode()
    _add(tar, MANIFEST, io.BytesIO(text), len(text))
    line = f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n".encode()
    _add(tar, DIGEST, io.BytesIO(line), len(line))
    return manifest


def _write_table(connection: sa.Connection, tar: tarfile.TarFile, scratch: Path, table: sa.Table) -> Table:
    """Write a table through a file of its own, for tar wants to know a member's size before its bytes."""
    kinds = {column.name: kind_of(column) for column in _stored(table)}
    query = sa.select(*_stored(table)).order_by(*table.primary_key.columns)
    rows = 0
    member = f"tables/{table.name}.jsonl.gz"
    spool = scratch / f".{table.name}.{os.getpid()}"
    try:
        with (
            _new_file(spool) as raw,
            gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0, compresslevel=3) as packed,
            connection.execution_options(yield_per=_BATCH).execute(query) as result,
        ):
            for row in result:
                packed.write(encode(kinds, row))
                rows += 1
        return Table(
            name=table.name,
            member=member,
            rows=rows,
            sha256=_write_file(tar, member, spool).sha256,
            columns=tuple(Column(name=name, kind=kind) for name, kind in kinds.items()),
        )
    finally:
        connection.execution_options(yield_per=None)
        spool.unlink(missing_ok=True)


def _write_file(tar: tarfile.TarFile, member: str, path: Path, *, private: bool = False) -> Stored:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        hashing = _Hashing(file, size)
        _add(tar, member, hashing, size)
    return Stored(member=member, size=size, sha256=hashing.digest.hexdigest(), private=private)


def _add(tar: tarfile.TarFile, member: str, file: Any, size: int) -> None:
    info = tarfile.TarInfo(member)
    info.size, info.mode = size, 0o600
    tar.addfile(info, file)


@dataclass
class _Hashing:
    """Reads so many bytes of a file, also if it grows meanwhile, and hashes them on the way."""

    file: IO[bytes]
    left: int
    digest: Any = field(default_factory=hashlib.sha256)

    def read(self, count: int) -> bytes:
        chunk = self.file.read(min(count, self.left))
        self.left -= len(chunk)
        self.digest.update(chunk)
        return chunk


def _files_of(folder: Path) -> Iterator[Path]:
    """Yield a folder's files, a Delta table's log before the files that it names, without what is not finished.

    `_last_checkpoint` is left out: it may be newer than the log that was copied, and readers do without it
    (Delta protocol, "Last Checkpoint File").
    """
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    finished = [path for path in found if not path.name.startswith((".", "_last_checkpoint"))]
    return iter(sorted(finished, key=lambda path: ("_delta_log" not in path.parts, path)))


def _newest_checkpoint(connection: sa.Connection, found: sa.MetaData) -> str | None:
    """Return the newest signed note: since schema 0005 the log's head has it, before that the list of all."""
    if "audit_head" in found.tables:
        query = sa.select(found.tables["audit_head"].c.note)
    else:
        notes = found.tables["audit_checkpoints"]
        query = sa.select(notes.c.note).order_by(notes.c.size.desc()).limit(1)
    return connection.execute(query).scalar() or None


def _check_empty(connection: sa.Connection, manifest: Manifest) -> None:
    """Refuse a database in which something happened: there is a leaf for each change, and none without one."""
    found = reflect(connection)
    if not found.tables:
        return
    present = migrate.revision_of(connection)
    leaves = found.tables.get("audit_leaves")
    if (
        present == manifest.schema
        and leaves is not None
        and connection.execute(sa.select(leaves).limit(1)).first() is None
    ):
        return
    is_file = connection.dialect.name == "sqlite"
    way_out = "move clearance.db away" if is_file else "name a new database in CLEARANCE_DATABASE_URL"
    raise Conflict(
        f"the database is not empty: it has {len(found.tables)} tables of schema {present or 'unknown'}",
        code="database_not_empty",
        hint=f"{way_out}, and restore again; nothing was changed",
    )


def fill(connection: sa.Connection, tar: tarfile.TarFile, manifest: Manifest) -> None:
    """Fill the tables of the archive's schema with its rows, in place of those that are there."""
    found = reflect(connection)
    listed = {table.name: table for table in manifest.tables}
    if set(listed) != set(found.tables):
        odd = ", ".join(sorted(set(listed) ^ set(found.tables)))
        raise damaged(f"its tables are not those of schema {manifest.schema}: {odd}")
    for table in reversed(found.sorted_tables):
        connection.execute(sa.delete(table))  # rows that a migration made; the archive has them
    for table in found.sorted_tables:
        _load_table(connection, tar, table, listed[table.name])
        _continue_numbering(connection, table)


def _load_table(connection: sa.Connection, tar: tarfile.TarFile, table: sa.Table, listed: Table) -> None:
    kinds = {column.name: column.kind for column in listed.columns}
    if kinds != {column.name: kind_of(column) for column in _stored(table)}:
        raise damaged(f"the columns of {table.name} are not those of its schema")
    rows = 0
    try:
        with open_member(tar, listed.member) as packed, gzip.GzipFile(fileobj=packed) as lines:
            while batch := [decode(kinds, line) for line in islice(lines, _BATCH)]:
                connection.execute(sa.insert(table), batch)
                rows += len(batch)
    except ValueError as error:
        raise damaged(f"{table.name} has a row that can't be read") from error
    except sa.exc.DBAPIError as error:
        raise Conflict(
            f"a row of {table.name} does not fit this database: {error.orig}",
            code="row_refused",
            hint="the server's log may say more; nothing was changed",
        ) from error
    if rows != listed.rows:
        raise damaged(f"{table.name} has {rows} rows, not {listed.rows}")


def _stored(table: sa.Table) -> Iterator[sa.Column[Any]]:
    """Yield the columns that hold something of their own, rather than what the database computes from others."""
    return (column for column in table.columns if column.computed is None)


def _continue_numbering(connection: sa.Connection, table: sa.Table) -> None:
    """Let PostgreSQL give the next row the number after the last one; SQLite does so by itself."""
    column = table.autoincrement_column
    if connection.dialect.name != "postgresql" or column is None:
        return
    sequence = connection.execute(
        sa.select(sa.func.pg_get_serial_sequence(f'"{table.name}"', column.name))
    ).scalar_one_or_none()
    last = connection.execute(sa.select(sa.func.max(column))).scalar()
    if sequence is not None and last is not None:
        connection.execute(sa.select(sa.func.setval(sequence, last)))


class _Placed:
    """The files that a restore put into their places, and the folders made for them, to be taken away again if it fails."""

    def __init__(self) -> None:
        self._made: list[Path] = []
        self._folders: list[Path] = []

    def put(self, tar: tarfile.TarFile, stored: Stored, target: Path) -> None:
        if target.exists():
            with target.open("rb") as there:
                same = hashlib.file_digest(there, "sha256").hexdigest() == stored.sha256
            if same:
                return
            raise Conflict(
                f"{target} is there already, with other bytes",
                code="file_differs",
                hint="restore into an empty data folder, or move this file away; nothing was changed",
            )
        self._folders += [each for each in reversed((target.parent, *target.parent.parents)) if not each.exists()]
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if stored.private else 0o777)
        part = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with open_member(tar, stored.member) as file, _new_file(part) as out:
                while chunk := file.read(_CHUNK):
                    out.write(chunk)
            if not stored.private:
                part.chmod(0o644)
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)
        self._made.append(target)

    def take_away(self) -> None:
        for path in self._made:
            with suppress(OSError):
                path.unlink()
        for folder in reversed(self._folders):
            with suppress(OSError):  # somebody put something there meanwhile
                folder.rmdir()


@contextmanager
def _placing() -> Iterator[_Placed]:
    placed = _Placed()
    try:
        yield placed
    except BaseException:
        placed.take_away()
        raise


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a new file that only its owner can read; it is on the disk when the block ends."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
