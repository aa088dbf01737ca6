"""Peers that are not our dependencies: each in an environment of its own, from a lock, and asked over a pipe."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measure import Action

FOLDER = Path(__file__).parent / "peers"
_INSTALL_SECONDS = 600
_SILENT = "it ended without an answer"


class PeerUnavailable(Exception):
    """A peer can't be installed or started; the text says why."""


class Peer:
    """A running peer: a program that times what it is asked to do, and answers with seconds."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, job: str, **arguments: Any) -> float:
        """Return the seconds a unit of a job took, as the peer measured it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"job": job, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            assert self._process.stderr is not None
            raise PeerUnavailable("broke: " + (_last_line(self._process.stderr.read()) or _SILENT))
        return float(json.loads(answer)["seconds"])

    def action(self, job: str, **arguments: Any) -> Action:
        """Return asking for a job as an action."""
        return lambda: self.ask(job, **arguments)


@contextmanager
def peer(name: str, cache: Path, *arguments: str) -> Iterator[Peer]:
    """Install a peer unless it is there, start `peers/<name>.py` in its environment, and end it with the block.

    Raises:
        PeerUnavailable: it can't be installed, or does not start.
    """
    python = install(name, cache)
    script = FOLDER / f"{name.replace('-', '_')}.py"
    process = subprocess.Popen(
        [str(python), "-P", str(script), *arguments],  # -P: it bears the name of what it imports
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Peer(process)
    finally:
        process.kill()
        process.communicate()


def install(name: str, cache: Path) -> Path:
    """Return the Python of a peer's environment, made from `peers/<name>.txt` unless it is there already.

    Raises:
        PeerUnavailable: pip says no, or there is no network.
    """
    lock = FOLDER / f"{name}.txt"
    environment = cache / name
    python = environment / "bin" / "python"
    marker = environment / ".installed"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    if marker.is_file() and marker.read_text() == wanted:
        return python
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:"]
    for command in ([sys.executable, "-m", "venv", "--clear", str(environment)], [*pip, "-r", str(lock)]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise PeerUnavailable(f"could not be installed: it took more than {_INSTALL_SECONDS} s") from None
        if done.returncode:
            raise PeerUnavailable(f"could not be installed: {_last_line(done.stderr) or done.returncode}")
    marker.write_text(wanted)
    return python


def locked_version(name: str) -> str:
    """Return the version of a peer that its lock names."""
    for line in (FOLDER / f"{name}.txt").read_text("utf-8").splitlines():
        package, _, version = line.partition("==")
        if package == name:
            return version
    raise LookupError(f"peers/{name}.txt does not name {name}")


def _last_line(text: str) -> str:
    """Return the last line that says something, without addresses, which are nobody's business in a table."""
    lines = [line for line in text.strip().splitlines() if line.strip() and not line.startswith("WARNING")]
    return re.sub(r"\S+://\S+", "(address)", lines[-1].strip()) if lines else ""
