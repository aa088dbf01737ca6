"""Fixtures of the console: the showcase, a real server over it, and a real Chromium."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

from clearance import server
from tests.web.showcase import Showcase, build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def showcase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showcase]:
    """An installation with something on every page."""
    made = build(tmp_path_factory.mktemp("showcase"))
    yield made
    made.parts.close()


@pytest.fixture(scope="module")
def site(showcase: Showcase) -> Iterator[str]:
    """Address of a real server over the showcase."""
    config = uvicorn.Config(server.create(showcase.parts), host="127.0.0.1", port=0, log_level="warning", ws="none")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        assert thread.is_alive()
        time.sleep(0.01)
    host, port = running.servers[0].sockets[0].getsockname()[:2]
    yield f"http://{host}:{port}"
    running.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser(site: str) -> Iterator[Browser]:
    """Debian's Chromium; skipped with the reason where there is none, never in CI.

    Started after everything else that a module needs: while Playwright runs, nothing else may run an event loop here.
    """
    if not CHROMIUM.exists() and not os.environ.get("CI"):
        pytest.skip(f"no browser here: {CHROMIUM} is missing; `apt install chromium` brings it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()
