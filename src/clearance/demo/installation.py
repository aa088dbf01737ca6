"""The demo's own Clearance: a real server in a process of its own, and people with tokens of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from clearance.access.model import Role
from clearance.cli.workers import listen
from clearance.client.client import Client
from clearance.errors import InvalidInput, Unavailable

HOST = "127.0.0.1"
PEOPLE: Mapping[str, tuple[Role, ...]] = {
    "alice": (Role.DEVELOPER, Role.APPROVER),  # the author; she may approve what others made
    "bob": (Role.APPROVER,),  # somebody other than the author
    "olga": (Role.OPERATOR,),  # runs production
    "aude": (Role.AUDITOR,),  # believes nothing
    "loan-desk": (Role.OPERATOR,),  # the program that asks for predictions
}
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0


class Installation:
    """A server on a home folder, from entering to leaving the `with` block.

    Attributes:
        home: its data folder.
        url: its address.
        admin_token: token of somebody who may do everything.

    Raises:
        Unavailable: another program has the port, and nothing was made (`address_unusable`); or the server did not start.
    """

    def __init__(self, home: Path, port: int | None = None) -> None:
        self.home = home
        self.port = port or free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.admin_token = ""
        self._server: subprocess.Popen[bytes] | None = None
        self._tokens: dict[str, str] = {}
        self._clients: list[Client] = []

    @property
    def log_file(self) -> Path:
        """What the server wrote."""
        return self.home / "server.log"

    def __enter__(self) -> Self:
        listen(HOST, self.port).close()  # before anything is made: a folder that is not empty is refused the next time
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self.admin_token = self._first_token()
            self._start()
            self._issue()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def client(self, name: str) -> Client:
        """Return a client that acts as one of PEOPLE, closed with the installation."""
        client = Client(self.url, self._tokens[name])
        self._clients.append(client)
        return client

    def http(self, name: str) -> httpx.Client:
        """Return a bare HTTP client with that person's token and connections that stay open, for the gateway."""
        return httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {self._tokens[name]}"}, timeout=60, trust_env=False
        )

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `clearance --home HOME …` in a process of its own, as the user of this machine."""
        return subprocess.run(
            [sys.executable, "-m", "clearance", "--home", str(self.home), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
            timeout=120,
        )

    def wait(self) -> None:
        """Return when the server ends, which it does not by itself."""
        if self._server is not None:
            self._server.wait()

    def close(self) -> None:
        """End the server, with grace at first."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        if self._server is None:
            return
        self._server.terminate()
        try:
            self._server.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None

    def _first_token(self) -> str:
        """Issue the administrator's token in local mode: whoever owns the folder may."""
        done = self.command("tokens", "issue", "ada", "--role", Role.ADMIN.value, "--days", "1", "--json")
        if done.returncode:
            raise Unavailable(
                f"no token could be issued on {self.home}: {done.stderr.strip()[-500:]}",
                code="demo_not_started",
                hint="is the folder writable?",
            )
        secret: str = json.loads(done.stdout)["secret"]
        return secret

    def _start(self) -> None:
        command = [sys.executable, "-m", "clearance", "--home", str(self.home), "serve"]
        with self.log_file.open("ab") as log:
            self._server = subprocess.Popen(
                [*command, "--host", HOST, "--port", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment() | {"CLEARANCE_MONITOR_SECONDS": "0"},  # the story says itself which time it is
                start_new_session=True,  # Ctrl-C reaches the demo, which then ends the server in order
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._healthy():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(
                    f"the server did not start: {self._last_words()}",
                    code="demo_not_started",
                    hint=f"all it said is in {self.log_file}",
                )
            time.sleep(0.1)

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def _issue(self) -> None:
        with Client(self.url, self.admin_token) as admin:
            for name, roles in PEOPLE.items():
                self._tokens[name] = admin.access.issue(name, roles, days=1).secret

    def _last_words(self) -> str:
        lines = self.log_file.read_text("utf-8", errors="replace").strip().splitlines()
        errors = [line.removeprefix("error").strip() for line in lines if line.startswith("error ")]
        return (errors or lines or ["it said nothing"])[-1]


def environment() -> dict[str, str]:
    """Return the environment without anything that is set for Clearance: the demo stands on its own."""
    return {name: text for name, text in os.environ.items() if not name.startswith("CLEARANCE_")}


def check_home(home: Path) -> None:
    """Refuse a folder that is in use already.

    Raises:
        InvalidInput: there is something in it.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise InvalidInput(
            f"{home} is not empty: the story begins with an empty folder",
            code="demo_home_used",
            hint="name a new one with --home, or leave --home out",
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
