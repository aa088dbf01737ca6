"""A real server process on loopback, and a real receiver of its webhooks; for tests of what a server does by itself."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from clearance.access import service as access
from clearance.access.model import NewToken, Role
from clearance.app import Clearance
from clearance.client.client import Client
from clearance.settings import load
from tests.conftest import person


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _waited(process: int) -> float:
    """Return for how many seconds a process could have gone on, had a processor been free; where Linux tells it, else 0."""
    told = Path(f"/proc/{process}/schedstat")
    return int(told.read_text().split()[1]) / 1e9 if told.exists() else 0


class Server:
    """`clearance serve` on a home folder, with settings of its own.

    Attributes:
        parts: the same installation in this process, to prepare and to look.
        options: of `clearance serve`, beside the port.
    """

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.port = free_port()
        self.environment = {f"CLEARANCE_{name.upper()}": text for name, text in settings.items()}
        self.parts = Clearance(load(self.environment, home=home))
        with self.parts.database.write() as tx:
            token = NewToken(name="ada", roles=(Role.ADMIN,))
            self.token = access.issue_token(tx, person("root"), token).secret
        self.process: subprocess.Popen[bytes] | None = None
        self.options: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start it, and return after how many seconds it was healthy; those in which others had the processors don't count."""
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("CLEARANCE_")}
        begun = time.monotonic()
        with (self.home / "server.log").open("ab") as out:
            command = [sys.executable, "-m", "clearance", "--home", str(self.home), "serve", "--port", str(self.port)]
            self.process = subprocess.Popen(
                [*command, *self.options],
                stdout=out,
                stderr=out,
                env=inherited | self.environment,
            )
        self.wait_for(self._is_healthy)
        return time.monotonic() - begun - _waited(self.process.pid)

    def end(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Send it a signal, and return after how many seconds it had ended."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(timeout=60)
        return time.monotonic() - begun

    def close(self) -> None:
        """Kill what still runs."""
        if self.process is not None and self.process.poll() is None:
            self.end(signal.SIGKILL)
        self.parts.close()

    def client(self) -> Client:
        return Client(self.url, self.token, timeout=30)

    def said(self) -> str:
        return (self.home / "server.log").read_text()

    def wait_for(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        """Wait until a condition holds while the server runs, and return what it returned."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert self.process is not None
            assert self.process.poll() is None, self.said()[-3000:]
            assert time.monotonic() < deadline, self.said()[-3000:]
            time.sleep(0.05)
        return found

    def _is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.TransportError:
            return False


class Receiver:
    """A web server that takes alerts on a port; `answer` is called with each before it is answered with `status`."""

    def __init__(self, port: int, answer: Callable[[dict[str, Any]], None] = lambda _alert: None) -> None:
        self.received: queue.Queue[dict[str, Any]] = queue.Queue()
        self.status = 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                alert = json.loads(self.rfile.read(int(self.headers["content-length"])))
                receiver.received.put(alert | {"path": self.path})
                answer(alert)
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def receiving(port: int, answer: Callable[[dict[str, Any]], None] = lambda _alert: None) -> Iterator[Receiver]:
    receiver = Receiver(port, answer)
    try:
        yield receiver
    finally:
        receiver.close()
