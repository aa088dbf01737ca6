"""Tables of the log: leaves, full tiles, the head (what the next leaf is appended to), kept checkpoints, keys, cosignatures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from clearance.audit import driver, tiles
from clearance.audit.events import Event
from clearance.audit.tiles import Tile
from clearance.errors import NotFound
from clearance.storage.database import Transaction, UtcDateTime, metadata

# INTEGER is the row's own number in SQLite: no second tree to keep (sqlite.org/lang_createtable.html, ROWIDs).
_Position = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# `hash` is the leaf's; the rest are indexed copies of what the leaf says, for queries. `verify` compares all with the leaf.
leaves = sa.Table(
    "audit_leaves",
    metadata,
    sa.Column("position", _Position, primary_key=True, autoincrement=False),
    sa.Column("leaf", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("event", sa.String(64), nullable=False, index=True),
    sa.Column("actor", sa.String(255), nullable=False),
    sa.Column("subject", sa.String(512), nullable=False, index=True),
    info={"audited": False},
)
full_tiles = sa.Table(
    "audit_tiles",
    metadata,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hashes", sa.LargeBinary, nullable=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    info={"audited": False},
)
head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("peaks", sa.LargeBinary, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("signer", sa.Text, nullable=False),
    sa.Column("successor", sa.Text, nullable=False),
    info={"audited": False},
)
checkpoints = sa.Table(
    "audit_checkpoints",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("note", sa.Text, nullable=False),
    info={"audited": False},
)
keys = sa.Table(
    "audit_keys",
    metadata,
    sa.Column("since", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("verifier", sa.Text, nullable=False),
    info={"audited": False},
)
cosignatures = sa.Table(
    "audit_cosignatures",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("witness", sa.String(255), primary_key=True),
    sa.Column("line", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    info={"audited": False},
)


TABLES = (leaves, full_tiles, head, checkpoints, keys, cosignatures)

_APPEND = "insert into audit_leaves (position, leaf, hash, event, actor, subject, at) values (?, ?, ?, ?, ?, ?, ?)"
_MOVE = "update audit_head set size = ?, peaks = ?, note = ?, signer = ?, successor = ? where id = 1"
_HEAD = "select size, peaks, note, signer, successor from audit_head where id = 1"


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log ends: its size, the peaks of its tree, its newest signed note, who signs and who is about to."""

    size: int
    peaks: tuple[bytes, ...]
    note: str
    signer: str
    successor: str


def locked_head(tx: Transaction) -> Head:
    """Return the end of the log, and let no other transaction past until this one has ended.

    Raises:
        VerificationFailed: it can't be read, or nothing could be appended to it.
    """
    end = _read(tx, _HEAD if tx.is_alone else _HEAD + " for update")
    if end.size < 0 or len(end.peaks) != end.size.bit_count():
        raise driver.damaged(f"{len(end.peaks)} peaks don't make a tree of {end.size} leaves")
    return end


def read_head(tx: Transaction) -> Head:
    """Return the end of the log.

    Raises:
        VerificationFailed: it can't be read.
    """
    return _read(tx, _HEAD)


def size(tx: Transaction) -> int:
    """Return the number of leaves."""
    return read_head(tx).size


def append(tx: Transaction, rows: Sequence[tuple[Any, ...]], after: Head) -> None:
    """Write leaves (position, leaf, hash, event, actor, subject) and the new end of the log."""
    sqlite = tx.connection.dialect.name == "sqlite"
    at: Any = tx.now.astimezone(UTC)
    if sqlite:
        at = at.isoformat(sep=" ", timespec="microseconds")[:-6]  # as sa.DateTime writes it there
    written = [(*row, at) for row in rows]
    end = (after.size, b"".join(after.peaks), after.note, after.signer, after.successor)
    if len(written) == 1 and not sqlite:  # as one statement, for each is a way to the server and back
        driver.run(tx, f"with leaf as ({_APPEND}) {_MOVE}", [(*written[0], *end)])
    else:
        driver.run(tx, _APPEND, written)
        driver.run(tx, _MOVE, [end])


def keep_tile(tx: Transaction, level: int, index: int, hashes: Sequence[bytes]) -> bytes:
    """Write a tile that is full now, and return the hash over it."""
    root = tiles.root_of(hashes)
    row = {"level": level, "position": index, "hashes": b"".join(hashes), "root": root}
    tx.execute(sa.insert(full_tiles), row)
    return root


def tile(tx: Transaction, wanted: Tile) -> bytes:
    """Return the bytes of a tile: as it was kept if it is full, else put together from what lies below it.

    Raises:
        NotFound: the log has not come so far.
        VerificationFailed: the tables lack a part of it, which only tampering explains.
    """
    present = tiles.covering(wanted.level, wanted.index, size(tx))
    if wanted.width > present.width:
        raise NotFound(f"the log has no {wanted.path} yet", code="tile_not_found", hint="read its checkpoint first")
    found = _bundle(tx, wanted) if wanted.level < 0 else _hashes(tx, wanted)
    if found is None:
        raise driver.damaged(f"parts of {wanted.path} are missing")
    return found


