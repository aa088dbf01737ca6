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
    nodes: dict[tuple[int, int], bytes] = {}

    def read(level: int, index: int) -> bytes:
        return nodes[level, index]

    for size, leaf in enumerate(leaves):
        nodes.update(tree.new_nodes(read, size, [tree.leaf_hash(leaf)]))
    return read


def test_the_root_of_the_reference_leaves_is_the_published_one() -> None:
    assert tree.root(grown(LEAVES), 8).hex() == ROOT_OF_8


@given(st.lists(st.binary(max_size=8), max_size=40), st.integers(1, 7))
def test_appending_in_any_batches_gives_the_root_of_the_definition(leaves: list[bytes], batch: int) -> None:
    nodes: dict[tuple[int, int], bytes] = {}

    def read(level: int, index: int) -> bytes:
        return nodes[level, index]

    for start in range(0, len(leaves), batch):
        nodes.update(tree.new_nodes(read, start, [tree.leaf_hash(leaf) for leaf in leaves[start : start + batch]]))
    rolling = tree.RollingRoot()
    for leaf in leaves:
        rolling.add(leaf)
    assert tree.root(read, len(leaves)) == naive_root(leaves) == rolling.root()


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


@given(st.integers(0, 200), st.integers(1, 9))
def test_appending_and_the_new_root_ask_for_nothing_but_the_frontier(size: int, more: int) -> None:
    leaves = [bytes([number]) for number in range(size + more)]
    read = grown(leaves[:size])
    known = {place: read(*place) for place in tree.frontier(size)}
    known |= tree.new_nodes(lambda *place: known[place], size, [tree.leaf_hash(leaf) for leaf in leaves[size:]])
    assert tree.root(lambda *place: known[place], size + more) == naive_root(leaves)


def test_a_leaf_outside_the_tree_has_no_proof() -> None:
    with pytest.raises(ValueError, match="leaf 3 is not in a tree of 3 leaves"):
        tree.inclusion_proof(grown(LEAVES[:3]), 3, 3)
