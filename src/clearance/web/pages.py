"""The console put together: every file of pages, the login redirect, and errors as pages."""

from __future__ import annotations

import importlib
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from clearance.api.core import ErrorPage
from clearance.web.core import LoginNeeded, error_page

PAGES = (
    "session",
    "overview",
    "registry",
    "inventory",
    "policy",
    "delivery",
    "history",
    "lineage",
    "response",
    "audit",
    "access",
    "reference",
)
"""Modules of `clearance.web` whose `router` is served at the root."""


def install(app: FastAPI) -> ErrorPage:
    """Serve the pages, and return how an error is shown to a browser."""
    for name in PAGES:
        app.include_router(importlib.import_module(f"clearance.web.{name}").router)

    @app.exception_handler(LoginNeeded)
    def login_needed(_request: Request, error: LoginNeeded) -> RedirectResponse:
        return RedirectResponse(f"/login?next={quote(error.path, safe='')}", status_code=303)

    return error_page
