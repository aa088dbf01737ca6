"""The ASGI application: API, gateway and console over one installation."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import clearance
from clearance.api.core import install_error_handlers
from clearance.api.idempotency import OnceOnly
from clearance.app import Clearance

API = "/api/v1"
ROOMS = (
    "registry",
    "blobs",
    "evidence",
    "checks",
    "access",
    "audit",
    "response",
    "inference",
    "telemetry",
    "monitoring",
    "policy",
    "approvals",
    "delivery",
)
"""Modules of `clearance.api` whose `router` is served under /api/v1."""


def create(parts: Clearance, *, background: bool = False, console: bool = True) -> FastAPI:
    """Return the application.

    Args:
        parts: the installation it serves.
        background: also run what a server runs beside requests (jobs, telemetry writer); local mode does not.
        console: also serve the pages; local mode does not.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(parts.jobs.start)
        await asyncio.to_thread(parts.gateway.start)
        yield
        await asyncio.to_thread(parts.close)

    app = FastAPI(
        title="Clearance",
        version=clearance.__version__,
        description="A control tower for machine-learning and AI models.",
        lifespan=lifespan if background else None,
        docs_url=None,  # FastAPI's pages load scripts from a CDN; the console has a page of its own
        redoc_url=None,
    )
    app.state.clearance = parts
    if console:
        from clearance.web.pages import install

        install_error_handlers(app, install(app))
    else:
        install_error_handlers(app, lambda _request, _error: None)
    app.add_middleware(OnceOnly, parts=parts)
    for room in ROOMS:
        app.include_router(importlib.import_module(f"clearance.api.{room}").router, prefix=API)

    app.include_router(importlib.import_module("clearance.api.inference").protocol_router)

    @app.get("/health", tags=["health"])
    def health() -> dict[str, str]:
        """Whether the server is up and its database answers."""
        with parts.database.read() as tx:
            tx.connection.exec_driver_sql("select 1")
        return {"status": "ok", "version": clearance.__version__}

    return app
