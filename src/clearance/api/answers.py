"""What was answered to reads, kept while nothing changes: programs ask the same few things over and over."""

from __future__ import annotations

from collections.abc import Hashable

MOST_BYTES = 16 * 2**20
"""Of all answers together; then all are forgotten."""


class Answers:
    """Answers by what was asked, of one state of the database; whoever asks tells which state is the present one."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._kept: dict[Hashable, bytes] = {}
        self._bytes = 0

    def find(self, version: int, asked: Hashable) -> bytes | None:
        """Return what was answered in this state of the database."""
        return self._kept.get(asked) if version == self._version else None

    def keep(self, version: int, asked: Hashable, answer: bytes) -> None:
        """Keep an answer.

        Args:
            version: the state of the database before the answer was read, so that one which is newer is never kept for it.
            asked: all that the answer depends on beside the database.
            answer: the body.
        """
        if version != self._version or self._bytes + len(answer) > MOST_BYTES:
            self._version, self._kept, self._bytes = version, {}, 0
        if len(answer) <= MOST_BYTES and asked not in self._kept:
            self._kept[asked] = answer
            self._bytes += len(answer)
