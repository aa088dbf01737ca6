"""The blob store on each kind of shelf."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearance.storage.blobs import BlobStore, open_store
from tests.object_store import s3_server, s3_url, s3_variables  # noqa: F401  # fixtures


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """A blob store; a test that uses it runs on a folder and on an S3 server."""
    url = "" if request.param == "folder" else request.getfixturevalue("s3_url")
    return open_store(tmp_path / "artifacts", url)
