"""Publish a log as static files, incrementally: what is full is written once, the checkpoint last."""

from __future__ import annotations

from collections.abc import Sequence

from clearance.audit import checkpoint, tiles, tree
from clearance.audit.model import LogKey, Published
from clearance.audit.sources import Source, Target
from clearance.audit.tiles import Tile
from clearance.errors import Conflict, NotFound, VerificationFailed
from clearance.values import canonical_json

CHECKPOINT = "checkpoint"
KEYS = "keys.json"


def publish(source: Source, target: Target) -> Published:
    """Bring a published log up to the source's checkpoint.

    Nothing that a reader holds is taken away: tiles come before the checkpoint that covers them, full ones are never
    written again, and those of the checkpoint before stay. A run that was interrupted is completed by the next one.

    Raises:
        NotFound: the log is empty.
        Conflict: the target holds another log, or more of this one than the source has.
        Unavailable: one of them can't be reached.
    """
    note = source.read(CHECKPOINT)
    if not note:
        raise NotFound("the log is empty: there is nothing to publish", code="log_empty")
    new = checkpoint.parse(note.decode())
    old = _published(target)
    if old is not None:
        _check_same_log(source, old, new)
    before = old.size if old else 0
    written = 0
    for tile in tiles.tiles_of(new.size, before):
        if not (tile.is_full and _has(target, tile, before)):
            target.write(tile.path, source.read(tile.path))
            written += 1
    target.write(KEYS, source.read(KEYS))
    target.write(CHECKPOINT, note)
    for tile in tiles.tiles_of(new.size, before):
        _clear(target, Tile(tile.level, tile.index), new.size, before)
        if tile.index:  # it was filled last time, and its partial form still needed then
            _clear(target, Tile(tile.level, tile.index - 1), new.size, before)
    return Published(origin=new.origin, size=new.size, before=before, tiles=written)


def _published(target: Target) -> checkpoint.Checkpoint | None:
    try:
        return checkpoint.parse(target.read(CHECKPOINT).decode(errors="replace"))
    except NotFound:
        return None


def _check_same_log(source: Source, old: checkpoint.Checkpoint, new: checkpoint.Checkpoint) -> None:
    if old.origin != new.origin or old.size > new.size:
        raise Conflict(
            f"there is a log {old.origin} of {old.size} leaves published already, and this one is {new.origin} of {new.size}",
            code="published_other",
            hint="was an older backup restored? Look at both before you publish; else choose another folder",
        )
    try:
        root = tree.root(tiles.nodes(lambda tile: source.read(tile.path), new.size), old.size)
    except VerificationFailed as error:
        raise _rewritten(old.size) from error
    if root != old.root:
        raise _rewritten(old.size)


def _rewritten(size: int) -> Conflict:
    return Conflict(
        f"the first {size} leaves are not those that were published: the log was rewritten",
        code="published_rewritten",
        hint="keep the published files, they are the evidence; `clearance audit verify` says what the database holds",
    )


def _has(target: Target, tile: Tile, before: int) -> bool:
    """Tell whether an interrupted run left a whole tile there; one that the last checkpoint covered is not asked for."""
    if tiles.covering(tile.level, tile.index, before).is_full:
        return True
    try:
        target.read(tile.path)
    except NotFound:
        return False
    return True


def _clear(target: Target, tile: Tile, size: int, before: int) -> None:
    """Remove the partial forms of a tile that neither this checkpoint nor the one before it refers to."""
    needed = {tiles.covering(tile.level, tile.index, each).path for each in (size, before)}
    for path in target.narrower(tile.path):
        if path not in needed:
            target.remove(path)


def keys_file(keys: Sequence[LogKey]) -> bytes:
    """Return the list of a log's keys as it is published."""
    return canonical_json(keys) + b"\n"