def _hashes(tx: Transaction, wanted: Tile) -> bytes | None:
    if wanted.is_full:
        where = (full_tiles.c.level == wanted.level, full_tiles.c.position == wanted.index)
        found = tx.execute(sa.select(full_tiles.c.hashes).where(*where)).scalar()
        return None if found is None else bytes(found)
    return _joined(hashes_below(tx, wanted.level, wanted.index * tiles.WIDTH, wanted.width), wanted)


def _bundle(tx: Transaction, wanted: Tile) -> bytes | None:
    first = wanted.index * tiles.WIDTH
    within = leaves.c.position.between(first, first + wanted.width - 1)
    found = tx.execute(sa.select(leaves.c.leaf).where(within).order_by(leaves.c.position)).scalars().all()
    return None if len(found) != wanted.width else tiles.pack([bytes(each) for each in found])


def _joined(found: Sequence[bytes], wanted: Tile) -> bytes | None:
    return None if len(found) != wanted.width else b"".join(found)


def hashes_below(tx: Transaction, level: int, first: int, count: int) -> list[bytes]:
    """Return the hashes of the places of a level from `first` on: of leaves, or of the full tiles of the level below."""
    if level == 0:
        query = sa.select(leaves.c.hash).where(leaves.c.position.between(first, first + count - 1))
        query = query.order_by(leaves.c.position)
    else:
        below = full_tiles.c.level == level - 1
        query = sa.select(full_tiles.c.root).where(below, full_tiles.c.position.between(first, first + count - 1))
        query = query.order_by(full_tiles.c.position)
    return [bytes(found) for found in tx.execute(query).scalars()]


def latest_checkpoint(tx: Transaction) -> str | None:
    """Return the newest signed note, or None for an empty log."""
    return read_head(tx).note or None


def checkpoint_at(tx: Transaction, at_size: int) -> str | None:
    """Return the signed note over exactly that many leaves, if it was kept."""
    end = read_head(tx)
    if end.note and end.size == at_size:
        return end.note
    found: str | None = tx.execute(sa.select(checkpoints.c.note).where(checkpoints.c.size == at_size)).scalar()
    return found


def keep_checkpoint(tx: Transaction, at_size: int, note: str) -> None:
    """Keep a signed note for good; one that was kept already stays as it is."""
    known = sa.select(checkpoints.c.size).where(checkpoints.c.size == at_size)
    if tx.execute(known).first() is None:
        tx.execute(sa.insert(checkpoints), {"size": at_size, "note": note})


def kept_checkpoints(tx: Transaction) -> Iterator[tuple[int, str]]:
    """Yield the kept notes with their sizes, smallest first, without holding them all.

    Raises:
        VerificationFailed: they can't be read.
    """
    return driver.rows(tx, "audit_checkpoints", {"size": int, "note": str}, "order by size")


def all_leaves(tx: Transaction) -> Iterator[tuple[int, bytes, bytes, Any, str, str, str]]:
    """Yield (position, leaf, hash, at, event, actor, subject) of every leaf in order, without holding them all.

    `at` is as the database gives it: a text on SQLite, an aware time on PostgreSQL.

    Raises:
        VerificationFailed: they can't be read.
    """
    at = str if tx.connection.dialect.name == "sqlite" else datetime
    kinds = {"position": int, "leaf": bytes, "hash": bytes, "at": at, "event": str, "actor": str, "subject": str}
    return driver.rows(tx, "audit_leaves", kinds, "order by position", at_once=5000)


