"""Tables of the log: leaves, complete subtrees, and every checkpoint that was signed."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from clearance.errors import VerificationFailed
from clearance.storage.database import Transaction, UtcDateTime, metadata

# Indexed copies of what the leaf says, for queries; `verify` compares them with the leaf.
leaves = sa.Table(
    "audit_leaves",
    metadata,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("leaf", sa.LargeBinary, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("event", sa.String(64), nullable=False, index=True),
    sa.Column("actor", sa.String(255), nullable=False),
    sa.Column("subject", sa.String(512), nullable=False, index=True),
    info={"audited": False},
)
nodes = sa.Table(
    "audit_nodes",
    metadata,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    info={"audited": False},
)
checkpoints = sa.Table(
    "audit_checkpoints",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("note", sa.Text, nullable=False),
    info={"audited": False},
)


def size(tx: Transaction) -> int:
    """Return the number of leaves."""
    return int(tx.execute(sa.select(sa.func.coalesce(sa.func.max(leaves.c.position) + 1, 0))).scalar_one())


def node(tx: Transaction, level: int, index: int) -> bytes:
    """Return the hash of a complete subtree.

    Raises:
        VerificationFailed: the table lacks it, which only tampering explains.
    """
    return nodes_at(tx, [(level, index)])[level, index]


def nodes_at(tx: Transaction, places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    """Return the hashes of several complete subtrees, in one query.

    Raises:
        VerificationFailed: the table lacks one, which only tampering explains.
    """
    if not places:
        return {}
    wanted = sa.tuple_(nodes.c.level, nodes.c.position).in_(places)
    found = {(row.level, row.position): bytes(row.hash) for row in tx.execute(sa.select(nodes).where(wanted))}
    if len(found) != len(places):
        raise VerificationFailed(
            "the audit log's tree is damaged: nodes are missing",
            code="log_damaged",
            hint="`clearance audit verify` says what still holds; restore the database from a backup",
        )
    return found


def append(tx: Transaction, rows: list[Mapping[str, Any]], made: Mapping[tuple[int, int], bytes], note: str) -> None:
    """Write leaves, the subtrees they complete, and the checkpoint over all."""
    tx.execute(sa.insert(leaves), rows)
    tx.execute(
        sa.insert(nodes), [{"level": level, "position": index, "hash": made[level, index]} for level, index in made]
    )
    tx.execute(sa.insert(checkpoints), {"size": int(rows[-1]["position"]) + 1, "note": note})


def latest_checkpoint(tx: Transaction) -> str | None:
    """Return the newest signed note, or None for an empty log."""
    found: str | None = tx.execute(sa.select(checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1)).scalar()
    return found


def checkpoint_at(tx: Transaction, at_size: int) -> str | None:
    """Return the signed note over exactly that many leaves, if one was signed."""
    found: str | None = tx.execute(sa.select(checkpoints.c.note).where(checkpoints.c.size == at_size)).scalar()
    return found


def all_checkpoints(tx: Transaction) -> dict[int, str]:
    """Return every signed note by its size."""
    return {row.size: row.note for row in tx.execute(sa.select(checkpoints).order_by(checkpoints.c.size))}


def all_leaves(tx: Transaction) -> Generator[sa.Row[Any], None, None]:
    """Yield every leaf row in order, without holding them all."""
    query = sa.select(leaves).order_by(leaves.c.position).execution_options(yield_per=5000)
    with tx.connection.execute(query) as result:
        yield from result


def leaf(tx: Transaction, index: int) -> bytes | None:
    """Return a leaf's bytes."""
    found = tx.execute(sa.select(leaves.c.leaf).where(leaves.c.position == index)).scalar()
    return None if found is None else bytes(found)


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
