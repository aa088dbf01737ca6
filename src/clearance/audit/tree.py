"""The RFC 6962 Merkle tree as pure functions over a `read(level, index)` of complete subtrees.

Node (level, index) covers the leaves [index * 2**level, (index + 1) * 2**level). Only complete subtrees are ever stored;
everything else is derived. Hashing: RFC 6962, section 2.1; verification: RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

ReadNode = Callable[[int, int], bytes]
"""Returns the 32-byte hash of the complete subtree at (level, index)."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def empty_root() -> bytes:
    """Return the root of a tree without leaves: SHA-256 of nothing."""
    return hashlib.sha256().digest()


def frontier(size: int) -> list[tuple[int, int]]:
    """Return the complete subtrees (level, index) that a tree of `size` leaves consists of, largest first."""
    return [(level, (size >> level) - 1) for level in reversed(range(size.bit_length())) if size >> level & 1]


def root(read: ReadNode, size: int) -> bytes:
    """Return the root hash of the first `size` leaves."""
    return empty_root() if size == 0 else _range_hash(read, 0, size)


def inclusion_proof(read: ReadNode, index: int, size: int) -> list[bytes]:
    """Return the audit path of a leaf in the tree of `size` leaves, from the leaf up.

    Raises:
        ValueError: the leaf is not in that tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_hash(read, middle, end))
            end = middle
        else:
            path.append(_range_hash(read, start, middle))
            start = middle
    return path[::-1]


def consistency_proof(read: ReadNode, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of `new` leaves begins with the tree of `old` leaves.

    Raises:
        ValueError: not 0 <= old <= new.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} leaves can't be the beginning of one of {new}")
    if old in (0, new):
        return []
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range_hash(read, middle, end))
            end = middle
        else:
            path.append(_range_hash(read, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(_range_hash(read, start, end))
    return path[::-1]


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that the audit path leads to from a leaf hash; compare it with the root of a checkpoint.

    Raises:
        ValueError: index, size and path length do not fit each other.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    position, last, current = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ValueError("the inclusion proof is too long")
        if position % 2 == 1 or position == last:
            current = node_hash(sibling, current)
            while position % 2 == 0 and position != 0:
                position, last = position >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ValueError("the inclusion proof is too short")
    return current


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Tell whether the proof shows that the newer tree begins with the older one."""
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == empty_root()
    if not 0 < old < new or not path:
        return False
    proof = list(path)
    if old & (old - 1) == 0:
        proof.insert(0, old_root)
    position, last = old - 1, new - 1
    while position % 2 == 1:
        position, last = position >> 1, last >> 1
    first = second = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            return False
        if position % 2 == 1 or position == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while position % 2 == 0 and position != 0:
                position, last = position >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


class RollingRoot:
    """The root of a growing tree, in memory logarithmic in its size; begins empty, or from the peaks of an earlier tree.

    Args:
        size: leaves so far.
        peaks: hashes of the complete subtrees that make up a tree of that size, largest first.

    Raises:
        ValueError: so many peaks don't make a tree of that size.
    """

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if len(peaks) != size.bit_count():
            raise ValueError(f"{len(peaks)} peaks don't make a tree of {size} leaves")
        self.size = size
        self._peaks = list(peaks)

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Return the hashes of the complete subtrees that the tree consists of, largest first."""
        return tuple(self._peaks)

    def add(self, leaf: bytes) -> None:
        """Append one leaf (its bytes, not its hash)."""
        self.add_hash(leaf_hash(leaf))

    def add_hash(self, current: bytes, level: int = 0) -> None:
        """Append a leaf by its hash, or a complete subtree of 2**level leaves to a tree that is a multiple of that."""
        count = self.size >> level
        while count & 1:
            current = node_hash(self._peaks.pop(), current)
            count >>= 1
        self._peaks.append(current)
        self.size += 1 << level

    def root(self) -> bytes:
        """Return the root hash of the leaves so far."""
        if not self._peaks:
            return empty_root()
        current = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            current = node_hash(peak, current)
        return current


def _split(count: int) -> int:
    """Return the largest power of two smaller than count (RFC 6962's k)."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_hash(read: ReadNode, start: int, end: int) -> bytes:
    count = end - start
    if count & (count - 1) == 0 and start % count == 0:
        return read(count.bit_length() - 1, start // count)
    middle = start + _split(count)
    return node_hash(_range_hash(read, start, middle), _range_hash(read, middle, end))
