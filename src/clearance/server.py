"""The ASGI application: API, gateway and console over one installation."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

import clearance
from clearance.api.core import install_error_handlers
from clearance.api.expiry import WarnEarly
from clearance.api.idempotency import OnceOnly
from clearance.api.openapi import Application
from clearance.app import Clearance

API = "/api/v1"
ROOMS: dict[str, tuple[str, ...]] = {
    "models": ("models",),
    "tags": ("tags",),
    "versions": ("versions", "files", "completeness"),
    "pins": ("pin",),
    "stopping": ("quarantine", "release", "retire", "delete"),
    "datasets": ("datasets",),
    "inventory": (
        "assessments",
        "captures",
        "contract",
        "lowerings",
        "onboarding",
        "provenance",
        "questionnaire",
        "templates",
    ),
    "blobs": ("blobs", "missing-blobs"),
    "uploads": ("uploads",),
    "artifacts": ("artifacts",),
    "evidence": ("keys", "passport", "signature", "statements"),
    "checks": ("checks", "suites"),
    "policy": ("admission", "decisions", "policy"),
    "approvals": ("approvals", "approve", "reject", "waivers"),
    "delivery": (
        "abort",
        "aliases",
        "analyses",
        "environments",
        "moves",
        "pause",
        "pointers",
        "promotions",
        "reconcile",
        "resume",
        "rollback",
        "rollouts",
        "strategies",
    ),
    "inference": ("gateway",),
    "telemetry": ("telemetry",),
    "monitoring": ("evaluations", "figures", "monitors", "profiles", "windows"),
    "response": ("acknowledge", "alerts", "incidents", "notes", "resolve"),
    "access": ("login-methods", "roles", "sessions", "tokens", "whoami"),
    "audit": ("audit",),
    "compliance": ("report",),
    "history": ("history",),
    "mlflow_imports": ("mlflow-imports",),
    "lineage": ("lineage",),
}
"""Modules of `clearance.api` whose `router` is served under /api/v1, each with the words that lead to it.

In a path words and names alternate (`/models/NAME/versions/NUMBER/statements`); the first word decides, below
`models` the last. Local mode loads only the room that a request leads to; a test holds this table against every route.
"""

PROTOCOLS = ("mlflow_artifacts", "mlflow_webhooks")
"""Modules of `clearance.api` whose `router` speaks another system's protocol, under the paths that its clients know."""


def create(
    parts: Clearance, *, background: bool = False, console: bool = True, rooms: Iterable[str] = tuple(ROOMS)
) -> FastAPI:
    """Return the application.

    Args:
        parts: the installation it serves.
        background: also run what a server runs beside requests (jobs, telemetry writer); local mode does not.
        console: also serve the pages, and what other systems' clients speak to; local mode does not.
        rooms: which rooms of the API to serve.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(parts.jobs.start)
        await asyncio.to_thread(parts.gateway.start)
        yield
        await asyncio.to_thread(parts.close)

    app = Application(
        title="Clearance",
        version=clearance.__version__,
        description="A control tower for machine-learning and AI models.",
        lifespan=lifespan if background else None,
        docs_url=None,  # FastAPI's pages load scripts from a CDN; the console has a page of its own
        redoc_url=None,
    )
    app.state.clearance = parts
    if "inference" in rooms:  # first, for routes are tried in order and predictions are the most
        app.router.routes.append(importlib.import_module("clearance.api.mlflow").RegistryProtocol())
        app.include_router(importlib.import_module("clearance.api.inference").protocol_router)
    if console:
        from clearance.web.pages import install

        install_error_handlers(app, install(app))
        for protocol in PROTOCOLS:
            app.include_router(importlib.import_module(f"clearance.api.{protocol}").router)
        # Last, for it takes all that is left of MLflow's protocol.
        app.router.routes.append(importlib.import_module("clearance.api.mlflow").Elsewhere())
    else:
        install_error_handlers(app, lambda _request, _error: None)
    app.add_middleware(OnceOnly, parts=parts)
    app.add_middleware(WarnEarly, parts=parts)
    for room in rooms:
        app.include_router(importlib.import_module(f"clearance.api.{room}").router, prefix=API)

    @app.get("/health", tags=["health"])
    def health() -> dict[str, str]:
        """Whether the server is up and its database answers."""
        with parts.database.read() as tx:
            tx.connection.exec_driver_sql("select 1")
        return {"status": "ok", "version": clearance.__version__}

    return app


def room_of(path: str) -> str:
    """Return the room that a path of the API leads to; that of models for one that leads nowhere."""
    words = path.removeprefix(API).strip("/").split("/")[::2]
    named = next((place for place, word in enumerate(words) if word in {"files", "tags"}), len(words))
    words = words[: named + 1]  # what follows is a name, slashes and all
    decisive = reversed(words) if words[0] == "models" else words[:1]
    return next((_ROOM_OF[word] for word in decisive if word in _ROOM_OF), "models")


def local(parts: Clearance) -> Callable[..., Awaitable[None]]:
    """Return the application of local mode, which loads a room with the first request that leads there."""
    loaded: dict[str, FastAPI] = {}

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        room = room_of(scope["path"])
        if room not in loaded:
            loaded[room] = create(parts, console=False, rooms=(room,))
        await loaded[room](scope, receive, send)

    return app


_ROOM_OF = {word: room for room, words in ROOMS.items() for word in words}
