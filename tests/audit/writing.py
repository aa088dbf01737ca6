"""Writes logs for the tests, and is the log operator who cheats."""

from __future__ import annotations

from pathlib import Path

from clearance.app import Clearance
from clearance.audit import log, publishing, store
from clearance.audit.events import Event
from clearance.audit.model import Published
from clearance.audit.sources import Folder


class Served:
    """A log read from its database as the server reads it, without a server."""

    def __init__(self, parts: Clearance) -> None:
        self.parts = parts

    def read(self, path: str) -> bytes:
        with self.parts.database.read() as tx:
            return log.published_file(tx, self.parts.log_keys, path, self.parts.witnesses.quorum)


def write(parts: Clearance, count: int, batch: int = 3, word: str = "m") -> None:
    """Append so many leaves, some at a time."""
    done = 0
    while done < count:
        with parts.database.write() as tx:
            for _ in range(min(batch, count - done)):
                log.record(tx, Event.TAG_SET, actor="user:ada", subject=f"model/{word}{done}", data={"key": done})
                done += 1


def publish(parts: Clearance, folder: Path) -> Published:
    """Publish the log into a folder."""
    return publishing.publish(Served(parts), Folder(folder))


def size(parts: Clearance) -> int:
    """Return how many leaves the log has."""
    with parts.database.read() as tx:
        return store.size(tx)


def newest(parts: Clearance) -> str:
    """Return the newest checkpoint."""
    with parts.database.read() as tx:
        return store.latest_checkpoint(tx) or ""
