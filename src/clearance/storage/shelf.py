"""The port of a place for bytes under keys: a folder, or a bucket; each key is seen whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

CHUNK = 1 << 20
"""Bytes that are handled at once, where there is a choice."""


@dataclass(frozen=True, slots=True)
class Item:
    """What lies under a key: its size in bytes, and when it was put there."""

    key: str
    size: int
    put_at: datetime


class Incoming(Protocol):
    """Bytes on their way to a key; nobody sees them before the commit. Used by one thread at a time."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            Unavailable: they can't be written.
        """

    def commit(self, key: str, *, durable: bool = True) -> None:
        """Make them visible under a key in one step, in place of what may lie there.

        Args:
            key: where.
            durable: also a power cut leaves them there, not only the end of a process.

        Raises:
            Unavailable: they can't be written; nothing is visible.
        """

    def abort(self) -> None:
        """Forget them; after a commit nothing happens."""


class Shelf(Protocol):
    """Keys are relative paths with `/`, made by this program, never by a caller."""

    @property
    def place(self) -> str:
        """Where it is, for people."""

    def find(self, key: str) -> Item | None:
        """Return what lies under a key, if anything does; the bytes are not looked at."""

    def items(self, prefix: str) -> Iterator[Item]:
        """Yield what lies under a prefix that ends at a `/`, in no order."""

    def read(self, key: str) -> Iterator[bytes]:
        """Yield the bytes under a key.

        Raises:
            FileNotFoundError: nothing lies there.
        """

    def write(self, key: str | None) -> Incoming:
        """Begin to write. Where the key is known it is named, so that bytes can go where they belong at once."""

    def remove(self, key: str) -> None:
        """Remove what lies under a key; nothing happens if nothing does."""

    def path(self, key: str) -> Path | None:
        """Return the file that holds the bytes under a key, or would; None where there are no files."""
