"""The promise that keeps a blob from being collected between the moment it is found and the commit that needs it.

Who writes a row that names a blob calls `hold` in the same transaction. It shares a lock that a collection takes alone: either
the row is committed before the collection looks again, or the collection is over before `hold` looks for the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from clearance.registry.artifacts import store
from clearance.storage.blobs import BlobStore, StoredBlob, missing
from clearance.storage.database import Transaction
from clearance.storage.digests import check_digest

LOCK = "artifacts"
_MANY = 1000  # blobs: to ask a bucket for more may take longer than a transaction may pause


def hold(tx: Transaction, blobs: BlobStore, digests: Iterable[str]) -> dict[str, StoredBlob]:
    """Return those of these blobs that are there, by digest; they stay, at least until a collection's age has passed.

    Raises:
        InvalidInput: one is no digest.
        Unavailable: the store can't be asked.
    """
    wanted = set(digests)
    claim(tx, wanted)
    if len(wanted) > _MANY:
        tx.allow_pause()
    return blobs.find_all(wanted)


def claim(tx: Transaction, digests: Iterable[str]) -> None:
    """Promise that these blobs stay, also those that are only about to come.

    Raises:
        InvalidInput: one is no digest.
    """
    wanted = {check_digest(digest) for digest in digests}
    tx.lock(LOCK, shared=True)
    store.claim(tx, wanted)


def keep(tx: Transaction, blobs: BlobStore, digest: str) -> StoredBlob:
    """As `hold`, for one blob that must be there.

    Raises:
        NotFound: it is not there (any more).
    """
    found = hold(tx, blobs, [digest])
    if digest not in found:
        raise missing(digest)
    return found[digest]
