"""The HTTP transport of local mode: calls an ASGI application in this process, streaming both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from typing import Any

import httpx


class InProcessTransport(httpx.BaseTransport):
    """Sends each request to an ASGI application in this thread's own event loop.

    Args:
        load: returns the application; called with the first request, so that making a client costs nothing.
        extensions: put into every request's ASGI scope (there the principal of local mode travels).
        end: called when the client is closed, if there was a request: gives back what the application opened.
    """

    def __init__(
        self, load: Callable[[], Any], extensions: MutableMapping[str, Any], end: Callable[[], None] | None = None
    ) -> None:
        self._load = load
        self._end = end
        self._app: Any = None
        self._extensions = extensions
        self._loop = asyncio.new_event_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._app is None:
            self._app = self._load()
        exchange = _Exchange(self._loop, self._app, request, self._extensions)
        status, headers = exchange.start()
        return httpx.Response(status, headers=headers, stream=exchange, request=request)

    def close(self) -> None:
        self._loop.close()
        if self._end is not None and self._app is not None:
            self._end()


class _Exchange(httpx.SyncByteStream):
    """One request under way: the application runs only while its answer is read."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, app: Any, request: httpx.Request, extensions: MutableMapping[str, Any]
    ) -> None:
        self._loop = loop
        self._messages: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue(maxsize=4)
        self._body = _chunks(request)
        self._sent = False
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), text) for name, text in request.headers.raw],
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.split(b"?")[0],
            "query_string": request.url.query,
            "server": (request.url.host, request.url.port),
            "client": ("127.0.0.1", 0),
            "root_path": "",
            **extensions,
        }
        self._task = loop.create_task(app(scope, self._receive, self._messages.put))

    def start(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        message = self._next()
        return message["status"], message["headers"]

    def __iter__(self) -> Iterator[bytes]:
        while True:
            message = self._next()
            yield message.get("body", b"")
            if not message.get("more_body", False):
                # What the application raises after a whole answer, it has told in that answer and in its log.
                self._loop.run_until_complete(asyncio.gather(self._task, return_exceptions=True))
                return

    def close(self) -> None:
        if not self._task.done():
            self._task.cancel()
            self._loop.run_until_complete(asyncio.gather(self._task, return_exceptions=True))

    def _next(self) -> MutableMapping[str, Any]:
        async def either() -> MutableMapping[str, Any]:
            getter = asyncio.ensure_future(self._messages.get())
            await asyncio.wait({getter, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if not getter.done() and self._messages.empty():
                getter.cancel()
                self._task.result()  # raises what broke the application
                raise RuntimeError("the application ended without an answer")
            return await getter

        return self._loop.run_until_complete(either())

    async def _receive(self) -> MutableMapping[str, Any]:
        if self._sent:
            await asyncio.Event().wait()  # the client stays: a disconnect is never reported
        try:
            chunk = await anext(self._body)
        except StopAsyncIteration:
            self._sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": chunk, "more_body": True}


async def _chunks(request: httpx.Request) -> AsyncIterator[bytes]:
    stream = request.stream
    if isinstance(stream, httpx.SyncByteStream):
        for chunk in stream:
            yield chunk
