"""Roots, proofs, tiles and notes against implementations that are not ours: Go's sumdb, and pymerkle."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from pymerkle import InmemoryTree

from clearance.app import Clearance
from clearance.audit import log, tiles, tree
from tests.audit.writing import publish, size, write

GO_PACKAGES = Path("/usr/share/gocode")  # golang-golang-x-mod-dev of Debian


@pytest.fixture(scope="session")
def independent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program beside this test, built; skipped with the reason where there is no Go, never in CI."""
    if shutil.which("go") is None or not (GO_PACKAGES / "src/golang.org/x/mod/sumdb").is_dir():
        if os.environ.get("CI"):
            pytest.fail("CI installs golang-go and golang-golang-x-mod-dev for this")
        pytest.skip("no Go here: apt-get install golang-go golang-golang-x-mod-dev")
    folder = tmp_path_factory.mktemp("independent")
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": str(GO_PACKAGES), "GOCACHE": str(folder / "cache")}
    source = Path(__file__).parent / "independent" / "main.go"
    subprocess.run(["go", "build", "-o", folder / "independent", source], env=environment, check=True, timeout=240)
    return folder / "independent"


def leaves(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def tiled(count: int) -> tree.ReadNode:
    """Return how to read the tree over so many leaves from its tiles."""
    rows = [[tree.leaf_hash(leaf) for leaf in leaves(count)]]
    while len(rows[-1]) >= 256:
        row = rows[-1]
        rows.append([tiles.root_of(row[place : place + 256]) for place in range(0, len(row) // 256 * 256, 256)])
    return tiles.nodes(lambda tile: b"".join(rows[tile.level][tile.index * 256 : tile.index * 256 + tile.width]), count)


def encoded(path: list[bytes]) -> list[str]:
    return [base64.b64encode(each).decode() for each in path]


def test_every_root_and_proof_is_that_of_go(independent: Path) -> None:
    chance = random.Random(8)
    sizes = [
        *range(1, 80),
        255,
        256,
        257,
        300,
        511,
        512,
        513,
        *(chance.randrange(600, 70_000) for _ in range(3)),
        65_537,
    ]
    sizes.sort()
    said = json.loads(subprocess.check_output([str(independent), "tree", *map(str, sizes)], timeout=240))
    reads = {count: tiled(count) for count in sizes}
    for count, read in reads.items():
        assert encoded([tree.root(read, count)]) == [said["roots"][str(count)]], count
    for place, path in said["inclusion"].items():
        index, count = map(int, place.split("/"))
        assert encoded(tree.inclusion_proof(reads[count], index, count)) == path, place
    for place, path in said["consistency"].items():
        older, count = map(int, place.split("/"))
        assert encoded(tree.consistency_proof(reads[count], older, count)) == path, place
    assert len(said["inclusion"]) == len(said["consistency"]) > 3_500


def test_go_reads_the_published_files_and_finds_every_leaf_in_the_signed_tree(
    independent: Path, sqlite_parts: Clearance, tmp_path: Path
) -> None:
    write(sqlite_parts, 700, batch=70)
    publish(sqlite_parts, tmp_path)
    command = [str(independent), "files", str(tmp_path), sqlite_parts.log_verifier.text(), "300"]
    assert subprocess.check_output(command, text=True, timeout=60).strip() == "700"
    with sqlite_parts.database.write() as tx:
        log.rotate_key(tx, "user:ada", sqlite_parts.log_keys, "yearly")
    publish(sqlite_parts, tmp_path)
    assert subprocess.check_output(command, text=True, timeout=60).strip() == "701", "the old key signs the change too"
    command[3] = sqlite_parts.log_verifier.text()
    assert subprocess.check_output(command, text=True, timeout=60).strip() == "701"
    assert size(sqlite_parts) == 701
    bundle = tmp_path / "tile/entries/001"
    bundle.write_bytes(bundle.read_bytes().replace(b"user:ada", b"user:eve"))
    refused = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (refused.returncode, refused.stdout) == (1, "")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pymerkle, about its own names
def test_every_root_and_proof_is_that_of_pymerkle() -> None:
    other, rolling = InmemoryTree(algorithm="sha256"), tree.RollingRoot()
    for count, leaf in enumerate(leaves(150), 1):
        other.append_entry(leaf)
        rolling.add(leaf)
        root = other.get_root(count)
        assert rolling.root() == root
        read = tiled(count)
        for index in range(0, count, 7):
            mine = tree.inclusion_proof(read, index, count)
            theirs = [bytes.fromhex(each) for each in other.prove_inclusion(index + 1, count).serialize()["path"]]
            own = tree.leaf_hash(str(index).encode())
            theirs.remove(own)  # pymerkle lists the leaf among its path
            assert sorted(mine) == sorted(theirs)
            assert tree.root_from_inclusion(own, index, count, mine) == root
        for older in range(1, count, 7):
            mine = tree.consistency_proof(read, older, count)
            # pymerkle's proofs of consistency have a form of their own; ours must lead between the roots that it computed.
            assert tree.is_consistent(older, other.get_root(older), count, root, mine)
            assert not tree.is_consistent(older, other.get_root(older), count, tree.leaf_hash(root), mine)
