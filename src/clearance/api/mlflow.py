"""MLflow's registry protocol at the root: dispatched by path and method, without the machinery of the other routes.

A training job makes these calls by the hundred, and MLflow's client waits for each: they must cost little.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from clearance.access.model import NOWHERE, Permission, Place, Principal, require
from clearance.api.answers import Answers
from clearance.api.core import EXPIRES, base_of, hosts_of, known
from clearance.app import Clearance
from clearance.errors import ClearanceError
from clearance.integrations.mlflow import requests, sources, store
from clearance.integrations.mlflow.context import Asked, Context, Message
from clearance.integrations.mlflow.endpoints import ENDPOINTS, PREFIX, Endpoint
from clearance.integrations.mlflow.errors import ProtocolError, Word, body_of, mistake
from clearance.storage.database import Transaction
from clearance.storage.glance import Glance, WouldWait

logger = logging.getLogger(__name__)

PERMISSIONS: dict[tuple[str, str], Permission] = {
    (each.method, PREFIX + each.path): each.permission for each in ENDPOINTS
}
"""What each method and path needs."""
_BY_PLACE = {(each.method, PREFIX + each.path): each for each in ENDPOINTS}
_PATHS = frozenset(path for _, path in _BY_PLACE)
_TRACKING = ("/api/2.0/mlflow/", "/api/3.0/mlflow/")
_CHALLENGE = b'Bearer realm="clearance", Basic realm="clearance"'


@dataclass(frozen=True, slots=True)
class _Sent:
    """What was asked, and by whom."""

    principal: Principal
    asked: Asked


class RegistryProtocol(BaseRoute):
    """The route of all endpoints."""

    def __init__(self) -> None:
        self._glance: Glance | None = None
        self._answers = Answers()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Take the requests for one of the endpoints' paths."""
        return (Match.FULL, {}) if scope["type"] == "http" and scope["path"] in _PATHS else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            status, body = 200, await self._answer(Request(scope, receive))
        except ClearanceError as error:
            status, body = _failed(error)
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            status, body = _failed(mistake())
        await _send(send, status, body)

    async def _answer(self, request: Request) -> bytes:
        scope = request.scope
        endpoint = _BY_PLACE.get((scope["method"], scope["path"]))
        if endpoint is None:
            raise ProtocolError(Word.ENDPOINT_NOT_FOUND, f"there is no {scope['method']} {scope['path']}")
        principal = await known(request)
        if not _is_narrowed(principal):
            require(principal, endpoint.permission)
        if principal.expires_at is not None and principal.issued_by:
            scope[EXPIRES] = principal.expires_at
        question = None if _is_narrowed(principal) else _question(endpoint, request)
        version = None if question is None else self._version()
        kept = None if version is None else self._answers.find(version, question)
        if kept is not None:
            return kept
        answer = _encoded(await self._carried_out(endpoint, request, principal))
        if version is not None:
            self._answers.keep(version, question, answer)
        return answer

    def _version(self) -> int | None:
        """Return which state the database is in, None where that can't be told at once."""
        with suppress(WouldWait):
            return None if self._glance is None else self._glance.version()
        return None

    async def _carried_out(self, endpoint: Endpoint, request: Request, principal: Principal) -> Message:
        scope = request.scope
        if scope["method"] == "GET" and scope["query_string"]:
            asked = requests.read_query(endpoint.fields, scope["query_string"])
        else:
            asked = requests.read_body(endpoint.fields, await request.body())
        sent = _Sent(principal, asked)
        if endpoint.quick and self._glance is not None:
            with suppress(WouldWait):  # on this thread: going to another one would take as long as the answer
                return _carry_out(self._glance.read(), request.app.state.clearance, endpoint, request, sent)
        return await run_in_threadpool(self._run, endpoint, request, sent)

    def _run(self, endpoint: Endpoint, request: Request, sent: _Sent) -> Message:
        parts: Clearance = request.app.state.clearance
        opened = parts.database.write() if endpoint.writes else parts.database.read()
        answer = _carry_out(opened, parts, endpoint, request, sent)
        self._glance = parts.glance  # from now on: making the parts takes its time
        return answer


class Elsewhere(BaseRoute):
    """The route of whatever else MLflow's client may ask a tracking server: it is told where to ask."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Take all that is left of the protocol."""
        there = scope["type"] == "http" and scope["path"].startswith(_TRACKING)
        return (Match.FULL, {}) if there else (Match.NONE, {})

    async def handle(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a request."""
        what = f"Clearance keeps models and versions, not runs or experiments: there is no {scope['method']} {scope['path']}"
        hint = "set MLFLOW_TRACKING_URI to your tracking server, and MLFLOW_REGISTRY_URI to this one"
        await _send(send, *_failed(ProtocolError(Word.ENDPOINT_NOT_FOUND, f"{what}\n{hint}")))


def _question(endpoint: Endpoint, request: Request) -> Hashable | None:
    """Return all that an answer depends on beside the database; None for what is no query, or writes."""
    scope = request.scope
    if endpoint.writes or scope["method"] != "GET" or not scope["query_string"]:
        return None
    return scope["path"], scope["query_string"], base_of(request)


def _failed(error: ClearanceError) -> tuple[int, bytes]:
    status, message = body_of(error)
    return status, _encoded(message)


def _encoded(message: Message) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


async def _send(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 401:
        headers.append((b"www-authenticate", _CHALLENGE))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _is_narrowed(principal: Principal) -> bool:
    """Whether it depends on what a request is about what the principal may do."""
    return principal.scope is not None or bool(principal.team_roles)


def _carry_out(
    opened: AbstractContextManager[Transaction], parts: Clearance, endpoint: Endpoint, request: Request, sent: _Sent
) -> Message:
    context = Context(parts.blobs, parts.gate, parts.guards, base_of(request), hosts_of(request))
    with opened as tx:
        answer = endpoint.run(tx, _admit(tx, endpoint, sent), context, sent.asked)
    if isinstance(answer, ClearanceError):
        raise answer
    return answer


def _admit(tx: Transaction, endpoint: Endpoint, sent: _Sent) -> Principal:
    """Return the principal as they stand towards what the request is about; one whose roles hold everywhere is admitted.

    Raises:
        Forbidden: the permission is missing there.
    """
    principal = sent.principal
    if not _is_narrowed(principal):
        return principal
    for permission, place in _also_about(tx, sent.asked):
        require(principal, permission, place)
    return require(principal, endpoint.permission, _place(tx, sent.asked.get("name", "")))


def _also_about(tx: Transaction, asked: Asked) -> Iterator[tuple[Permission, Place]]:
    """Yield what else a request is about: the version that a new one is to be a copy of."""
    if str(asked.get("source", "")).startswith("models:"):
        yield Permission.READ, _place(tx, sources.parse_model_uri(asked["source"]).name)


def _place(tx: Transaction, name: str) -> Place:
    found = store.find_place(tx, name)
    return NOWHERE if found is None else Place(model=found[0], team=found[1])
