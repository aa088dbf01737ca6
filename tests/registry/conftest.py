"""Installations whose artifacts are in a folder, or in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from clearance.app import Clearance
from clearance.clock import FixedClock
from clearance.settings import Settings
from tests.object_store import s3_server, s3_url, s3_variables  # noqa: F401  # fixtures


@pytest.fixture(params=["folder", "bucket"])
def shelved(request: pytest.FixtureRequest, settings: Settings, clock: FixedClock) -> Iterator[Clearance]:
    """An installation on both databases, with artifacts in either place."""
    url = "" if request.param == "folder" else request.getfixturevalue("s3_url")
    made = Clearance(replace(settings, artifacts_url=url), clock)
    yield made
    made.close()
