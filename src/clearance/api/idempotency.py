"""ASGI middleware around the API: bodies have a limit and whole texts, and a POST with an Idempotency-Key happens once."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from clearance.api import bodies
from clearance.api.core import known, problem
from clearance.app import Clearance
from clearance.errors import ClearanceError, Conflict, InvalidInput, TooLarge
from clearance.storage import idempotency
from clearance.storage.idempotency import Answer, Claim

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)

_LONGEST_KEPT = 1024 * 1024  # bytes of an answer that is kept for a repetition
STREAMED = ("/api/v1/blobs/", "/api/v1/uploads/", "/api/2.0/mlflow-artifacts/artifacts/")
"""Paths whose bodies are streamed to disk under a limit of their own."""

_OURS = ("/api/v1/", "/v2/")
"""Paths whose JSON is looked at here; other protocols refuse in their own words."""


class OnceOnly:
    """Wraps the application; see the module."""

    def __init__(self, app: Application, parts: Clearance) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(STREAMED) or not _brings_body(scope):
            await self._app(scope, receive, send)
            return
        try:
            body = await self._body(receive)
            if bodies.may_be_torn(body) and scope["path"].startswith(_OURS):
                await run_in_threadpool(bodies.check_texts, body)
            key = _header(scope, b"idempotency-key")
            if key and scope["method"] == "POST":
                await self._once(scope, body, key, send)
            else:
                await self._app(scope, _replay(body), send)
        except ClearanceError as error:
            await problem(error, scope["path"])(scope, receive, send)

    async def _body(self, receive: Receive) -> bytes:
        limit = self._parts.settings.max_request_kb * 1024
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > limit:
                raise TooLarge(
                    f"the request's body is over {self._parts.settings.max_request_kb} KiB",
                    code="request_too_large",
                    hint="send fewer items at once, or raise CLEARANCE_MAX_REQUEST_KB on the server",
                )
            if not message.get("more_body", False):
                return bytes(body)

    async def _once(self, scope: Scope, body: bytes, key: str, send: Send) -> None:
        claim = Claim(_scope_key(scope, key), hashlib.sha256(body).hexdigest())
        earlier = await run_in_threadpool(self._find, claim)
        if earlier is not None:
            await known(Request(scope))  # whose token was revoked since is told nothing any more
            await _repeat(earlier, claim, send)
            return
        answer = _Recorder(send, lambda answer: run_in_threadpool(self._keep, claim, answer))
        token = idempotency.current.set(claim)
        try:
            await self._app(scope, _replay(body), answer.send)
        finally:
            idempotency.current.reset(token)

    def _find(self, claim: Claim) -> Answer | None:
        with self._parts.database.read() as tx:
            return idempotency.find(tx, claim.scope)

    def _keep(self, claim: Claim, answer: _Recorder) -> None:
        """Keep the answer to a request that changed something; of a secret only that there was one."""
        if not claim.committed:
            return
        body = None if answer.secret else bytes(answer.body)
        try:
            with self._parts.database.write() as tx:
                idempotency.keep_answer(tx, claim, answer.status, answer.content_type, body)
        except ClearanceError as error:  # the change is made: whoever waits is told of it all the same
            logger.warning("an answer could not be kept for a repetition: %s", error.message)


class _Recorder:
    """Holds an answer back until it is kept, so that who has got it finds it again; one that is too long is passed on."""

    def __init__(self, send: Send, keep: Callable[[_Recorder], Awaitable[None]]) -> None:
        self._send = send
        self._keep = keep
        self._held: list[Message] = []
        self._passing = False
        self.status = 0
        self.content_type = ""
        self.secret = False
        self.body = bytearray()

    async def send(self, message: Message) -> None:
        if self._passing:
            await self._send(message)
            return
        self._note(message)
        self._held.append(message)
        whole = message["type"] == "http.response.body" and not message.get("more_body", False)
        if not whole and len(self.body) <= _LONGEST_KEPT:
            return
        self._passing = True
        if len(self.body) <= _LONGEST_KEPT:
            await self._keep(self)
        for held in self._held:
            await self._send(held)

    def _note(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = dict(message["headers"])
            self.content_type = headers.get(b"content-type", b"").decode()
            self.secret = headers.get(b"cache-control") == b"no-store"  # RFC 9111: nobody may keep it, so neither do we
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


async def _repeat(earlier: Answer, claim: Claim, send: Send) -> None:
    if earlier.request_hash != claim.request_hash:
        raise InvalidInput(
            "this Idempotency-Key was used for another request",
            code="idempotency_key_reused",
            hint="use a fresh key for every new request",
        )
    if earlier.under_way:
        raise idempotency.in_progress()
    if earlier.secret:
        raise Conflict(
            "the first request with this Idempotency-Key took effect; its answer held a secret, which is kept nowhere",
            code="idempotency_answer_lost",
            hint="revoke what it made (`clearance tokens list` shows it) and ask again with a fresh key",
        )
    if earlier.status is None:
        raise Conflict(
            "the first request with this Idempotency-Key took effect, but its answer was lost",
            code="idempotency_answer_lost",
            hint="read the resource to see what it did; do not send the request again",
        )
    headers = [(b"content-type", earlier.content_type.encode()), (b"idempotent-replayed", b"true")]
    await send({"type": "http.response.start", "status": earlier.status, "headers": headers})
    await send({"type": "http.response.body", "body": earlier.body})


def _replay(body: bytes) -> Receive:
    """Return a `receive` that gives a body that was read already."""
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _brings_body(scope: Scope) -> bool:
    """Whether a request may have a body: a GET has none unless it says how it is sent (RFC 9112, section 6)."""
    return scope["method"] not in {"GET", "HEAD"} or any(
        name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"]
    )


def _header(scope: Scope, name: bytes) -> str:
    return next((text.decode("latin-1") for found, text in scope["headers"] if found == name), "")


def _scope_key(scope: Scope, key: str) -> str:
    """Return what the key stands for: one caller, one route, one key."""
    local = scope.get("clearance.principal")
    caller = local.name if local is not None else _header(scope, b"authorization")
    named = [caller, scope["path"], scope.get("query_string", b"").decode("latin-1"), key]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()
