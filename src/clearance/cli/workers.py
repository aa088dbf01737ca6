"""Where a server listens, and how several processes share that."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from clearance.cli.core import note
from clearance.errors import Unavailable
from clearance.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

_GRACE_SECONDS = 2  # for requests under way when the server is told to end; a caller sends again what was not answered
# longer than nginx (60 s) or a client (httpx: 5 s) keeps an idle connection: who closes first never sends into a closed one
_IDLE_SECONDS = 75
_END_SECONDS = 10  # for a process to end in order before it is killed
_LOOK_SECONDS = 0.5
_NOT_STARTED = 3  # exit code of a server that never began to serve
_AGAIN_SECONDS = 2.0  # before another process is begun, where one could not start beside those that serve
_BACKLOG = 2048
_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy threads' locks, and PostgreSQL's connections


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
    if workers == 1:
        _serve(settings, listener, access_log)
    else:
        _Workers(lambda: _SPAWN.Process(target=_serve, args=(settings, listener, access_log))).run(workers)


class _Workers:
    """Processes that serve; watched by what the system says of them, so that a busy one is never taken for a dead one."""

    def __init__(self, make: Callable[[], BaseProcess]) -> None:
        self._make = make
        self._alive: list[BaseProcess] = []
        self._first: list[BaseProcess] = []
        self._not_before = 0.0
        self._ending = False

    def run(self, count: int) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        try:
            self._fill(count)
            self._first = list(self._alive)
            while not self._ending:
                wait([each.sentinel for each in self._alive], timeout=_LOOK_SECONDS)
                self._bury()
                self._fill(count)
        finally:
            self._end_all()

    def _fill(self, count: int) -> None:
        while len(self._alive) < count and not self._ending and time.monotonic() >= self._not_before:
            made = self._make()
            made.start()
            self._alive.append(made)

    def _bury(self) -> None:
        """Take out those that ended.

        Raises:
            SystemExit: one of the first did not start, so the next one would not either. A later one may: perhaps the database
                is away, and the others serve again as soon as it is back.
        """
        for gone in [each for each in self._alive if not each.is_alive()]:
            self._alive.remove(gone)
            if gone.exitcode == _NOT_STARTED:
                if gone in self._first:
                    raise SystemExit(_NOT_STARTED)
                self._not_before = time.monotonic() + _AGAIN_SECONDS
            if not self._ending:
                note(f"process {gone.pid} ended ({gone.exitcode}) and is replaced")

    def _end(self, _signal: int, _frame: object) -> None:
        self._ending = True

    def _end_all(self) -> None:
        for each in self._alive:
            each.terminate()
        for each in self._alive:
            each.join(_END_SECONDS)
            each.kill()


def _serve(settings: Settings, listener: socket.socket, access_log: bool) -> None:
    """Serve in this process until a signal ends it."""
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(
            _application(settings),
            log_level="info",
            access_log=access_log,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_keep_alive=_IDLE_SECONDS,
        )
    )
    with suppress(KeyboardInterrupt):  # Ctrl-C ends it, in order
        server.run(sockets=[listener])
    if not server.started:
        raise SystemExit(_NOT_STARTED)


def _application(settings: Settings) -> FastAPI:
    """Return the application of this process, which ends with the one that began it."""
    from clearance import server
    from clearance.app import Clearance

    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()
    return server.create(Clearance(settings), background=True)


def _end_with(parent: BaseProcess) -> None:
    """End this process when the one that began it is gone, killed perhaps: nobody would replace or end this one."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _cannot(host: str, port: int, error: OSError) -> Unavailable:
    return Unavailable(
        f"http://{host}:{port} can't be listened on: {error.strerror or error}",
        code="address_unusable",
        hint="does another server have it? name another one with --host and --port",
    )
