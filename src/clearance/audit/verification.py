"""Recompute the whole log from its leaves and compare it with everything else that is kept of it, in bounded memory."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from clearance.audit import checkpoint, leaf, proofs, store, tiles, tree
from clearance.audit.checkpoint import Verifier
from clearance.audit.model import Verification
from clearance.audit.tiles import WIDTH
from clearance.errors import InvalidInput, VerificationFailed
from clearance.storage.database import Transaction
from clearance.values import timestamp

T = TypeVar("T")

MAX_PROBLEMS = 20
"""Of as many as this a report tells."""
_MAX_LETTERS = 600
_NEVER = 1 << 63
_Row = tuple[int, bytes, bytes, Any, str, str, str]


@dataclass
class _Found:
    """What was found so far; of problems only as many as anybody reads."""

    problems: list[str] = field(default_factory=list)
    checkpoints: int = 0

    def add(self, problem: str) -> None:
        told = printable(problem)
        if len(self.problems) < MAX_PROBLEMS and told not in self.problems:
            self.problems.append(told)


def verify(tx: Transaction, verifier: Verifier) -> Verification:
    """Recompute the whole log from its leaves and compare it with everything that was signed and kept.

    The newest checkpoint covers every leaf; those kept at earlier sizes show that what they covered is the beginning of it.
    A signature is checked by the key that signed at its size: which one that is the log says itself, and each change of the
    key after the verifier's must be under a checkpoint that the key before it signed.

    Whatever the tables hold, and if they are gone, the answer is what is wrong with them.
    """
    found = _Found()
    grown = tree.RollingRoot()
    end = _read(store.read_head, tx, found)
    notes = _Notes(tx, verifier, end, found)
    known_tiles = _readable(store.all_tiles(tx, 0), found)
    roots: list[bytes] = []
    for rows in _chunks(_readable(store.all_leaves(tx), found)):
        hashes = _check_leaves(rows, grown.size, found)
        if len(hashes) < len(rows):
            notes.check_within(grown, hashes)
            break
        if len(rows) == WIDTH:
            roots.append(_check_tile(next(known_tiles, None), len(roots), hashes, found))
        if len(rows) < WIDTH or notes.next_size < grown.size + WIDTH:
            notes.check_within(grown, hashes)
        else:
            grown.add_hash(roots[-1], tiles.HEIGHT)
            notes.check(grown)
    for index, *_ in known_tiles:
        found.add(f"there is a tile {tiles.Tile(0, index).path} of leaves that are not here")
    _check_upper_tiles(tx, roots, found)
    notes.check_rest(grown)
    if end is not None:
        _check_head(end, grown, found)
    return Verification(
        ok=not found.problems,
        leaves=grown.size,
        checkpoints=found.checkpoints,
        root=base64.b64encode(grown.root()).decode(),
        verifier=verifier.text(),
        problems=tuple(found.problems),
    )


def printable(problem: str) -> str:
    """Return a problem as any terminal shows it: what it quotes is whatever somebody put there."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in problem[:_MAX_LETTERS])
    return shown if len(problem) <= _MAX_LETTERS else f"{shown}…"


def _read(read: Callable[[Transaction], T], tx: Transaction, found: _Found) -> T | None:
    """Return what is read, or report that it can't be."""
    try:
        return read(tx)
    except VerificationFailed as error:
        found.add(error.message)
        return None


def _readable(rows: Iterator[T], found: _Found) -> Iterator[T]:
    """Yield rows up to the first that can't be read, and report that one."""
    try:
        yield from rows
    except VerificationFailed as error:
        found.add(error.message)


