"""Cases of starting: the command line and the server, against an empty Python and against limits."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.measure import Action, Row, alternate
from clearance.demo.installation import HOST, environment

HELP_SECONDS, READ_SECONDS, SERVER_SECONDS = 0.2, 1.0, 3.0
"""What a person is asked to wait at most."""


_IMPORTS = "nearly all of it is importing, of FastAPI, pydantic and SQLAlchemy where the application is needed"


def commands(bench: Bench) -> Iterator[Row]:
    """`clearance --help` and a local read command, each in a process of its own."""
    home = bench.folder / "home"
    cli = [str(Path(sys.executable).with_name("clearance"))]
    _process(*cli, "--home", str(home), "models", "create", "car-loan", "--owner", "ada")()
    python = _process(sys.executable, "-c", "pass")
    read = ["--home", str(home), "models", "list", "--json"]
    for shown, arguments, limit in (("--help", ["--help"], HELP_SECONDS), ("models list --json", read, READ_SECONDS)):
        mine, theirs = alternate(bench.rounds(9), _process(*cli, *arguments), python)
        what = (
            f"`clearance {shown}` in a process of its own, {_processor(cli + arguments):.2f} s of it on the processor"
        )
        yield Row(what=what, unit="run", ours=mine, peer=f"limit: {limit} s", limit=limit, note=_IMPORTS)
        yield Row(what=what, unit="run", ours=mine, peer="floor: `python -c pass`", theirs=theirs, aim=float("inf"))


def server(bench: Bench) -> Iterator[Row]:
    """`clearance serve` from its start until /health answers."""
    home = bench.folder / "home"
    (mine,) = alternate(bench.rounds(5), lambda: _until_healthy(home))
    load = os.getloadavg()[0]
    what = f"`clearance serve` on a home that is in use, until `GET /health` answers, at a load of {load:.1f}"
    yield Row(
        what=what, unit="start", ours=mine, peer=f"limit: {SERVER_SECONDS} s", limit=SERVER_SECONDS, note=_IMPORTS
    )


def _processor(command: list[str]) -> float:
    """Return the processor's seconds of a command, which other programs on the machine change less than the clock's."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _process(*command)()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _process(*command: str) -> Action:
    def action() -> float:
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment())
        return time.perf_counter() - began

    return action


def _until_healthy(home: Path) -> float:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "clearance", "--home", str(home), "serve", "--port", str(port)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    try:
        while not _healthy(port):
            if process.poll() is not None or time.perf_counter() - began > 60:
                raise RuntimeError(f"the server did not start: {' '.join(command)}")
            time.sleep(0.01)
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def _healthy(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=5) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False
