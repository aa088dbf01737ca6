"""The use cases of the log: record, seal, prove, verify."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clearance.audit import checkpoint, proofs, store, tree
from clearance.audit.events import Event
from clearance.audit.model import ConsistencyProof, Entry, InclusionProof, Verification
from clearance.errors import Conflict, NotFound, VerificationFailed
from clearance.storage.database import Transaction
from clearance.values import Page, canonical_json, plain, timestamp

_MAX_PROBLEMS = 20


def record(tx: Transaction, event: Event, *, actor: str, subject: str, data: Mapping[str, Any] | None = None) -> None:
    """Note that something happened; it becomes a leaf when the transaction commits, or nothing at all.

    Args:
        tx: the transaction that makes the change.
        event: what happened.
        actor: who did it (`Principal.name`).
        subject: what it happened to, as a path: `model/car-loan`, `model/car-loan/1`, `rollout/rol_…`.
        data: further facts (JSON values); digests rather than bodies, never secrets or personal data.
    """
    tx.leaves.append({"v": 1, "event": event.value, "actor": actor, "subject": subject, "data": plain(data or {})})


def sealer(origin: str, key: Callable[[], Ed25519PrivateKey]) -> Callable[[Transaction], None]:
    """Return what `Database` calls before a commit: it appends the noted leaves and signs the new checkpoint."""

    def seal(tx: Transaction) -> None:
        tx.lock("audit log")
        size = store.size(tx)
        at = timestamp(tx.now)
        leaves = [canonical_json({**leaf, "at": at}) for leaf in tx.leaves]
        known = store.nodes_at(tx, tree.frontier(size))

        def read(level: int, index: int) -> bytes:
            return known[level, index]

        made = tree.new_nodes(read, size, [tree.leaf_hash(leaf) for leaf in leaves])
        known |= made
        new_size = size + len(leaves)
        rows: list[Mapping[str, Any]] = [
            {
                "position": size + offset,
                "leaf": leaf,
                "at": tx.now,
                **{name: noted[name] for name in ("event", "actor", "subject")},
            }
            for offset, (leaf, noted) in enumerate(zip(leaves, tx.leaves, strict=True))
        ]
        note = checkpoint.sign(checkpoint.Checkpoint(origin, new_size, tree.root(read, new_size)), key())
        store.append(tx, rows, made, note)

    return seal


def entries(
    tx: Transaction,
    *,
    subject: str | None = None,
    event: Event | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Entry]:
    """Return entries newest first; `subject` also takes what lies under it."""
    before = int(cursor) if cursor and cursor.isdigit() else None
    rows = store.select_leaves(
        tx, subject=subject, event=event.value if event else None, before=before, limit=limit + 1
    )
    items = tuple(_entry(row.position, bytes(row.leaf)) for row in rows[:limit])
    return Page(items=items, next=str(items[-1].index) if len(rows) > limit else None)


def prove_inclusion(tx: Transaction, index: int) -> InclusionProof:
    """Return the proof that leaf `index` is in the log as of its newest checkpoint.

    Raises:
        NotFound: there is no such leaf.
    """
    leaf, note = store.leaf(tx, index), store.latest_checkpoint(tx)
    if leaf is None or note is None:
        raise NotFound(
            f"the log has no leaf {index}", code="leaf_not_found", hint=f"it has {store.size(tx)} leaves, from 0"
        )
    path = tree.inclusion_proof(lambda level, at: store.node(tx, level, at), index, store.size(tx))
    return InclusionProof(index=index, leaf=_b64(leaf), path=tuple(map(_b64, path)), checkpoint=note)


def prove_consistency(tx: Transaction, older: int, newer: int | None = None) -> ConsistencyProof:
    """Return the proof that the log of size `newer` (its present size by default) begins with the one of size `older`.

    Raises:
        NotFound: no checkpoint was signed at one of the sizes.
        Conflict: older is larger than newer.
    """
    new_size = store.size(tx) if newer is None else newer
    if older > new_size:
        raise Conflict(
            f"size {older} is larger than {new_size}", code="sizes_reversed", hint="give the older size first"
        )
    notes = [store.checkpoint_at(tx, size) for size in (older, new_size)]
    for size, note in zip((older, new_size), notes, strict=True):
        if note is None:
            raise NotFound(f"no checkpoint was signed at size {size}", code="checkpoint_not_found")
    path = tree.consistency_proof(lambda level, at: store.node(tx, level, at), older, new_size)
    return ConsistencyProof(older=str(notes[0]), newer=str(notes[1]), path=tuple(map(_b64, path)))


def verify(tx: Transaction, verifier: checkpoint.Verifier) -> Verification:
    """Recompute the whole log from its leaves and compare it with everything that was signed."""
    notes = store.all_checkpoints(tx)
    rolling = tree.RollingRoot()
    roots: dict[int, bytes] = {}
    problems: list[str] = []
    with closing(store.all_leaves(tx)) as rows:
        for row in rows:
            leaf = bytes(row.leaf)
            if row.position != rolling.size:
                problems.append(f"leaf {rolling.size} is missing: the next one found is {row.position}")
                break
            problems += _disagreements(row, leaf)
            rolling.add(leaf)
            if rolling.size in notes:
                roots[rolling.size] = rolling.root()
    for size, note in notes.items():
        problems += _checkpoint_problems(size, note, roots.get(size), verifier)
    if rolling.size and rolling.size not in notes:
        problems.append(f"the log has {rolling.size} leaves, but no checkpoint was signed at that size")
    return Verification(
        ok=not problems,
        leaves=rolling.size,
        checkpoints=len(notes),
        root=_b64(rolling.root()),
        verifier=verifier.text(),
        problems=tuple(problems[:_MAX_PROBLEMS]),
    )


def _checkpoint_problems(size: int, note: str, root: bytes | None, verifier: checkpoint.Verifier) -> list[str]:
    try:
        signed = checkpoint.verify(note, verifier)
    except VerificationFailed as error:
        return [f"checkpoint at size {size}: {error.message}"]
    if signed.size != size:
        return [f"checkpoint at size {size} is signed for size {signed.size}"]
    if root is None:
        return [f"a checkpoint was signed over {size} leaves, but they are not all here: the log was truncated"]
    if signed.root != root:
        return [f"the first {size} leaves are not those that were signed: a leaf up to {size - 1} was changed"]
    return []


def _disagreements(row: Any, leaf: bytes) -> list[str]:
    try:
        entry = _entry(row.position, leaf)
    except (ValueError, KeyError, TypeError):
        return [f"leaf {row.position} can't be read"]
    columns = {"at": row.at, "event": row.event, "actor": row.actor, "subject": row.subject}
    return [
        f"leaf {row.position}: its {name} column says {found!s}, the leaf {getattr(entry, name)!s}"
        for name, found in columns.items()
        if getattr(entry, name) != found
    ]


def _entry(index: int, leaf: bytes) -> Entry:
    return proofs.entry(index, json.loads(leaf))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
