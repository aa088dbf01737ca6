"""Watch a published log with nothing but its files, the pinned key and what was seen before; no server, no database.

What it finds: forks, truncation, rewriting, edited files, missing files, keys and signatures that don't follow from the pinned
key, witnesses that are missing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from clearance.audit import checkpoint, proofs, publishing, tiles, tree
from clearance.audit.checkpoint import Checkpoint, Verifier
from clearance.audit.model import Finding, InclusionProof, LogKey, Sighting, Suspicion
from clearance.audit.proofs import Succession
from clearance.audit.sources import Source, write_whole
from clearance.audit.tiles import WIDTH, Tile
from clearance.errors import InvalidInput, NotFound, VerificationFailed
from clearance.values import canonical_json


@dataclass(frozen=True, slots=True)
class Watch:
    """What a monitor asks of a log.

    Attributes:
        pinned: the log's key, as it was when the log was first trusted.
        witnesses: whose cosignatures count.
        quorum: how many of them the checkpoint must carry.
        everything: check every leaf and file again, also those that an earlier look found to be right.
        seen: checkpoints that others hold (signed notes): they must be of the same log.
    """

    pinned: Verifier
    witnesses: Sequence[Verifier] = ()
    quorum: int = 0
    everything: bool = False
    seen: Sequence[str] = ()


@dataclass
class Look:
    """One look at a log: what was found, the checkpoint to remember if nothing was wrong, and the files that show what was."""

    sighting: Sighting
    note: str
    evidence: Mapping[str, bytes]


class _Wrong(Exception):  # a finding that ends the look, not an error of this program
    def __init__(self, kind: Suspicion, message: str, path: str = publishing.CHECKPOINT) -> None:
        super().__init__(message)
        self.finding = Finding(kind=kind, message=message, path=path)


@dataclass
class _Files:
    """The files of a log, of which those are remembered that a finding may be about."""

    source: Source
    read_now: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        try:
            content = self.source.read(path)
        except NotFound as error:
            raise _Wrong(Suspicion.MISSING, error.message, path) from error
        if len(self.read_now) > 64:  # evidence needs the newest few, and memory is bounded
            del self.read_now[next(iter(self.read_now))]
        self.read_now[path] = content
        return content

    def tile(self, tile: Tile) -> bytes:
        return self.read(tile.path)


def look(source: Source, watch: Watch, kept: str | None = None) -> Look:
    """Compare a log with what was known of it.

    Args:
        source: the log's files.
        watch: what to ask of it.
        kept: the last checkpoint that was found to be right, a signed note; None the first time, which checks every leaf.

    Raises:
        Unavailable: the log can't be read now; that says nothing against it.
        VerificationFailed: what was kept is not signed by the pinned key or one that follows from it.
    """
    files = _Files(source)
    note = ""
    signed = before = Checkpoint(watch.pinned.name, 0, tree.empty_root())
    findings: list[Finding] = []
    cosigned: Mapping[str, int] = {}
    keys: Succession | None = None
    checked = waiting = 0
    try:
        note = _text(files.read(publishing.CHECKPOINT))
        keys = _keys_of(files, watch.pinned)
        signed = keys.verify(note)
        before = keys.verify(kept) if kept else before
        findings += _outsiders(files, keys, watch, signed)
        cosigned = checkpoint.cosignatures(note, watch.witnesses)
        if len(cosigned) < watch.quorum:
            findings.append(
                Finding(
                    kind=Suspicion.WITNESSES,
                    message=f"{len(cosigned)} of {len(watch.witnesses)} witnesses vouch for it, and {watch.quorum} must",
                )
            )
        _check_growth(files, before, signed)
        waiting = _waiting(files, keys, signed) if watch.quorum else 0
        start = 0 if watch.everything else before.size
        checked = signed.size - start
        findings += _check_leaves(files, start, signed)
    except _Wrong as wrong:
        findings.append(wrong.finding)
    except VerificationFailed as error:
        path = str(error.details.get("path", publishing.CHECKPOINT))
        kind = Suspicion.EDITED if path.startswith("tile/") else Suspicion.SIGNATURE
        findings.append(Finding(kind=kind, message=error.message, path=path))
    sighting = Sighting(
        ok=not findings,
        origin=signed.origin,
        size=signed.size,
        root=base64.b64encode(signed.root).decode(),
        before=before.size,
        checked=checked,
        verifier=(keys.newest if keys else watch.pinned).text(),
        cosigned=cosigned,
        findings=tuple(findings),
        waiting=waiting,
    )
    return Look(sighting, note, _evidence(files, kept, watch.seen, findings))


def monitor(source: Source, watch: Watch, state: Path, evidence: Path, at: datetime) -> Sighting:
    """Look at a log, remember its checkpoint in a file if nothing is wrong, and else keep the evidence in a folder.

    Args:
        source: the log's files.
        watch: what to ask of it.
        state: the file in which the last good checkpoint stands; made the first time.
        evidence: the folder in which a folder of this look is made when something is wrong.
        at: now.

    Raises:
        InvalidInput: the state is of another log or pinned key, or can't be read.
        Unavailable: the log can't be read now.
    """
    kept = _read_state(state, watch.pinned)
    found = look(source, watch, kept)
    if found.sighting.ok:
        body = {"v": 1, "pinned": watch.pinned.text(), "checkpoint": found.note}
        state.parent.mkdir(parents=True, exist_ok=True)
        write_whole(state, canonical_json(body) + b"\n")
        return found.sighting
    folder = evidence / f"{at:%Y%m%dT%H%M%S.%fZ}-{found.sighting.findings[0].kind}"
    for path, content in {**found.evidence, "sighting.json": canonical_json(found.sighting) + b"\n"}.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, content)
    return found.sighting


def _keys_of(files: _Files, pinned: Verifier) -> Succession:
    """Return the keys that the log lists, once they are shown to follow from each other, the pinned one among them."""
    try:
        return proofs.check_succession(_log_keys(json.loads(files.read(publishing.KEYS))), pinned)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _Wrong(Suspicion.KEY, f"the list of the log's keys can't be read: {error}", publishing.KEYS) from error
    except (VerificationFailed, InvalidInput) as error:
        raise _Wrong(Suspicion.KEY, error.message, publishing.KEYS) from error


def _check_growth(files: _Files, before: Checkpoint, signed: Checkpoint) -> None:
    if signed.size < before.size:
        raise _Wrong(
            Suspicion.TRUNCATED,
            f"the log had {before.size} leaves and has {signed.size} now: it was cut off or set back",
        )
    if signed.size == before.size and signed.root != before.root:
        raise _Wrong(Suspicion.FORKED, f"there are two logs of {signed.size} leaves, both signed")
    if _root_at(files, before.size, signed.size) != before.root:
        raise _Wrong(
            Suspicion.REWRITTEN, f"the first {before.size} leaves are not those that were there: the past was rewritten"
        )


def _outsiders(files: _Files, keys: Succession, watch: Watch, signed: Checkpoint) -> Iterator[Finding]:
    """Yield what is wrong with checkpoints that others hold."""
    for note in watch.seen:
        other = keys.verify_kept(note)
        if other.size > signed.size:
            message = f"somebody was shown a log of {other.size} leaves, and this one has {signed.size}"
            yield Finding(kind=Suspicion.TRUNCATED, message=message)
        elif _root_at(files, other.size, signed.size) != other.root:
            message = f"somebody was shown another log of {other.size} leaves, signed by the same key"
            yield Finding(kind=Suspicion.FORKED, message=message)


def _waiting(files: _Files, keys: Succession, signed: Checkpoint) -> int:
    """Return how many leaves the log has signed beyond the checkpoint that its witnesses vouched for."""
    try:
        note = _text(files.source.read(publishing.NEWEST))
    except NotFound:  # published by another program, which need not tell
        return 0
    files.read_now[publishing.NEWEST] = note.encode()
    try:
        newest = keys.verify(note)
    except VerificationFailed as error:
        raise _Wrong(Suspicion.SIGNATURE, error.message, publishing.NEWEST) from error
    if newest.size == signed.size and newest.root != signed.root:
        raise _Wrong(Suspicion.FORKED, f"there are two logs of {signed.size} leaves, both signed", publishing.NEWEST)
    return max(0, newest.size - signed.size)


def _root_at(files: _Files, size: int, present: int) -> bytes:
    return tree.RollingRoot(size, _peaks(files, size, present)).root()


def _peaks(files: _Files, size: int, present: int) -> list[bytes]:
    read = tiles.nodes(files.tile, present)
    return [read(level, index) for level, index in tree.frontier(size)]


def _check_leaves(files: _Files, start: int, signed: Checkpoint) -> Iterator[Finding]:
    """Yield what is wrong with the files of the leaves from `start` on.

    Together with `_check_growth` this shows that the signed log begins with the one before: both roots are computed from
    the same hashes.
    """
    grown = tree.RollingRoot(start, _peaks(files, start, signed.size))
    full: dict[int, bytes] = {}
    for tile in _at_level(0, start, signed.size):
        hashes = tiles.split(files.tile(tile), tile)
        bundle = Tile(-1, tile.index, tile.width)
        leaves = tiles.unpack(files.tile(bundle), bundle)
        first = tile.index * WIDTH
        for position, (leaf, noted) in enumerate(zip(leaves, hashes, strict=True), first):
            if position >= start and tree.leaf_hash(leaf) != noted:
                message = f"leaf {position} is not the one that was appended: it has another hash"
                yield Finding(kind=Suspicion.EDITED, message=message, path=bundle.path)
                return
        if grown.size == first and tile.is_full:
            full[tile.index] = tiles.root_of(hashes)
            grown.add_hash(full[tile.index], tiles.HEIGHT)
            continue
        for leaf_hash in hashes[grown.size - first :]:
            grown.add_hash(leaf_hash)
        if tile.is_full:
            full[tile.index] = tiles.root_of(hashes)
    if grown.root() != signed.root:
        message = "the hashes of the leaves don't lead to the root that was signed"
        yield Finding(kind=Suspicion.REWRITTEN, message=message)
        return
    yield from _check_upper(files, full, start, signed.size)


def _check_upper(files: _Files, full: Mapping[int, bytes], start: int, size: int) -> Iterator[Finding]:
    """Yield what is wrong with the tiles above those of the leaves."""
    level = 1
    while full:
        above: dict[int, bytes] = {}
        for tile in _at_level(level, start, size):
            hashes = tiles.split(files.tile(tile), tile)
            for place, noted in enumerate(hashes, tile.index * WIDTH):
                if full.get(place, noted) != noted:
                    message = f"{tile.path} does not follow from the tiles below it"
                    yield Finding(kind=Suspicion.EDITED, message=message, path=tile.path)
                    return
            if tile.is_full:
                above[tile.index] = tiles.root_of(hashes)
        full, level = above, level + 1


def _at_level(level: int, start: int, size: int) -> Iterable[Tile]:
    return (tile for tile in tiles.tiles_of(size, start) if tile.level == level)


def _log_keys(listed: Any) -> list[LogKey]:
    return [
        LogKey(
            verifier=each["verifier"],
            since=each["since"],
            until=each["until"],
            endorsement=_proof(each["endorsement"]) if each["endorsement"] else None,
        )
        for each in listed
    ]


def _proof(found: Mapping[str, Any]) -> InclusionProof:
    return InclusionProof(
        index=found["index"], leaf=found["leaf"], path=tuple(found["path"]), checkpoint=found["checkpoint"]
    )


def _text(note: bytes) -> str:
    return note.decode(errors="replace")


def _evidence(files: _Files, kept: str | None, seen: Sequence[str], findings: Sequence[Finding]) -> Mapping[str, bytes]:
    wanted = {publishing.CHECKPOINT, publishing.KEYS}
    for finding in findings:
        wanted |= {finding.path, finding.path.replace("tile/entries/", "tile/0/")}
    found = {path: content for path, content in files.read_now.items() if path in wanted}
    if kept:
        found["kept-checkpoint"] = kept.encode()
    return found | {f"seen-checkpoint-{number}": note.encode() for number, note in enumerate(seen, 1)}


def _read_state(state: Path, pinned: Verifier) -> str | None:
    if not state.exists():
        return None
    try:
        found = json.loads(state.read_bytes())
        pin, note = found["pinned"], found["checkpoint"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{state} is not what a monitor remembers: {error}",
            code="bad_state",
            hint="put it back from a backup; a new one would trust whatever the log says now",
        ) from error
    if pin != pinned.text():
        raise InvalidInput(
            f"{state} is of the log {pin}, not of {pinned.text()}",
            code="other_log",
            hint="give the key with which this state was begun; the log's later keys are found from there",
        )
    return str(note)
