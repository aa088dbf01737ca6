"""Where a server listens, and how several processes share that."""

from __future__ import annotations

import functools
import multiprocessing.process
import os
import signal
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from clearance.errors import Unavailable
from clearance.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

_GRACE_SECONDS = 2  # for requests under way when the server is told to end; a caller sends again what was not answered
_HUNG_SECONDS = (
    60  # after which a process that does not say that it lives is replaced; a busy machine is not a hung one
)
_BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens, and whose connections send at once what is written to them.

    uvicorn's own for several processes is made without a protocol, for which asyncio does not set TCP_NODELAY
    (`_set_nodelay` in asyncio/base_events.py looks for IPPROTO_TCP): small answers then wait 40 ms for an acknowledgement.

    Raises:
        Unavailable: the address can't be listened on.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        made = socket.socket(family, kind, socket.IPPROTO_TCP)
    except OSError as error:
        raise _cannot(host, port, error) from error
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what it accepts takes this over
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise _cannot(host, port, error) from error
    return made


def run(settings: Settings, listener: socket.socket, workers: int, *, access_log: bool) -> None:
    """Serve until a signal ends it: in this process, or in so many others, of which each that dies is replaced."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    config = uvicorn.Config(
        functools.partial(_application, settings),
        factory=True,
        workers=workers,
        log_level="info",
        access_log=access_log,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_worker_healthcheck=_HUNG_SECONDS,
    )
    if workers > 1:
        Multiprocess(config, sockets=[listener]).run()
        return
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):  # Ctrl-C ends it, in order
        server.run(sockets=[listener])
    if not server.started:
        raise SystemExit(3)


def _application(settings: Settings) -> FastAPI:
    """Return the application of one process; imported by name in each."""
    from clearance import server
    from clearance.app import Clearance

    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()
    return server.create(Clearance(settings), background=True)


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """End this process when the one that began it is gone, killed perhaps: nobody would replace or end this one."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _cannot(host: str, port: int, error: OSError) -> Unavailable:
    return Unavailable(
        f"http://{host}:{port} can't be listened on: {error.strerror or error}",
        code="address_unusable",
        hint="does another server have it? name another one with --host and --port",
    )