class _Notes:
    """The kept checkpoints and the newest one, each compared with the tree when it has grown to their size."""

    def __init__(self, tx: Transaction, verifier: Verifier, end: store.Head | None, found: _Found) -> None:
        self._found = found
        self._keys = _Keys(tx, verifier, end, found)
        self._notes = _with_newest(_readable(store.kept_checkpoints(tx), found), end)
        self._next = next(self._notes, None)

    @property
    def next_size(self) -> int:
        """Return the size at which the tree is to be compared next."""
        return self._next[0] if self._next else _NEVER

    def check_within(self, grown: tree.RollingRoot, hashes: list[bytes]) -> None:
        """Append leaf hashes to the tree, and compare it with the checkpoints on the way."""
        for leaf_hash in hashes:
            grown.add_hash(leaf_hash)
            if self.next_size <= grown.size:
                self.check(grown)

    def check(self, grown: tree.RollingRoot) -> None:
        """Compare the tree with the checkpoints of its size."""
        while self._next and self._next[0] <= grown.size:
            self._compare(*self._next, grown.root())
            self._next = next(self._notes, None)

    def check_rest(self, grown: tree.RollingRoot) -> None:
        """Report the checkpoints over leaves that are not there."""
        while self._next:
            self._compare(*self._next, grown.root() if self._next[0] == grown.size else None)
            self._next = next(self._notes, None)
        self._keys.check_kept()

    def _compare(self, size: int, note: str, root: bytes | None) -> None:
        self._found.checkpoints += 1
        try:
            signed = self._keys.verify(note, size)
        except VerificationFailed as error:
            self._found.add(f"checkpoint at size {size}: {error.message}")
            return
        if signed.size != size:
            self._found.add(f"checkpoint at size {size} is signed for size {signed.size}")
        elif root is None:
            self._found.add(
                f"a checkpoint was signed over {size} leaves, but they are not all here: the log was truncated"
            )
        elif signed.root != root:
            self._found.add(
                f"the first {size} leaves are not those that were signed: a leaf up to {size - 1} was changed"
            )


class _Keys:
    """Which key signed at which size, as the log's own leaves say; each change signed by both keys."""

    def __init__(self, tx: Transaction, verifier: Verifier, end: store.Head | None, found: _Found) -> None:
        self._found = found
        self._kept = _read(store.all_keys, tx, found) or []
        self._end = end
        rotations = list(_rotations(tx, found))
        self._verifiers = [before for _, before, _ in rotations[:1]] + [after for _, _, after in rotations]
        self._changes = [position for position, *_ in rotations]  # a checkpoint over that leaf is of the new key
        if verifier not in (self._verifiers or [verifier]):
            found.add(f"no leaf of the log says that it is signed by {verifier.text()}")
            self._changes = []
        if not self._changes:
            self._verifiers = [verifier]
        for (position, before, _), signed in zip(rotations, self._verifiers, strict=False):
            if before != signed:
                found.add(f"leaf {position} says that {before.text()} signed before it, but that was {signed.text()}")
        self._signed_last = 0
        self._since = [0]

    def verify(self, note: str, size: int) -> checkpoint.Checkpoint:
        """Return the checkpoint once it is shown to be signed by the key of its size, and at a change by both.

        Raises:
            VerificationFailed: it is not.
        """
        now = sum(position < size for position in self._changes)
        self._since += [size] * (now - self._signed_last)
        before, self._signed_last = self._signed_last, now
        for verifier in self._verifiers[before:now]:
            checkpoint.verify(note, verifier)
        return checkpoint.verify(note, self._verifiers[now])

    def check_kept(self) -> None:
        """Compare what the tables say of the keys with what the leaves and signatures do, now that all were seen."""
        named = [each.text() for each in self._verifiers]
        signed = list(zip(self._since, named, strict=False))
        if self._kept != signed and (self._kept or self._changes):  # a log of the first releases named no key
            self._found.add("the table of the log's keys does not say what its leaves say of them")
        next_one = named[-1] if self._kept else ""
        if self._end is not None and self._end.signer != next_one:
            said = next_one or "by whom the table of the log's keys names, which names none"
            self._found.add(f"the next checkpoint would be signed by {self._end.signer or 'nobody'}, not {said}")
        if self._end is not None and self._end.successor:
            self._found.add(f"a key {self._end.successor} would follow, and no leaf says so")


def _rotations(tx: Transaction, found: _Found) -> Iterator[tuple[int, Verifier, Verifier]]:
    """Yield the positions of the leaves that name a new key, with the one before it and the new one."""
    for position, encoded in _readable(store.rotations(tx), found):
        try:
            data = proofs.read_leaf(position, encoded).data
            before, after = (checkpoint.parse_verifier(str(data[each])) for each in ("from", "to"))
        except (VerificationFailed, InvalidInput, KeyError, TypeError):
            found.add(f"leaf {position} names a new key of the log, and it can't be read which one")
        else:
            yield position, before, after


