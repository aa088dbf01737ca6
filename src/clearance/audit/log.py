"""The use cases of the log: record, seal, prove, rotate its key."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from clearance.audit import checkpoint, leaf, proofs, publishing, store, tiles, tree
from clearance.audit.checkpoint import Checkpoint, Verifier
from clearance.audit.events import Event
from clearance.audit.keys import LogKeys
from clearance.audit.model import ConsistencyProof, Entry, InclusionProof, LogKey
from clearance.audit.tiles import WIDTH
from clearance.audit.verification import verify
from clearance.errors import Conflict, InvalidInput, NotFound, VerificationFailed
from clearance.storage.database import Transaction
from clearance.values import Page, plain, position_of, timestamp

__all__ = [
    "UndeclaredEvent",
    "consistency_path",
    "entries",
    "following",
    "is_empty",
    "prove_consistency",
    "prove_inclusion",
    "prover",
    "published_checkpoint",
    "published_file",
    "record",
    "rotate_key",
    "sealer",
    "stream",
    "succession",
    "trusted_verifier",
    "verifier",
    "verify",
]


class UndeclaredEvent(RuntimeError):
    """A use case recorded what the vocabulary does not know: a mistake in this program, never in its input."""


def record(tx: Transaction, event: Event, *, actor: str, subject: str, data: Mapping[str, Any] | None = None) -> None:
    """Note that something happened; it becomes a leaf when the transaction commits, or nothing at all.

    Args:
        tx: the transaction that makes the change.
        event: what happened.
        actor: who did it (`Principal.name`).
        subject: what it happened to, as a path: `model/car-loan`, `model/car-loan/1`, `rollout/rol_…`.
        data: further facts (JSON values), those that the event declares among them; digests rather than bodies, never
            secrets or personal data.

    Raises:
        UndeclaredEvent: the event is not in the vocabulary, or a fact is missing that it declares.
    """
    found = plain(data or {})
    if not isinstance(event, Event):
        raise UndeclaredEvent(f"{event!r} is no event: `audit/events.py` is the one place where they are named")
    if missing := event.facts - found.keys():
        raise UndeclaredEvent(f"a leaf of {event.value} must carry {', '.join(sorted(missing))}, see `audit/events.py`")
    tx.leaves.append({"event": event.value, "actor": actor, "subject": subject, "data": found})


def sealer(keys: LogKeys) -> Callable[[Transaction], None]:
    """Return what `Database` calls before a commit: it appends the noted leaves and signs the new checkpoint."""

    def seal(tx: Transaction) -> None:
        end = store.locked_head(tx)
        grown = tree.RollingRoot(end.size, end.peaks)
        at = timestamp(tx.now)
        rows = []
        for noted in tx.leaves:
            encoded = leaf.encode(at=at, **noted)
            leaf_hash = tree.leaf_hash(encoded)
            rows.append((grown.size, encoded, leaf_hash, noted["event"], noted["actor"], noted["subject"]))
            grown.add_hash(leaf_hash)
        signers = [end.signer or _first_key(tx, keys), *filter(None, [end.successor])]
        signed = Checkpoint(keys.origin, grown.size, grown.root())
        note = checkpoint.sign(signed, *map(keys.signer, signers))
        store.append(tx, rows, store.Head(grown.size, grown.peaks, note, signers[-1], ""))
        if end.successor:
            store.add_key(tx, grown.size, end.successor)
        if end.size // WIDTH != grown.size // WIDTH:
            _keep_tiles(tx, end.size, grown.size)
        if end.successor or end.size // WIDTH != grown.size // WIDTH:
            store.keep_checkpoint(tx, grown.size, note)

    return seal


def verifier(tx: Transaction, keys: LogKeys) -> Verifier:
    """Return the verifier of the key that signs now."""
    signer = store.read_head(tx).signer
    return checkpoint.parse_verifier(signer) if signer else keys.first()


def trusted_verifier(tx: Transaction, keys: LogKeys, held: frozenset[str]) -> Verifier:
    """Return the newest of the log's keys that is at hand: verify a log by that which came from elsewhere.

    Which key signs, such a log says itself, and whoever forged it says so too.

    Args:
        tx: the transaction.
        keys: of the log.
        held: verifier strings of the keys that this installation has (`LogKeys.held`), at least one.

    Raises:
        VerificationFailed: none of the log's keys is at hand.
        Conflict: the log has another name than the settings say.
    """
    end = store.read_head(tx)
    known = [text for _, text in store.all_keys(tx)]
    if not end.signer and not known:  # written by a release whose logs did not name their key
        known = sorted(held, key=lambda text: _is_signed(end.note, text))
    for text in (end.signer, *reversed(known)):
        if text in held:
            return checkpoint.parse_verifier(text)
    raise keys.missing(end.signer or known[-1])


def is_empty(tx: Transaction) -> bool:
    """Tell whether nothing has happened yet."""
    return store.size(tx) == 0 and store.leaf(tx, 0) is None


def rotate_key(tx: Transaction, actor: str, keys: LogKeys, reason: str) -> Verifier:
    """Have a new key sign from this transaction's checkpoint on; that one is signed by the old key too.

    The key is on the disk before anything is written to the database: a process that dies in between leaves a file that
    signs nothing. Other processes find the key by its name at their next commit.

    Raises:
        InvalidInput: no reason.
    """
    if not reason.strip():
        raise InvalidInput("say why the key changes", code="reason_missing", hint="it goes into the log")
    end = store.locked_head(tx)
    old = end.signer or _first_key(tx, keys)
    new = keys.make()
    store.name_successor(tx, new.text())
    facts = {"from": old, "to": new.text(), "reason": reason.strip()}
    record(tx, Event.LOG_KEY_ROTATED, actor=actor, subject=f"log/{keys.origin}", data=facts)
    return new


def succession(tx: Transaction, keys: LogKeys) -> tuple[LogKey, ...]:
    """Return the log's keys, oldest first, each with the proof by which the one before it names it."""
    known = store.all_keys(tx) or [(0, keys.first().text())]
    ends = [since for since, _ in known[1:]]
    return tuple(
        LogKey(verifier=text, since=since, until=until, endorsement=_endorsement(tx, since) if since else None)
        for (since, text), until in zip(known, [*ends, None], strict=True)
    )


