"""The table of artifacts: which path names which blob."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from clearance.integrations.mlflow.artifacts.model import Artifact, FileInfo, logged_model_of
from clearance.registry.model import File
from clearance.storage.database import Transaction, UtcDateTime, metadata

_AT_ONCE = 500
# Folders are ranges of paths, so they must be compared byte by byte, as SQLite does by itself.
_Path = sa.String(1024).with_variant(sa.String(1024, collation="C"), "postgresql")

artifacts = sa.Table(
    "mlflow_artifacts",
    metadata,
    sa.Column("path", _Path, primary_key=True),
    sa.Column("digest", sa.String(71), nullable=False, index=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("logged_model", sa.String(34), index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("by", sa.String(255), nullable=False),
)


def put(tx: Transaction, artifact: Artifact) -> None:
    """Let a path name these bytes, whatever it named before."""
    columns = {"digest": artifact.sha256, "size": artifact.size, "at": artifact.at, "by": artifact.by}
    changed = tx.execute(sa.update(artifacts).where(artifacts.c.path == artifact.path).values(columns))
    if not changed.rowcount:
        own = {"path": artifact.path, "logged_model": logged_model_of(artifact.path)}
        tx.execute(sa.insert(artifacts), own | columns)


def find(tx: Transaction, path: str) -> Artifact | None:
    row = tx.execute(sa.select(artifacts).where(artifacts.c.path == path)).first()
    return None if row is None else _artifact(row)


def first_of(tx: Transaction, paths: list[str]) -> str | None:
    """Return one of these paths that names bytes, if any does."""
    found: str | None = tx.execute(sa.select(artifacts.c.path).where(artifacts.c.path.in_(paths)).limit(1)).scalar()
    return found


def under(tx: Transaction, folder: str) -> Iterator[Artifact]:
    """Yield what lies in a folder and below, by path; the empty folder is the root."""
    for row in tx.execute(sa.select(artifacts).where(_below(folder)).order_by(artifacts.c.path)):
        yield _artifact(row)


def is_folder(tx: Transaction, path: str) -> bool:
    """Return whether something lies below a path."""
    return tx.execute(sa.select(artifacts.c.path).where(_below(path)).limit(1)).first() is not None


def entries(tx: Transaction, folder: str) -> Iterator[FileInfo]:
    """Yield what lies directly in a folder, by path; the insides of folders in it are skipped, not read."""
    prefix = f"{folder}/" if folder else ""
    after = ""
    query = sa.select(artifacts.c.path, artifacts.c.size).where(_below(folder)).order_by(artifacts.c.path)
    while rows := tx.execute(query.where(artifacts.c.path > after).limit(_AT_ONCE)).all():
        for row in rows:
            if row.path < after:  # inside of the folder that came last
                continue
            name, slash, _ = row.path.removeprefix(prefix).partition("/")
            after = _end_of(prefix + name) if slash else row.path
            yield FileInfo(path=name, is_dir=bool(slash), file_size=None if slash else row.size)


def remove(tx: Transaction, path: str) -> int:
    """Remove a file, or a folder with everything in it; return how many files went."""
    return tx.execute(sa.delete(artifacts).where((artifacts.c.path == path) | _below(path))).rowcount


def of_logged_model(tx: Transaction, model_id: str) -> list[Artifact]:
    """Return the files of a logged model, wherever they lie, by path."""
    query = sa.select(artifacts).where(artifacts.c.logged_model == model_id).order_by(artifacts.c.path)
    return [_artifact(row) for row in tx.execute(query)]


def digests(tx: Transaction) -> Iterator[str]:
    """Yield the digest of everything that a path names."""
    yield from tx.execute(sa.select(artifacts.c.digest).distinct()).scalars()


def as_file(artifact: Artifact, folder: str) -> File:
    """Return the artifact as a file of the tree below a folder."""
    return File(path=artifact.path.removeprefix(f"{folder}/"), size=artifact.size, sha256=artifact.sha256)


def _below(folder: str) -> sa.ColumnElement[bool]:
    if not folder:
        return sa.true()
    return (artifacts.c.path > f"{folder}/") & (artifacts.c.path < _end_of(folder))


def _end_of(folder: str) -> str:
    """Return the first text after all paths in a folder: `0` follows `/`."""
    return f"{folder}0"


def _artifact(row: sa.Row[tuple[str, str, int, str | None, object, str]]) -> Artifact:
    found = row._mapping
    return Artifact(path=found["path"], size=found["size"], sha256=found["digest"], at=found["at"], by=found["by"])
