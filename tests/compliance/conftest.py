"""The installation that reports are written of, and a small one whose pointers tests move."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.delivery.conftest import loan, sqlite_loan
from tests.web.showcase import Showcase, build

__all__ = ["loan", "showcase", "sqlite_loan"]


@pytest.fixture(scope="session")
def showcase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showcase]:
    """An installation with something of everything."""
    made = build(tmp_path_factory.mktemp("reported"))
    yield made
    made.parts.close()
