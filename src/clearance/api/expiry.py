"""ASGI middleware that warns early: the answer to a token that ends soon says when, in a header."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from datetime import timedelta
from typing import Any

from clearance.api.core import EXPIRES
from clearance.app import Clearance
from clearance.values import timestamp

WARN = timedelta(days=14)
"""How long before its end a token's answers carry the header."""
HEADER = b"clearance-token-expires"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class WarnEarly:
    """Wraps the application; see the module."""

    def __init__(self, app: Application, parts: Clearance) -> None:
        self._app = app
        self._clock = parts.clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            ends = scope.get(EXPIRES) if message["type"] == "http.response.start" else None
            if ends is not None and ends - self._clock.now() <= WARN:
                message["headers"] = [*message["headers"], (HEADER, timestamp(ends).encode())]
            await send(message)

        await self._app(scope, receive, sending)
