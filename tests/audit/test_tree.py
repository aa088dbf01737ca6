"""The Merkle tree against its definition: every size, every leaf, every pair of sizes."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.audit import tree

# Test vectors of RFC 6962 implementations (certificate-transparency-go, merkle_tree_test): leaves and root of 8.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOT_OF_8 = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def naive_root(leaves: list[bytes]) -> bytes:
    """The recursive definition of RFC 6962, section 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:half]) + naive_root(leaves[half:])).digest()


def grown(leaves: list[bytes]) -> tree.ReadNode:
    """Return how to read the complete subtrees over leaves."""

    def read(level: int, index: int) -> bytes:
        count = 1 << level
        assert (index + 1) * count <= len(leaves), "only complete subtrees are asked for"
        return naive_root(leaves[index * count : (index + 1) * count])

    return read


def test_the_root_of_the_reference_leaves_is_the_published_one() -> None:
    assert tree.root(grown(LEAVES), 8).hex() == ROOT_OF_8


@given(st.lists(st.binary(max_size=8), max_size=40))
def test_growing_leaf_by_leaf_gives_the_root_of_the_definition(leaves: list[bytes]) -> None:
    rolling = tree.RollingRoot()
    for size, leaf in enumerate(leaves):
        assert rolling.root() == naive_root(leaves[:size])
        rolling.add(leaf)
    assert tree.root(grown(leaves), len(leaves)) == naive_root(leaves) == rolling.root()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 31])
def test_every_inclusion_proof_verifies_and_no_altered_one_does(size: int) -> None:
    leaves = [bytes([number]) for number in range(size)]
    read = grown(leaves)
    for index, leaf in enumerate(leaves):
        path = tree.inclusion_proof(read, index, size)
        assert tree.root_from_inclusion(tree.leaf_hash(leaf), index, size, path) == naive_root(leaves)
        assert tree.root_from_inclusion(tree.leaf_hash(b"other"), index, size, path) != naive_root(leaves)
        for place in range(len(path)):
            altered = [*path[:place], hashlib.sha256(path[place]).digest(), *path[place + 1 :]]
            assert tree.root_from_inclusion(tree.leaf_hash(leaf), index, size, altered) != naive_root(leaves)
        with pytest.raises(ValueError, match="too long"):
            tree.root_from_inclusion(tree.leaf_hash(leaf), index, size, [*path, b"\x00" * 32])


def test_every_consistency_proof_verifies_and_no_altered_one_does() -> None:
    leaves = [bytes([number]) for number in range(33)]
    read = grown(leaves)
    for new in range(len(leaves) + 1):
        for old in range(new + 1):
            path = tree.consistency_proof(read, old, new)
            old_root, new_root = naive_root(leaves[:old]), naive_root(leaves[:new])
            assert tree.is_consistent(old, old_root, new, new_root, path)
            if 0 < old < new:
                assert not tree.is_consistent(old, hashlib.sha256(old_root).digest(), new, new_root, path)
                assert not tree.is_consistent(old, old_root, new, hashlib.sha256(new_root).digest(), path)
                assert not tree.is_consistent(old, old_root, new, new_root, path[:-1])


@given(st.integers(0, 200), st.integers(0, 9))
def test_a_tree_goes_on_from_its_peaks_alone(size: int, more: int) -> None:
    leaves = [bytes([number]) for number in range(size + more)]
    peaks = [grown(leaves)(*place) for place in tree.frontier(size)]
    going_on = tree.RollingRoot(size, peaks)
    for leaf in leaves[size:]:
        going_on.add(leaf)
    assert (going_on.size, going_on.root()) == (size + more, naive_root(leaves))
    with pytest.raises(ValueError, match="don't make a tree"):
        tree.RollingRoot(size, [*peaks, b""])


@given(st.integers(0, 12), st.integers(0, 5))
def test_whole_subtrees_are_appended_as_well_as_leaves(height: int, count: int) -> None:
    subtree = naive_root([bytes(2)] * min(1 << height, 64)) if height <= 6 else bytes(32)
    quick, slow = tree.RollingRoot(), tree.RollingRoot()
    for _ in range(count):
        quick.add_hash(subtree, height)
        if height <= 6:
            for _ in range(1 << height):
                slow.add(bytes(2))
    assert quick.size == count << height
    assert height > 6 or quick.peaks == slow.peaks


def test_a_leaf_outside_the_tree_has_no_proof() -> None:
    with pytest.raises(ValueError, match="leaf 3 is not in a tree of 3 leaves"):
        tree.inclusion_proof(grown(LEAVES[:3]), 3, 3)
