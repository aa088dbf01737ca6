"""Values of the log: entries, proofs, and what verifying it found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clearance.values import value


@value
class Entry:
    """One leaf, readable: what happened, when, by whom, to what."""

    index: int
    at: datetime
    event: str
    actor: str
    subject: str
    data: Mapping[str, Any]


@value
class InclusionProof:
    """That a leaf is in the log of a signed checkpoint; `leaf` and `path` are base64, the checkpoint a signed note."""

    index: int
    leaf: str
    path: tuple[str, ...]
    checkpoint: str


@value
class ConsistencyProof:
    """That the log of the newer checkpoint begins with the log of the older one; `path` is base64."""

    older: str
    newer: str
    path: tuple[str, ...]


@value
class ProvenEntry:
    """What checking an inclusion proof showed: the entry, the log's size and root (base64) it is under, and by which key."""

    entry: Entry
    size: int
    root: str
    verifier: str
    proof: InclusionProof


@value
class ProvenGrowth:
    """What checking a consistency proof showed: the log only grew between two sizes; roots in base64."""

    older: int
    older_root: str
    newer: int
    newer_root: str
    verifier: str
    proof: ConsistencyProof


@value
class Verification:
    """What a whole-log verification found; `problems` is empty exactly when `ok`."""

    ok: bool
    leaves: int
    checkpoints: int
    root: str
    verifier: str
    problems: tuple[str, ...]
