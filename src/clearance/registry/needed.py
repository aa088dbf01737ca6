"""Which stored bytes the registry needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlalchemy as sa

from clearance.registry.store import datasets, versions
from clearance.storage.database import Transaction

_DIGEST = re.compile("sha256:[0-9a-f]{64}")


def needed_blobs(tx: Transaction) -> Iterator[str]:
    """Yield the digests of the blobs that versions (also stopped and deleted ones) and datasets name, and some more perhaps.

    Every digest in a version's files and provenance counts, whatever it stands for there.
    """
    for row in tx.execute(sa.select(versions.c.files, versions.c.provenance)):
        yield from _DIGEST.findall(row.files)
        yield from _DIGEST.findall(row.provenance)
    yield from tx.execute(sa.select(datasets.c.digest)).scalars()
