"""What every page stands on: templates, who is looking, security headers, and forms that only our own pages can send."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool

import clearance
from clearance.access import service as access
from clearance.access.model import Permission, Principal, require
from clearance.api.core import COOKIE, STATUS, Needs, identify, parts
from clearance.errors import ClearanceError, Forbidden, Unauthenticated

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

    async def __call__(self, request: Request) -> Principal:  # type: ignore[override]  # a form is read asynchronously
        if request.method == "POST":
            principal = await _sender_of_form(request)
        else:
            try:
                principal = identify(request)
            except Unauthenticated:
                raise LoginNeeded(request.url.path) from None
        require(principal, self.permission)
        request.state.principal = principal
        return principal


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
            version=clearance.__version__,
            now=parts(request).clock.now(),
            may=lambda word: principal is not None and principal.may(Permission(word)),
        )
    )
    return HTMLResponse(html, status_code=status, headers=HEADERS)


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
    made.filters |= {"when": when, "day": day, "short": short, "figure": figure, "percent": percent}
    return made


def when(at: datetime | None) -> str:
    """Format a time for people."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def day(at: datetime | None) -> str:
    """Format a date for people."""
    return "" if at is None else f"{at:%Y-%m-%d}"


def short(digest: str) -> str:
    """Shorten a digest to what people compare at a glance."""
    return digest.removeprefix("sha256:")[:12]


def figure(number: float | None) -> str:
    """Format a figure with four significant digits."""
    return "—" if number is None else f"{number:.4g}"


def percent(share: float | None) -> str:
    """Format a share as a percentage."""
    return "—" if share is None else f"{share:.1%}"


def error_page(request: Request, error: ClearanceError) -> Response | None:
    """Return the page for an error when a browser asked for a page, else None: the API answers problem details."""
    path = request.url.path
    if path.startswith(("/api/", "/v2", "/health")) or "text/html" not in request.headers.get("accept", ""):
        return None
    return render(request, "error.html", status=STATUS[error.kind].value, error=error)


async def _sender_of_form(request: Request) -> Principal:
    session = request.cookies.get(COOKIE, "")
    form = await request.form()
    sent = form.get("csrf", "")
    if not session:
        raise LoginNeeded("/")
    if not isinstance(sent, str) or not hmac.compare_digest(sent, csrf_token(session)):
        raise Forbidden("this form does not come from this console", code="csrf", hint="open the page again and retry")
    return await run_in_threadpool(_authenticate, request, session)


def _authenticate(request: Request, session: str) -> Principal:
    with parts(request).database.read() as tx:
        return access.authenticate(tx, session)
