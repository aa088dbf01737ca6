"""The tables of uploads in pieces, and of the promises that a blob stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clearance.storage.database import Transaction, UtcDateTime, metadata

_AT_ONCE = 500  # digests in one statement; SQLite takes 32,766 parameters

uploads = sa.Table(
    "artifact_uploads",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("finished", sa.Boolean, nullable=False),
    sa.Column("caller", sa.String(255), nullable=False),
    sa.Column("touched_at", UtcDateTime, nullable=False, index=True),
    info={"audited": False},
)
pieces = sa.Table(
    "artifact_pieces",
    metadata,
    sa.Column("upload", sa.ForeignKey("artifact_uploads.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(16), nullable=False),
    info={"audited": False},
)
claims = sa.Table(
    "artifact_claims",
    metadata,
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False, index=True),
    info={"audited": False},
)
"""Blobs that somebody was told are there, or that a transaction began to need: they stay for a while."""


def claim(tx: Transaction, digests: Iterable[str]) -> None:
    """Note that these blobs are wanted now; in one order, so that two who claim the same do not wait for each other."""
    rows = [{"digest": digest, "at": tx.now} for digest in sorted(set(digests))]
    for start in range(0, len(rows), _AT_ONCE):
        insert = _insert(tx, claims).values(rows[start : start + _AT_ONCE])
        tx.execute(insert.on_conflict_do_update(index_elements=["digest"], set_={"at": tx.now}))


def claimed(tx: Transaction) -> dict[str, datetime]:
    """Return every claim."""
    return {row.digest: row.at for row in tx.execute(sa.select(claims))}


def drop_claims(tx: Transaction, before: datetime) -> None:
    tx.execute(sa.delete(claims).where(claims.c.at < before))


def insert_upload(tx: Transaction, upload: str, digest: str, size: int, caller: str) -> None:
    """Begin an upload; one that is there stays as it is."""
    row = {
        "id": upload,
        "digest": digest,
        "size": size,
        "received": 0,
        "finished": False,
        "caller": caller,
        "touched_at": tx.now,
    }
    tx.execute(_insert(tx, uploads).values(row).on_conflict_do_nothing(index_elements=["id"]))


def find_upload(tx: Transaction, upload: str) -> sa.Row[Any] | None:
    return tx.execute(sa.select(uploads).where(uploads.c.id == upload)).first()


def count_unfinished(tx: Transaction) -> int:
    query = sa.select(sa.func.count()).select_from(uploads).where(uploads.c.finished.is_(False))
    return int(tx.execute(query).scalar_one())


def add_piece(tx: Transaction, upload: str, start: int, size: int, name: str) -> bool:
    """Add a piece, if it begins where the last one ended; return whether it does."""
    here = (uploads.c.id == upload) & (uploads.c.received == start) & uploads.c.finished.is_(False)
    change = sa.update(uploads).where(here).values(received=start + size, touched_at=tx.now)
    if tx.execute(change).rowcount == 0:
        return False
    tx.execute(sa.insert(pieces), {"upload": upload, "start": start, "name": name})
    return True


def touch_upload(tx: Transaction, upload: str) -> None:
    tx.execute(sa.update(uploads).where(uploads.c.id == upload).values(touched_at=tx.now))


def piece_names(tx: Transaction, upload: str) -> list[str]:
    """Return the names of an upload's pieces, in the order of their bytes."""
    query = sa.select(pieces.c.name).where(pieces.c.upload == upload).order_by(pieces.c.start)
    return list(tx.execute(query).scalars())


def all_pieces(tx: Transaction) -> Iterator[tuple[str, str]]:
    """Yield every piece as (upload, name)."""
    for row in tx.execute(sa.select(pieces.c.upload, pieces.c.name)):
        yield row.upload, row.name


def finish_upload(tx: Transaction, upload: str) -> None:
    """Note that an upload became a blob; its pieces are not needed any more."""
    tx.execute(sa.delete(pieces).where(pieces.c.upload == upload))
    tx.execute(sa.update(uploads).where(uploads.c.id == upload).values(finished=True, touched_at=tx.now))


def drop_upload(tx: Transaction, upload: str) -> None:
    tx.execute(sa.delete(pieces).where(pieces.c.upload == upload))
    tx.execute(sa.delete(uploads).where(uploads.c.id == upload))


def stale_uploads(tx: Transaction, before: datetime) -> list[sa.Row[Any]]:
    """Return the uploads that nobody went on with since a moment."""
    return list(tx.execute(sa.select(uploads).where(uploads.c.touched_at < before)))


def _insert(tx: Transaction, table: sa.Table) -> Any:
    from sqlalchemy.dialects import postgresql, sqlite

    return (postgresql if tx.connection.dialect.name == "postgresql" else sqlite).insert(table)
