"""What every page stands on: templates, who is looking, security headers, and forms that only our own pages can send."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool

import clearance
from clearance.access.model import Permission, Principal
from clearance.api.core import COOKIE, STATUS, Needs, address_of, identify, known, parts
from clearance.compliance import charts, sources, wording
from clearance.errors import ClearanceError, Forbidden, RateLimited, Unauthenticated

FOLDER = Path(__file__).parent

CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""No inline script or style, nothing from elsewhere, no eval: the charts use Vega's expression interpreter."""

HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class LoginNeeded(Exception):  # control flow, not an error: it becomes a redirect
    """Nobody is logged in; carries where to come back to."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class PageNeeds(Needs):
    """Like a route's `Needs`, for pages: a stranger is sent to the login page, and a form must be our own.

    A page changes state only by a POST that carries the session cookie and a token derived from it, which no other site
    can know (the double-submit pattern with HMAC; OWASP CSRF Prevention Cheat Sheet).
    """

    async def __call__(self, request: Request) -> Principal:
        if request.method == "POST":
            principal = await _sender_of_form(request)
        else:
            try:
                principal = await known(request)
            except Unauthenticated:
                raise LoginNeeded(_address(request)) from None
        request.state.principal = principal  # known from here on, so that a refusal is a page with its navigation
        request.state.principal = await self.admit(request, principal)
        found: Principal = request.state.principal
        return found


def page_needs(permission: Permission) -> Any:
    """Declare, in a page's `caller`, what the person looking must be allowed."""
    return Depends(PageNeeds(permission))


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Return a page."""
    principal: Principal | None = getattr(request.state, "principal", None)
    html = (
        environment()
        .get_template(template)
        .render(
            **context,
            principal=principal,
            path=request.url.path,
            csrf=csrf_token(request.cookies.get(COOKIE, "")),
            program=clearance.__version__,
            now=parts(request).clock.now(),
            may=lambda word: principal is not None and principal.may(Permission(word)),
        )
    )
    return HTMLResponse(html, status_code=status, headers=HEADERS)


def require_own_site(request: Request) -> None:
    """Refuse a form that another site sent; browsers say so in a header that pages can't set (Fetch Metadata, W3C).

    Raises:
        Forbidden: it comes from elsewhere.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise _foreign_form()


def csrf_token(session: str) -> str:
    """Return the token that a form of this session must carry."""
    return hmac.new(session.encode(), b"clearance form", hashlib.sha256).hexdigest() if session else ""


def back_to(path: str) -> RedirectResponse:
    """Return the answer to a form that did something: see the page again."""
    return RedirectResponse(path, status_code=303)


@cache
def environment() -> Environment:
    """Return the template environment: everything is escaped, an unknown name is an error."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        **wording.FILTERS,
        "embedded": charts.embedded,
        "source": sources.key_of,
        "anchor": sources.anchor,
    }
    return made


def error_page(request: Request, error: ClearanceError) -> Response | None:
    """Return the page for an error when a browser asked for a page, else None: the API answers problem details."""
    path = request.url.path
    if path.startswith(("/api/", "/v2", "/health")) or "text/html" not in request.headers.get("accept", ""):
        return None
    if error.kind != "error" and not hasattr(request.state, "principal"):
        with suppress(Unauthenticated, RateLimited):  # a stranger sees the same page, only without the navigation
            request.state.principal = identify(request)
    return render(request, "error.html", status=STATUS[error.kind].value, error=error)


async def _sender_of_form(request: Request) -> Principal:
    session = request.cookies.get(COOKIE, "")
    form = await request.form()
    sent = form.get("csrf", "")
    if not session:
        raise LoginNeeded("/")
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), csrf_token(session).encode()):
        raise _foreign_form()
    try:
        return await run_in_threadpool(parts(request).sessions.principal, session, address_of(request))
    except Unauthenticated:  # expired or revoked while the form was open
        raise LoginNeeded("/") from None


def _foreign_form() -> Forbidden:
    return Forbidden("this form does not come from this console", code="csrf", hint="open the page again and retry")


def _address(request: Request) -> str:
    """Return the path and query of a page, to come back to it."""
    query = f"?{request.url.query}" if request.url.query else ""
    return quote(request.url.path) + query
