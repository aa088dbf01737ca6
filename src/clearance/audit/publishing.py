"""Publish a log as static files, incrementally: what is full is written once, the checkpoint last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from clearance.audit import checkpoint, tiles, tree
from clearance.audit.model import LogKey, Published
from clearance.audit.sources import Source, Target
from clearance.audit.tiles import Tile
from clearance.errors import Conflict, NotFound, VerificationFailed
from clearance.values import canonical_json

CHECKPOINT = "checkpoint"
NEWEST = "newest"
"""The newest checkpoint that the log signed, which its witnesses may not have vouched for yet; a monitor counts what waits."""
KEYS = "keys.json"


def publish(source: Source, target: Target) -> Published:
    """Bring a published log up to the source's checkpoint.

    Nothing that a reader holds is taken away: tiles come before the checkpoint that covers them, full ones are never
    written again while they are whole, and those of the checkpoint before stay. A run that was interrupted is completed by the
    next one, and what is missing or cut of an earlier one is written anew; of the newest tiles the content is compared.

    Raises:
        NotFound: the log is empty.
        Conflict: the target holds another log, or more of this one than the source has.
        Unavailable: one of them can't be reached.
    """
    newest = source.read(NEWEST)  # before the other: where nobody has to vouch for it, nothing waits
    note = source.read(CHECKPOINT)
    if not note:
        raise NotFound("the log is empty: there is nothing to publish", code="log_empty")
    new, signed = checkpoint.parse(note.decode()), checkpoint.parse(newest.decode())
    old = _published(target)
    if old is not None:
        _check_same_log(source, old, new)
    before = old.size if old else 0
    grown = dict.fromkeys(tiles.tiles_of(new.size, before))
    there = target.sizes()
    written = [tile for tile in grown if not (tile.is_full and _is_whole(target, tile, there))]
    mended = [
        tile
        for tile in tiles.tiles_of(new.size)
        if tile not in grown and not (_is_whole(target, tile, there) and _is_same(source, target, tile, new.size))
    ]
    for tile in (*written, *mended):
        target.write(tile.path, source.read(tile.path))
    target.write(KEYS, source.read(KEYS))
    target.write(CHECKPOINT, note)
    target.write(NEWEST, newest)
    for tile in tiles.tiles_of(new.size, before):
        _clear(target, Tile(tile.level, tile.index), new.size, before)
        if tile.index:  # it was filled last time, and its partial form still needed then
            _clear(target, Tile(tile.level, tile.index - 1), new.size, before)
    return Published(
        origin=new.origin,
        size=new.size,
        before=before,
        tiles=len(written),
        mended=len(mended),
        waiting=max(0, signed.size - new.size),
        waiting_since=_time_of(source, new.size, signed.size) if signed.size > new.size else None,
    )


def _published(target: Target) -> checkpoint.Checkpoint | None:
    try:
        return checkpoint.parse(target.read(CHECKPOINT).decode(errors="replace"))
    except NotFound:
        return None
    except VerificationFailed as error:
        raise Conflict(
            f"the checkpoint that was published can't be read: {error.message}",
            code="published_unreadable",
            hint="put back a copy of it that somebody kept, or remove it if the copying was broken off: then every tile is "
            "looked at, but nothing shows any more that this is the log that was published",
        ) from error


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


def _is_whole(target: Target, tile: Tile, there: Mapping[str, int]) -> bool:
    """Tell whether a tile or bundle lies there with all its bytes."""
    size = there.get(tile.path, 0)
    if tile.level >= 0:
        return size == 32 * tile.width
    if size == 0 or not target.tears:
        return size > 0
    try:
        return len(tiles.unpack(target.read(tile.path), tile)) == tile.width
    except VerificationFailed:
        return False


def _is_same(source: Source, target: Target, tile: Tile, size: int) -> bool:
    """Tell whether a tile at the growing edge of the log says what the log says; older ones a monitor compares."""
    count = size >> (tiles.HEIGHT * max(tile.level, 0))
    return tile.index < (count - 1) // tiles.WIDTH or target.read(tile.path) == source.read(tile.path)


def _time_of(source: Source, index: int, size: int) -> datetime:
    """Return when a leaf of a log of some size was appended."""
    bundle = tiles.covering(-1, index // tiles.WIDTH, size)
    found = tiles.unpack(source.read(bundle.path), bundle)[index % tiles.WIDTH]
    return datetime.fromisoformat(json.loads(found)["at"])


def _clear(target: Target, tile: Tile, size: int, before: int) -> None:
    """Remove the partial forms of a tile that neither this checkpoint nor the one before it refers to."""
    needed = {tiles.covering(tile.level, tile.index, each).path for each in (size, before)}
    for path in target.narrower(tile.path):
        if path not in needed:
            target.remove(path)


def keys_file(keys: Sequence[LogKey]) -> bytes:
    """Return the list of a log's keys as it is published."""
    return canonical_json(keys) + b"\n"