def entries(
    tx: Transaction,
    *,
    subject: str | None = None,
    event: Event | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Entry]:
    """Return entries newest first; `subject` also takes what lies under it.

    Raises:
        InvalidInput: a cursor that no page gave (`bad_cursor`).
    """
    before = position_of(cursor)
    rows = store.select_leaves(
        tx, subject=subject, event=event.value if event else None, before=before, limit=limit + 1
    )
    items = tuple(_entry(row.position, bytes(row.leaf)) for row in rows[:limit])
    return Page(items=items, next=str(items[-1].index) if len(rows) > limit else None)


def following(tx: Transaction, begin: int, events: Iterable[Event], limit: int) -> list[Entry]:
    """Return the entries of some events from leaf `begin` on, oldest first: the log is an outbox for whoever goes on there."""
    rows = store.leaves_of(tx, begin, [event.value for event in events], limit)
    return [_entry(position, encoded) for position, encoded in rows]


def subjects(tx: Transaction, event: Event) -> frozenset[str]:
    """Return what the entries of an event are about."""
    return store.subjects_of(tx, event.value)


def stream(tx: Transaction, events: Iterable[Event]) -> Iterator[Entry]:
    """Yield all entries of some events, oldest first, as they are read.

    Raises:
        VerificationFailed: they can't be read.
    """
    rows = store.stream_leaves(tx, [event.value for event in events])
    return (_entry(position, encoded) for position, encoded in rows)


def prove_inclusion(tx: Transaction, index: int) -> InclusionProof:
    """Return the proof that leaf `index` is in the log as of its newest checkpoint.

    Raises:
        NotFound: there is no such leaf.
    """
    return prover(tx)(index)


def prover(tx: Transaction) -> Callable[[int], InclusionProof]:
    """Return what proves leaves as `prove_inclusion` does: all under one checkpoint, each node of the tree read once."""
    end = store.read_head(tx)
    return _prover(tx, end.size, end.note)


