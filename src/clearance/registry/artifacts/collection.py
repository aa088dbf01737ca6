"""Use cases of what is stored: count it, read it through, and collect what nobody needs any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.clock import span
from clearance.errors import InvalidInput, NotFound, Unavailable, VerificationFailed
from clearance.registry.artifacts import store, uploads
from clearance.registry.artifacts.claims import LOCK
from clearance.registry.artifacts.model import Collected, Collection, Fault, Inspection, Usage
from clearance.settings import Settings
from clearance.storage.blobs import BlobStore, StoredBlob
from clearance.storage.database import Database, Transaction
from clearance.values import digest_of

Needed = Callable[[Transaction], Iterable[str]]
"""Names the digests of blobs that a room needs; `app.Clearance.needed_blobs` asks every room that keeps some."""

_LEAST_HOURS = 1.0  # more than any request takes, and than the clocks of servers and of the store may differ
_REMOVED_AT_ONCE = 200  # while they are, nobody can register: keep it short
_INSPECTED_AT_ONCE = 100
_INSPECTED_BYTES = 4 << 30


def usage(database: Database, blobs: BlobStore, needed: Needed) -> Usage:
    """Return what lies in the store."""
    with database.read() as tx:
        wanted = set(needed(tx))
        unfinished = store.count_unfinished(tx)
    every = list(blobs.blobs())
    unneeded = [blob for blob in every if blob.digest not in wanted]
    return Usage(
        place=blobs.place,
        blobs=len(every),
        bytes=_bytes(every),
        unneeded=len(unneeded),
        unneeded_bytes=_bytes(unneeded),
        unfinished_uploads=unfinished,
    )


def inspect(database: Database, blobs: BlobStore, needed: Needed, *, after: str | None = None) -> Inspection:
    """Read some of the blobs that something needs, in the order of their digests, and return which are not what they should be.

    Args:
        database: where the rooms' rows are.
        blobs: the store.
        needed: the digests that somebody needs.
        after: digest to go on behind: `next` of the inspection before.
    """
    with database.read() as tx:
        wanted = sorted(digest for digest in set(needed(tx)) if after is None or digest > after)
    size = checked = 0
    faults: list[Fault] = []
    for digest in islice(wanted, _INSPECTED_AT_ONCE):
        try:
            size += blobs.verify(digest)
        except (NotFound, VerificationFailed) as error:
            faults.append(Fault(digest=digest, problem=error.message))
        checked += 1
        if size > _INSPECTED_BYTES:
            break
    following = wanted[checked - 1] if checked < len(wanted) else None
    return Inspection(checked=checked, bytes=size, faults=tuple(faults), next=following)


def collect(
    database: Database, caller: Principal, settings: Settings, blobs: BlobStore, needed: Needed, which: Collection
) -> Collected:
    """Remove the blobs that nothing needs and nobody asked for lately; give up uploads that nobody goes on with.

    What may go is found without stopping anybody. It is removed under a lock that `claims.hold` shares, and only what was
    not claimed since: a version that is registered meanwhile either keeps its bytes, or finds them gone and is refused.

    Raises:
        InvalidInput: the age is under an hour (`too_young`), or none (`bad_duration`).
        Unavailable: the store can't be changed; what was removed until then is in the log.
    """
    if not which.older_than_hours >= _LEAST_HOURS:
        raise InvalidInput(
            f"blobs younger than {_LEAST_HOURS:g} hour are always kept: somebody may be about to register them",
            code="too_young",
            hint="name an age of an hour or more; the default is a day",
        )
    with database.read() as tx:
        cutoff = tx.now - span(hours=which.older_than_hours)
        wanted = set(needed(tx))
        claimed = store.claimed(tx)
    unneeded = [blob for blob in blobs.blobs() if blob.digest not in wanted]
    old = [blob for blob in unneeded if max(blob.put_at, claimed.get(blob.digest, blob.put_at)) < cutoff]
    if which.dry_run:
        removed, given_up = old, 0
    else:
        removed = []
        for batch in _batches(sorted(old, key=lambda blob: blob.digest)):
            removed += _remove(database, caller, blobs, batch, claimed, which)
        given_up = uploads.sweep(database, settings, blobs)  # on a full disk, what was removed makes room to note this
        with database.write() as tx:
            tx.lock(LOCK)
            store.drop_claims(tx, cutoff)
    return Collected(
        dry_run=which.dry_run,
        removed=len(removed),
        removed_bytes=_bytes(removed),
        kept=len(wanted),
        young=len(unneeded) - len(removed),
        uploads=given_up,
    )


def _remove(
    database: Database,
    caller: Principal,
    blobs: BlobStore,
    batch: Sequence[StoredBlob],
    claimed_before: Mapping[str, datetime],
    which: Collection,
) -> list[StoredBlob]:
    """Remove a batch, except what was claimed since it was looked for, and leave a leaf that says so."""
    removed: list[StoredBlob] = []
    trouble: Unavailable | None = None
    with database.write() as tx:
        tx.lock(LOCK)
        tx.allow_pause()  # a bucket may take its time, and what is gone must get its leaf
        claimed = store.claimed(tx)
        for blob in batch:
            if claimed.get(blob.digest) != claimed_before.get(blob.digest):
                continue
            try:
                blobs.remove(blob.digest)
            except Unavailable as error:
                trouble = error
                break
            removed.append(blob)
        if removed:
            log.record(
                tx,
                Event.ARTIFACTS_COLLECTED,
                actor=caller.name,
                subject="artifacts",
                data={
                    "count": len(removed),
                    "bytes": _bytes(removed),
                    "digests": digest_of([blob.digest for blob in removed]),
                    "older_than_hours": which.older_than_hours,
                },
            )
    if trouble is not None:
        raise trouble
    return removed


def _batches(blobs: Sequence[StoredBlob]) -> Iterator[Sequence[StoredBlob]]:
    for start in range(0, len(blobs), _REMOVED_AT_ONCE):
        yield blobs[start : start + _REMOVED_AT_ONCE]


def _bytes(blobs: Iterable[StoredBlob]) -> int:
    return sum(blob.size for blob in blobs)
