"""Uploads in pieces, and what is stored; pure."""

from __future__ import annotations

import hashlib
from datetime import datetime

from clearance.values import canonical_json, request, value


@value
class Upload:
    """A file that is sent in pieces: `received` of its `size` bytes are here; it is given up at `expires_at`."""

    id: str
    digest: str
    size: int
    received: int
    finished: bool
    expires_at: datetime


@request
class Collection:
    """Which bytes to collect: those that nothing needs and that are older than so many hours; with `dry_run` only count."""

    older_than_hours: float = 24
    dry_run: bool = False


@value
class Collected:
    """What a collection came to.

    Attributes:
        removed: blobs that were removed; in a dry run, that would be.
        removed_bytes: how large they were together.
        kept: blobs that something needs.
        young: blobs that nothing needs, but that were stored, asked about or claimed too recently.
        uploads: unfinished uploads that were given up.
    """

    dry_run: bool
    removed: int
    removed_bytes: int
    kept: int
    young: int
    uploads: int


@value
class Usage:
    """What lies in the store: where, how many blobs of how many bytes, and the part of it that nothing needs."""

    place: str
    blobs: int
    bytes: int
    unneeded: int
    unneeded_bytes: int
    unfinished_uploads: int


@value
class Fault:
    """A stored blob that is not what it claims to be, or that something needs and that is not there."""

    digest: str
    problem: str


@value
class Inspection:
    """What reading blobs through has found; `next` is where to go on, None at the end."""

    checked: int
    bytes: int
    faults: tuple[Fault, ...]
    next: str | None


def upload_id(caller: str, digest: str, size: int) -> str:
    """Return the identifier of an upload: the same caller, sending the same bytes again, finds what is there already."""
    named = canonical_json({"caller": caller, "digest": digest, "size": size})
    return "upl_" + hashlib.sha256(named).hexdigest()[:32]