def prove_consistency(tx: Transaction, older: int, newer: int | None = None) -> ConsistencyProof:
    """Return the proof that the log of size `newer` (its present size by default) begins with the one of size `older`.

    The older checkpoint is told if it was kept; who asks has it, else there would be nothing to compare.

    Raises:
        NotFound: no checkpoint was kept at the newer size.
        Conflict: older is larger than newer.
    """
    size = store.size(tx)
    new_size = size if newer is None else newer
    if older > new_size:
        raise Conflict(
            f"size {older} is larger than {new_size}", code="sizes_reversed", hint="give the older size first"
        )
    note = store.checkpoint_at(tx, new_size)
    if note is None:
        raise NotFound(
            f"no checkpoint was kept at size {new_size}",
            code="checkpoint_not_found",
            hint="leave the newer size out to compare with the newest one",
        )
    path = tree.consistency_proof(_nodes(tx, new_size), older, new_size)
    return ConsistencyProof(
        size=older, older=store.checkpoint_at(tx, older) or "", newer=note, path=tuple(map(_b64, path))
    )


def published_file(tx: Transaction, keys: LogKeys, path: str, quorum: int) -> bytes:
    """Return a file of the log as it is published: `checkpoint`, `newest`, `keys.json`, or a tile.

    Args:
        tx: the transaction.
        keys: of the log.
        path: of the file.
        quorum: how many witnesses must have cosigned the checkpoint that is published; the newest one that so many did, or
            the newest of all while there is none.

    Raises:
        InvalidInput: there is no such file.
        NotFound: the log has not come so far.
    """
    if path == publishing.CHECKPOINT:
        return published_checkpoint(tx, quorum).encode()
    if path == publishing.NEWEST:
        return (store.latest_checkpoint(tx) or "").encode()
    if path == publishing.KEYS:
        return publishing.keys_file(succession(tx, keys))
    return store.tile(tx, tiles.parse_path(path))


def published_checkpoint(tx: Transaction, quorum: int) -> str:
    """Return the newest checkpoint that so many witnesses cosigned, with their signatures; empty for an empty log."""
    size = store.best_cosigned(tx, quorum) if quorum else None
    note = store.checkpoint_at(tx, store.size(tx) if size is None else size)
    if note is None:
        return ""
    lines = [line for _, line, _ in store.cosigned(tx, checkpoint.parse(note).size)]
    return note + "".join(lines)


def consistency_path(tx: Transaction, older: int, newer: int) -> list[bytes]:
    """Return the hashes that show the log of `newer` leaves to begin with the one of `older`.

    Raises:
        ValueError: not 0 <= older <= newer.
    """
    return tree.consistency_proof(_nodes(tx, newer), older, newer)


def _prover(tx: Transaction, size: int, note: str) -> Callable[[int], InclusionProof]:
    nodes = _nodes(tx, size)

    def prove(index: int) -> InclusionProof:
        found = store.leaf(tx, index)
        if found is None or index >= size:
            raise NotFound(f"the log has no leaf {index}", code="leaf_not_found", hint=f"it has {size} leaves, from 0")
        path = tree.inclusion_proof(nodes, index, size)
        return InclusionProof(index=index, leaf=_b64(found), path=tuple(map(_b64, path)), checkpoint=note)

    return prove


def _is_signed(note: str, verifier: str) -> bool:
    try:
        checkpoint.verify(note, checkpoint.parse_verifier(verifier))
    except VerificationFailed:
        return False
    return True


def _endorsement(tx: Transaction, since: int) -> InclusionProof:
    """Return the proof of the leaf that named the key, under the checkpoint that the key before it signed too."""
    index = store.last_position(tx, Event.LOG_KEY_ROTATED.value, since)
    note = store.checkpoint_at(tx, since)
    if index is None or note is None:
        raise NotFound(
            f"what named the key that signs since size {since} is missing",
            code="endorsement_missing",
            hint="`clearance audit verify` says what else is",
        )
    return _prover(tx, since, note)(index)


def _first_key(tx: Transaction, keys: LogKeys) -> str:
    text = keys.first().text()
    if not store.all_keys(tx):  # a rotation that is the log's first leaf asks twice
        store.add_key(tx, 0, text)
    return text


def _keep_tiles(tx: Transaction, before: int, after: int) -> None:
    """Write every tile that came to be full between two sizes of the log; the leaves are there already."""
    level = 0
    while before // WIDTH != after // WIDTH:
        for index in range(before // WIDTH, after // WIDTH):
            store.keep_tile(tx, level, index, store.hashes_below(tx, level, index * WIDTH, WIDTH))
        before, after, level = before // WIDTH, after // WIDTH, level + 1


def _nodes(tx: Transaction, size: int) -> tree.ReadNode:
    return tiles.nodes(lambda tile: store.tile(tx, tile), size)


def _entry(index: int, encoded: bytes) -> Entry:
    return proofs.read_leaf(index, encoded)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
