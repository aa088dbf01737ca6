"""Values of the log: entries, proofs, and what verifying it found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from clearance.values import request, value


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
    """That the log of the newer checkpoint begins with one of `size` leaves; `path` is base64.

    `older` is the checkpoint at that size, or empty where the log did not keep it (it keeps one in 256 leaves): then whoever
    checks brings their own.
    """

    size: int
    older: str
    newer: str
    path: tuple[str, ...]


@value
class LogKey:
    """A key of the log, which signed from size `since` until size `until` (both did there; None: it signs now).

    `endorsement` proves the leaf that names it, under a checkpoint that the key before it signed too; None for the first.
    """

    verifier: str
    since: int
    until: int | None = None
    endorsement: InclusionProof | None = None


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
    """What a whole-log verification found; `problems` is empty exactly when `ok`.

    `compared` says how many things of each kind the tables hold that were compared with what the log says of them; None where
    only the log was looked at: in a copy of the database, or because it does not hold itself.
    """

    ok: bool
    leaves: int
    checkpoints: int
    root: str
    verifier: str
    problems: tuple[str, ...]
    compared: Mapping[str, int] | None = None


@value
class Published:
    """What publishing did.

    Attributes:
        origin: the log's name.
        size, before: how many leaves are published now, and were before.
        tiles: how many tiles and bundles were written because the log grew.
        mended: how many of those before were missing or cut, and were written anew.
        waiting: how many leaves the log has beyond, which too few witnesses have vouched for yet.
        waiting_since: when the first of them was appended.
    """

    origin: str
    size: int
    before: int
    tiles: int
    mended: int = 0
    waiting: int = 0
    waiting_since: datetime | None = None


class Suspicion(StrEnum):
    """What a monitor found to be wrong with a log."""

    SIGNATURE = "signature"
    KEY = "key"
    TRUNCATED = "truncated"
    FORKED = "forked"
    REWRITTEN = "rewritten"
    EDITED = "edited"
    MISSING = "missing"
    WITNESSES = "witnesses"


@value
class Finding:
    """One thing that is wrong with a log: of what kind, in words, and the file it shows in."""

    kind: Suspicion
    message: str
    path: str = "checkpoint"


@value
class Sighting:
    """What a monitor saw: the log's size and root (base64), the size it knew before, and what is wrong, if anything.

    `cosigned` says when (seconds since 1970) each witness that was asked for vouched for the checkpoint; `waiting` how many
    leaves the log has signed beyond it, which too few witnesses have vouched for yet.
    """

    ok: bool
    origin: str
    size: int
    root: str
    before: int
    checked: int
    verifier: str
    cosigned: Mapping[str, int]
    findings: tuple[Finding, ...]
    waiting: int = 0


@value
class Cosignature:
    """That a witness found the checkpoint over `size` leaves to be consistent with all it saw before; `line` as in the note."""

    witness: str
    size: int
    at: datetime
    line: str


@value
class LogStatus:
    """Where the log stands for outsiders: its keys, its newest checkpoint, the one that is published, and who vouches for it.

    Attributes:
        waiting: how many leaves too few witnesses have vouched for yet, so that they are not published.
        waiting_since: when the first of them was appended.
        behind: the witnesses that have not vouched for the newest checkpoint.
    """

    keys: tuple[LogKey, ...]
    checkpoint: str
    published: str
    witnesses: tuple[str, ...]
    quorum: int
    cosignatures: tuple[Cosignature, ...]
    waiting: int = 0
    waiting_since: datetime | None = None
    behind: tuple[str, ...] = ()


@request
class KeyRotation:
    """A new key for the log, and why."""

    reason: str
