"""The installation that reports are written of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.showcase import Showcase, build


@pytest.fixture(scope="session")
def showcase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showcase]:
    """An installation with something of everything."""
    made = build(tmp_path_factory.mktemp("reported"))
    yield made
    made.parts.close()
