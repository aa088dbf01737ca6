"""What a case is given: a folder, how much work to do, peers; and what a case is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from benchmarks import environments
from benchmarks.environments import Peer
from benchmarks.measure import Row


@dataclass(frozen=True, slots=True)
class Bench:
    """The room that a case works in.

    Attributes:
        folder: an empty folder of its own.
        cache: where environments of peers are kept.
        quick: small sizes and few rounds, to see that it runs.
        versions: of each peer that was used, filled on the way.
    """

    folder: Path
    cache: Path
    quick: bool = False
    versions: dict[str, str] = field(default_factory=dict)

    def size(self, full: int, quick: int) -> int:
        """Return how much work to do."""
        return quick if self.quick else full

    def rounds(self, full: int) -> int:
        """Return how often to measure."""
        return min(full, 2) if self.quick else full

    def library(self, name: str) -> str:
        """Note that a library of our own environment serves as a peer, and return its name with its version."""
        self.versions[name] = metadata.version(name)
        return f"{name} {self.versions[name]}"

    @contextmanager
    def peer(self, name: str, *arguments: str) -> Iterator[Peer]:
        """Yield a peer in an environment of its own.

        Raises:
            PeerUnavailable: it can't be had here.
        """
        self.versions[name] = environments.locked_version(name)
        with environments.peer(name, self.cache, *arguments) as found:
            yield found


@dataclass(frozen=True, slots=True)
class Case:
    """One function that measures, declared in `cases.CASES`."""

    name: str
    title: str
    run: Callable[[Bench], Iterable[Row]]
