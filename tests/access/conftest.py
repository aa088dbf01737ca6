"""Fixtures of access: a real identity provider, and a real server where people log in through it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from clearance import server
from clearance.app import Clearance
from clearance.settings import load
from tests.access import glewlwyd
from tests.access.glewlwyd import SECRET, Glewlwyd


@dataclass(frozen=True)
class Site:
    """A server of Clearance, and its parts."""

    url: str
    parts: Clearance


@contextmanager
def serving(parts: Clearance) -> Iterator[str]:
    """Yield the address of a real server over an installation."""
    config = uvicorn.Config(server.create(parts), host="127.0.0.1", port=0, log_level="warning", ws="none")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://localhost:{running.servers[0].sockets[0].getsockname()[1]}"
    running.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Glewlwyd]:
    """Debian's Glewlwyd; skipped with the reason where there is none, never in CI."""
    if shutil.which("glewlwyd") is None and not os.environ.get("CI"):
        pytest.skip("no identity provider here: `apt install glewlwyd dbconfig-sqlite3` brings one")
    with glewlwyd.running(tmp_path_factory.mktemp("glewlwyd")) as running:
        running.add_person("alice", "risk", "credit")
        running.add_person("bob")
        yield running


@pytest.fixture(scope="module")
def site(provider: Glewlwyd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server whose people log in at the provider; the secret of its client stands in a file."""
    home: Path = tmp_path_factory.mktemp("site")
    secret = home / "client-secret"
    secret.write_text(SECRET + "\n")
    environment = {
        "CLEARANCE_OIDC_ISSUER": provider.issuer,
        "CLEARANCE_OIDC_CLIENT_ID": "console",
        "CLEARANCE_OIDC_CLIENT_SECRET": f"file:{secret}",
        "CLEARANCE_OIDC_CLI_CLIENT_ID": "cli",
        "CLEARANCE_OIDC_SCOPES": "openid",
    }
    parts = Clearance(load(environment, home=home / "home"))
    with serving(parts) as url:
        provider.add_console(url)
        yield Site(url, parts)
    parts.close()
