"""Fixtures of the server: one that is started on a fresh home with given settings, and killed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server.process import Server


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Return a function that makes a server, not started yet, on a home of its own."""
    made: list[Server] = []

    def make(**settings: str) -> Server:
        made.append(Server(tmp_path / f"home{len(made)}", **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()
