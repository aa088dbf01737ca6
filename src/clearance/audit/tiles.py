"""The tree as tiles of 256 hashes and bundles of 256 leaves, laid out as C2SP tlog-tiles says; pure.

Tile (level, index) holds the hashes of the nodes (8 * level, 256 * index …); all but the last of a level are full and never
change. Everything between two levels is derived. Format: c2sp.org/tlog-tiles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from clearance.audit import tree
from clearance.errors import InvalidInput, VerificationFailed

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_LEAF = 0xFFFF
"""Bytes of the longest leaf that a bundle can hold: its length is written in two bytes."""
_PATH = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Names a tile, or (level -1) a bundle of leaves; `width` is how many of its 256 places are filled."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Return where it is published: `tile/0/x001/234`, `tile/entries/000.p/5`."""
        number = f"{self.index:03d}"
        number = number.zfill(-(-len(number) // 3) * 3)
        groups = [number[place : place + 3] for place in range(0, len(number), 3)]
        within = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        kind = "entries" if self.level < 0 else str(self.level)
        return f"tile/{kind}/{within}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @property
    def is_full(self) -> bool:
        return self.width == WIDTH


def parse_path(path: str) -> Tile:
    """Return which tile a path names.

    Raises:
        InvalidInput: none.
    """
    found = _PATH.fullmatch(path)
    if found is not None:
        kind, number, width = found.groups()
        digits = number.replace("x", "").replace("/", "")
        tile = Tile(-1 if kind == "entries" else int(kind), int(digits), int(width or WIDTH))
        if tile.path == path:
            return tile
    raise InvalidInput(
        f"{path[:80]!r} names no tile", code="bad_tile", hint="such as tile/0/x001/234 or tile/entries/000.p/5"
    )


def covering(level: int, index: int, size: int) -> Tile:
    """Return the tile at a place as it is in a log of `size` leaves, so wide as that log filled it."""
    filled = (size >> (HEIGHT * max(level, 0))) - index * WIDTH
    return Tile(level, index, max(0, min(WIDTH, filled)))


def tiles_of(size: int, after: int = 0) -> Iterator[Tile]:
    """Yield every tile and bundle of a log of `size` leaves that the one of `after` leaves did not have so wide."""
    for level in (-1, *range((size.bit_length() + HEIGHT - 1) // HEIGHT)):
        count, before = (each >> (HEIGHT * max(level, 0)) for each in (size, after))
        if before < count:
            for index in range(before // WIDTH, -(-count // WIDTH)):
                yield covering(level, index, size)


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the hash of the complete subtree over a power of two of hashes."""
    row = list(hashes)
    while len(row) > 1:
        row = [tree.node_hash(row[place], row[place + 1]) for place in range(0, len(row), 2)]
    return row[0]


def split(data: bytes, tile: Tile) -> list[bytes]:
    """Return the hashes of a tile.

    Raises:
        VerificationFailed: it is not as long as its name says.
    """
    if len(data) != 32 * tile.width:
        raise VerificationFailed(
            f"{tile.path} has {len(data)} bytes, not {32 * tile.width}", code="tile_form", details={"path": tile.path}
        )
    return [data[place : place + 32] for place in range(0, len(data), 32)]


def pack(leaves: Sequence[bytes]) -> bytes:
    """Return a bundle: each leaf after its length in two bytes.

    Raises:
        VerificationFailed: a leaf is longer than 65,535 bytes (no leaf has been since 0.2).
    """
    if any(len(leaf) > MAX_LEAF for leaf in leaves):
        raise VerificationFailed(
            f"a leaf is longer than {MAX_LEAF:,} bytes, and the format has no place for it",
            code="leaf_too_long",
            hint="leaves so long came with version 0.1; `clearance audit verify` still verifies the whole log",
        )
    return b"".join(len(leaf).to_bytes(2) + leaf for leaf in leaves)


def unpack(data: bytes, tile: Tile) -> list[bytes]:
    """Return the leaves of a bundle.

    Raises:
        VerificationFailed: lengths and bytes don't fit each other, or it holds another number of leaves.
    """
    leaves: list[bytes] = []
    place = 0
    while place < len(data):
        start = place + 2
        place = start + int.from_bytes(data[place:start])
        leaves.append(data[start:place])
    if place != len(data) or len(leaves) != tile.width:
        raise VerificationFailed(
            f"{tile.path} holds {len(leaves)} leaves, or a part of one, and not {tile.width}",
            code="tile_form",
            details={"path": tile.path},
        )
    return leaves


def nodes(fetch: Callable[[Tile], bytes], size: int) -> tree.ReadNode:
    """Return how to read any complete subtree of a log of `size` leaves from its tiles; what was read last is remembered.

    Args:
        fetch: returns a tile's bytes.
        size: of the log.
    """

    @lru_cache(maxsize=64)
    def hashes(tile: Tile) -> list[bytes]:
        return split(fetch(tile), tile)

    @lru_cache(maxsize=4096)
    def read(level: int, index: int) -> bytes:
        row, height = divmod(level, HEIGHT)
        first = index << height
        tile = covering(row, first // WIDTH, size)
        if tile.width < WIDTH and tile.width < (first % WIDTH) + (1 << height):
            raise VerificationFailed(
                f"a log of {size} leaves has no subtree {index} at level {level}", code="tile_missing"
            )
        return root_of(hashes(tile)[first % WIDTH : (first % WIDTH) + (1 << height)])

    return read
