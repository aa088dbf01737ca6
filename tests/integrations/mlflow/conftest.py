"""The fixture of tests that compare Clearance with MLflow's own server: one pair of servers for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integrations.mlflow.both import Both
from tests.integrations.mlflow.calls import Registry
from tests.integrations.mlflow.real import MlflowServer
from tests.server.process import Server


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder: Path = tmp_path_factory.mktemp("both")
    server = Server(folder / "home")
    server.start()
    known = {"authorization": f"Bearer {server.token}"}
    try:
        with (
            MlflowServer(folder) as mlflow,
            httpx.Client(base_url=server.url, headers=known, timeout=60) as ours,
            httpx.Client(base_url=mlflow.url, timeout=60) as theirs,
        ):
            yield Both(Registry(ours), Registry(theirs))
    finally:
        server.close()
