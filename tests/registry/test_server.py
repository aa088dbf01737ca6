"""Uploads to a real server process: killed, broken off, too large."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from clearance.access import service as access
from clearance.access.model import NewToken, Role
from clearance.app import Clearance
from clearance.client.client import Client
from clearance.errors import NotFound, TooLarge, Unavailable
from clearance.settings import load
from clearance.values import sha256
from tests.conftest import person

MIB = 1 << 20


class Server:
    """`clearance serve` on a home folder, with a limit of 8 MiB a file."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        parts = Clearance(load({}, home=home))
        with parts.database.write() as tx:
            self.token = access.issue_token(tx, person("root"), NewToken(name="ada", roles=(Role.ADMIN,))).secret
        parts.close()

    def start(self) -> None:
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "clearance", "--home", str(self.home), "serve", "--port", str(self.port)],
                env={**os.environ, "CLEARANCE_MAX_UPLOAD_MB": "8"},
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        self.stop(signal.SIGKILL)
        raise AssertionError(f"the server did not start:\n{self.log()}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(timeout=60)

    def client(self) -> Client:
        return Client(f"http://127.0.0.1:{self.port}", self.token, timeout=30)

    def log(self) -> str:
        return (self.home / "server.log").read_text()

    def stored(self) -> list[Path]:
        return [path for path in (self.home / "artifacts/blobs").rglob("*") if path.is_file()]

    def incoming(self) -> list[int]:
        """Sizes of the uploads under way."""
        folder = self.home / "artifacts/incoming"
        return [path.stat().st_size for path in folder.iterdir()] if folder.is_dir() else []


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "home")
    made.start()
    yield made
    if made.process.poll() is None:
        made.stop(signal.SIGKILL)


def test_a_server_killed_in_the_middle_of_an_upload_has_no_such_blob_and_takes_it_afterwards(server: Server) -> None:
    data = os.urandom(5 * MIB)

    def upload_that_sees_the_server_die() -> Iterator[bytes]:
        yield data[: 3 * MIB]
        wait_until(lambda: any(size >= 2 * MIB for size in server.incoming()))
        server.stop(signal.SIGKILL)
        yield data[3 * MIB :]

    with server.client() as client, pytest.raises(Unavailable):
        client.http.upload("PUT", f"/blobs/{sha256(data)}", dict, upload_that_sees_the_server_die())
    assert server.stored() == []
    server.start()
    with server.client() as client:
        with pytest.raises(NotFound):
            client.http.download(f"/blobs/{sha256(data)}", lambda _: None)
        assert client.http.upload("PUT", f"/blobs/{sha256(data)}", dict, data)["size"] == 5 * MIB
        received = bytearray()
        client.http.download(f"/blobs/{sha256(data)}", received.extend)
    assert bytes(received) == data


def test_an_upload_that_is_too_large_is_answered_clearly_over_the_network(server: Server) -> None:
    data = bytes(40 * MIB)
    digest = sha256(data)
    with server.client() as client:
        for content in (data, (data[at : at + MIB] for at in range(0, len(data), MIB))):
            with pytest.raises(TooLarge) as caught:
                client.http.upload("PUT", f"/blobs/{digest}", dict, content)
            assert caught.value.code == "upload_too_large"
    assert server.stored() == []
    assert server.incoming() == []


def test_a_caller_that_hangs_up_leaves_nothing_and_no_alarm_in_the_log(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = f"PUT /api/v1/blobs/{sha256(b'x')} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {server.token}\r\n"
        connection.sendall(head.encode() + b"content-length: 1000000\r\n\r\n" + b"x" * 1000)
        wait_until(lambda: server.incoming() == [0])
    wait_until(lambda: server.incoming() == [])
    assert server.stored() == []
    server.stop()
    assert "Traceback" not in server.log()