def _with_newest(kept: Iterator[tuple[int, str]], end: store.Head | None) -> Iterator[tuple[int, str]]:
    """Yield the kept checkpoints with their sizes, and the newest one last."""
    for size, note in kept:
        if end is None or (size, note) != (end.size, end.note):
            yield size, note
    if end is not None and end.note:
        yield end.size, end.note


def _chunks(rows: Iterator[_Row]) -> Iterator[list[_Row]]:
    """Yield the leaves tile by tile."""
    while chunk := list(islice(rows, WIDTH)):
        yield chunk


def _check_leaves(rows: list[_Row], first: int, found: _Found) -> list[bytes]:
    """Return the hashes of the leaves up to the first that is missing."""
    hashes: list[bytes] = []
    for expected, (position, found_leaf, noted, at, event, actor, subject) in enumerate(rows, first):
        if position != expected:
            found.add(f"leaf {expected} is missing: the next one found is {position}")
            break
        leaf_hash = tree.leaf_hash(found_leaf)
        if leaf_hash != noted:
            found.add(f"leaf {position} was changed: it has another hash than when it was appended")
        if not leaf.says(found_leaf, at=_stamp(at), event=event, actor=actor, subject=subject):
            _name_disagreements(
                position, found_leaf, {"at": at, "event": event, "actor": actor, "subject": subject}, found
            )
        hashes.append(leaf_hash)
    return hashes


def _stamp(at: Any) -> str:
    return f"{at[:10]}T{at[11:]}Z" if isinstance(at, str) else timestamp(at)


def _name_disagreements(position: int, encoded: bytes, columns: dict[str, Any], found: _Found) -> None:
    try:
        entry = proofs.read_leaf(position, encoded)
        said = {"at": timestamp(entry.at), "event": entry.event, "actor": entry.actor, "subject": entry.subject}
    except (VerificationFailed, OverflowError):  # a time before the year 1, in another zone
        found.add(f"leaf {position} can't be read")
        return
    for name, present in {**columns, "at": _stamp(columns["at"])}.items():
        if said[name] != present:
            found.add(f"leaf {position}: its {name} column says {present}, the leaf {said[name]}")


def _check_tile(kept: tuple[int, bytes, bytes] | None, index: int, hashes: list[bytes], found: _Found) -> bytes:
    """Compare a full tile of leaf hashes with the one that was kept, and return the hash over it."""
    root = tiles.root_of(hashes)
    if kept != (index, b"".join(hashes), root):
        found.add(f"{tiles.Tile(0, index).path} is not the tile of the leaves from {index * WIDTH} on, or is missing")
    return root


def _check_upper_tiles(tx: Transaction, roots: list[bytes], found: _Found) -> None:
    """Compare the tiles above those of the leaves with what they follow from."""
    level, expected = 1, len(roots)
    while roots:
        known = _readable(store.all_tiles(tx, level), found)
        full = [roots[place : place + WIDTH] for place in range(0, len(roots) - len(roots) % WIDTH, WIDTH)]
        above = [tiles.root_of(hashes) for hashes in full]
        if list(known) != [(n, b"".join(hashes), above[n]) for n, hashes in enumerate(full)]:
            found.add(f"the tiles at level {level} are not those that follow from the leaves")
        roots, level, expected = above, level + 1, expected + len(above)
    kept = _read(store.count_tiles, tx, found)
    if kept not in {None, expected}:
        found.add(f"{kept} tiles are kept, and {expected} follow from the leaves")


def _check_head(end: store.Head, grown: tree.RollingRoot, found: _Found) -> None:
    if end.size and not end.note:
        found.add(f"the log has {end.size} leaves, but no checkpoint was signed at that size")
    if (end.size, end.peaks) != (grown.size, grown.peaks):
        found.add(
            f"the next leaf would be appended to a log of {end.size} leaves that is not the one of the {grown.size} here"
        )