def all_tiles(tx: Transaction, level: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (index, hashes, root) of every full tile of a level in order, without holding them all.

    Raises:
        VerificationFailed: they can't be read.
    """
    kinds = {"position": int, "hashes": bytes, "root": bytes}
    return driver.rows(tx, "audit_tiles", kinds, "where level = ? order by position", level, at_once=50)


def count_tiles(tx: Transaction) -> int:
    """Return how many full tiles are kept, of all levels.

    Raises:
        VerificationFailed: they can't be read.
    """
    ((count,),) = driver.rows(tx, "audit_tiles", {"count(*)": int}, "")
    found: int = count
    return found


def all_keys(tx: Transaction) -> list[tuple[int, str]]:
    """Return the size of the log from which each key signed, with its verifier string, oldest first.

    Raises:
        VerificationFailed: they can't be read.
    """
    return list(driver.rows(tx, "audit_keys", {"since": int, "verifier": str}, "order by since"))


def add_key(tx: Transaction, since: int, verifier: str) -> None:
    """Note that a key signs from a size of the log on."""
    tx.execute(sa.insert(keys), {"since": since, "verifier": verifier})


def name_successor(tx: Transaction, verifier: str) -> None:
    """Have the key sign from this transaction's checkpoint on, which the present one signs too."""
    tx.execute(sa.update(head).where(head.c.id == 1).values(successor=verifier))


def add_cosignature(tx: Transaction, at_size: int, witness: str, line: str) -> None:
    """Keep a witness's signature line for the checkpoint over that many leaves."""
    known = sa.and_(cosignatures.c.size == at_size, cosignatures.c.witness == witness)
    tx.execute(sa.delete(cosignatures).where(known))
    tx.execute(sa.insert(cosignatures), {"size": at_size, "witness": witness, "line": line, "at": tx.now})


def cosigned_sizes(tx: Transaction) -> dict[str, int]:
    """Return the largest size that each witness has cosigned."""
    largest = sa.func.max(cosignatures.c.size).label("largest")
    query = sa.select(cosignatures.c.witness, largest).group_by(cosignatures.c.witness)
    return {row.witness: row.largest for row in tx.execute(query)}


def cosigned(tx: Transaction, at_size: int) -> list[tuple[str, str, datetime]]:
    """Return (witness, line, when we got it) of every cosignature of the checkpoint over that many leaves, by name."""
    query = sa.select(cosignatures).where(cosignatures.c.size == at_size).order_by(cosignatures.c.witness)
    return [(row.witness, row.line, row.at) for row in tx.execute(query)]


def best_cosigned(tx: Transaction, quorum: int) -> int | None:
    """Return the largest size whose checkpoint so many witnesses cosigned."""
    query = (
        sa.select(cosignatures.c.size)
        .group_by(cosignatures.c.size)
        .having(sa.func.count() >= quorum)
        .order_by(cosignatures.c.size.desc())
        .limit(1)
    )
    found: int | None = tx.execute(query).scalar()
    return found


def leaf(tx: Transaction, index: int) -> bytes | None:
    """Return a leaf's bytes."""
    found = tx.execute(sa.select(leaves.c.leaf).where(leaves.c.position == index)).scalar()
    return None if found is None else bytes(found)


def rotations(tx: Transaction) -> Iterator[tuple[int, bytes]]:
    """Yield the leaves that name a new key of the log, with their positions, oldest first.

    Raises:
        VerificationFailed: they can't be read.
    """
    named = Event.LOG_KEY_ROTATED.value
    kinds = {"position": int, "leaf": bytes}
    return driver.rows(tx, "audit_leaves", kinds, "where event = ? order by position", named)


def last_position(tx: Transaction, event: str, below: int) -> int | None:
    """Return the position of the newest leaf of an event below a position."""
    query = sa.select(sa.func.max(leaves.c.position)).where(leaves.c.event == event, leaves.c.position < below)
    found: int | None = tx.execute(query).scalar()
    return found


def leaves_of(tx: Transaction, begin: int, events: list[str], limit: int) -> list[tuple[int, bytes]]:
    """Return (position, leaf) of the leaves of some events from a position on, in order."""
    query = sa.select(leaves.c.position, leaves.c.leaf).where(leaves.c.position >= begin, leaves.c.event.in_(events))
    return [(row.position, bytes(row.leaf)) for row in tx.execute(query.order_by(leaves.c.position).limit(limit))]


def subjects_of(tx: Transaction, event: str) -> frozenset[str]:
    """Return the subjects of the leaves of an event, each once."""
    return frozenset(tx.execute(sa.select(leaves.c.subject).where(leaves.c.event == event).distinct()).scalars())


def stream_leaves(tx: Transaction, events: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    """Yield (position, leaf) of all leaves of some events, in order, as they are read.

    Raises:
        VerificationFailed: they can't be read.
    """
    kinds = {"position": int, "leaf": bytes}
    among = ", ".join("?" * len(events))
    return driver.rows(tx, "audit_leaves", kinds, f"where event in ({among}) order by position", *events)


def select_leaves(
    tx: Transaction, *, subject: str | None, event: str | None, before: int | None, limit: int
) -> list[sa.Row[Any]]:
    """Return rows newest first, of one subject (and what lies under it) or event, below an index."""
    query = sa.select(leaves).order_by(leaves.c.position.desc()).limit(limit)
    if subject is not None:
        query = query.where(
            sa.or_(leaves.c.subject == subject, leaves.c.subject.startswith(subject + "/", autoescape=True))
        )
    if event is not None:
        query = query.where(leaves.c.event == event)
    if before is not None:
        query = query.where(leaves.c.position < before)
    return list(tx.execute(query))


_HEAD_KINDS = {"size": int, "peaks": bytes, "note": str, "signer": str, "successor": str}


def _read(tx: Transaction, text: str) -> Head:
    with driver.readable("audit_head"):
        row = driver.run(tx, text, [()], fetch=True)
    if row is None:
        raise driver.damaged("the table audit_head does not say where it ends")
    driver.check_kinds("audit_head", _HEAD_KINDS, row)
    peaks = row[1]
    return Head(row[0], tuple(peaks[place : place + 32] for place in range(0, len(peaks), 32)), row[2], row[3], row[4])
