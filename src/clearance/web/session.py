"""Pages of the session: log in through the identity provider or with a token, log out; and the files that pages load."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import asdict
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from clearance.access import service as access
from clearance.access.oidc import Departure, Oidc
from clearance.api.core import COOKIE, STATUS, App, address_of, base_of
from clearance.app import Clearance
from clearance.errors import ClearanceError, Conflict, InvalidInput, NotFound, RateLimited, Unauthenticated, Unavailable
from clearance.web.core import FOLDER, HEADERS, back_to, render, require_own_site

router = APIRouter(include_in_schema=False)
_STATIC = {"style.css": "text/css", "charts.js": "text/javascript", "icon.svg": "image/svg+xml"}
_KEEP = {**HEADERS, "cache-control": "public, max-age=3600"}

UNDERWAY = "clearance_login"
"""Cookie of somebody who is at the identity provider: what only their browser knows of the log-in."""
_UNDERWAY_SECONDS = 600
_CALLBACK = "/login/callback"


@router.get("/login", response_class=HTMLResponse)
def login_page(request: Request, app: App, next: str = "/", left: bool = False) -> HTMLResponse:  # noqa: A002  # the field's usual name
    """Ask who it is."""
    return _login_page(request, app, next, farewell=_farewell(request, app) if left else None)


@router.post("/login", response_class=HTMLResponse)
def login(
    request: Request,
    app: App,
    token: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002  # the field's usual name
) -> Response:
    """Take the token into a session cookie that scripts can't read and other sites can't send."""
    require_own_site(request)
    try:
        app.sessions.principal(token.strip(), address_of(request))
    except (Unauthenticated, RateLimited) as error:
        return _login_page(request, app, next, error)
    answer = back_to(_local(next))
    answer.set_cookie(COOKIE, token.strip(), httponly=True, samesite="strict", secure=_is_secure(request))
    return answer


@router.get("/login/provider")
def to_provider(request: Request, app: App, next: str = "/") -> Response:  # noqa: A002  # the field's usual name
    """Send the browser to the identity provider."""
    try:
        departure = _provider(app).depart(_callback(request))
    except Unavailable as error:
        return _login_page(request, app, next, error)
    answer = RedirectResponse(departure.url, status_code=303, headers={"cache-control": "no-store"})
    kept = base64.urlsafe_b64encode(json.dumps([asdict(departure), _local(next)]).encode()).decode()
    # Lax, for the provider sends the browser back here from its own site; only here, and for as long as it may take.
    answer.set_cookie(
        UNDERWAY,
        kept,
        max_age=_UNDERWAY_SECONDS,
        path="/login",
        httponly=True,
        samesite="lax",
        secure=_is_secure(request),
    )
    return answer


@router.get(_CALLBACK)
def from_provider(
    request: Request, app: App, code: str = "", state: str = "", error: str = "", iss: str = ""
) -> Response:
    """Take back a browser from the identity provider, and open a session that did not exist before."""
    path = "/"
    try:
        departure, path = _underway(request)
        if not hmac.compare_digest(state.encode(), departure.state.encode()):
            raise _not_begun()
        if error or not code or (iss and iss != app.settings.oidc_issuer):
            raise Unauthenticated(
                f"the identity provider did not log you in: {error[:100] or 'it sent no code'}", code="login_refused"
            )
        with app.sessions.attempt(address_of(request)):
            identity = _provider(app).arrive(code, departure, _callback(request))
        with app.database.write() as tx:
            opened = access.open_session(tx, identity, app.settings.session_hours)
    except (Unauthenticated, Unavailable, RateLimited, InvalidInput) as refused:
        answer: Response = _login_page(request, app, path, refused)
    else:
        answer = back_to(_local(path))
        seconds = int(app.settings.session_hours * 3600)
        answer.set_cookie(
            COOKIE,
            opened.secret,
            max_age=seconds,
            httponly=True,
            samesite="lax",  # the way back from the provider counts as coming from its site
            secure=_is_secure(request),
        )
    answer.delete_cookie(UNDERWAY, path="/login")
    return answer


@router.post("/logout")
def logout(request: Request, app: App) -> RedirectResponse:
    """End the session, here and now; what a copy of the cookie could do is over too."""
    require_own_site(request)
    session = request.cookies.get(COOKIE, "")
    left = _end(app, session, address_of(request))
    answer = back_to("/login?left=true" if left else "/login")
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/static/{name}")
def static(name: str) -> Response:
    """Style, and the script that draws the charts."""
    if name == "vega.js":
        return Response(_vega(), media_type="text/javascript", headers=_KEEP)
    if name not in _STATIC:
        raise NotFound(f"there is no file {name}", code="file_not_found")
    return Response((FOLDER / "static" / name).read_bytes(), media_type=_STATIC[name], headers=_KEEP)


@cache
def _vega() -> str:
    import vl_convert

    bundled: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundled


def _local(path: str) -> str:
    """Return where to go after login: a path of this console, never another site."""
    plain = path.isprintable() and "\\" not in path  # browsers drop control characters and read \\ as /
    return path if plain and path.startswith("/") and not path.startswith("//") else "/"


def _login_page(
    request: Request, app: Clearance, path: str, error: ClearanceError | None = None, farewell: str | None = None
) -> HTMLResponse:
    page = render(
        request,
        "login.html",
        status=200 if error is None else STATUS[error.kind].value,
        next=_local(path),
        problem="" if error is None else f"{error.message}. {error.hint}".rstrip(". ") + ".",
        provider=app.settings.oidc_issuer,
        farewell=farewell,
    )
    if isinstance(error, RateLimited):
        page.headers["retry-after"] = str(error.details["retry_after_seconds"])
    return page


def _provider(app: Clearance) -> Oidc:
    if app.oidc is None:
        raise NotFound(
            "no identity provider is set here",
            code="no_provider",
            hint="log in with a token; CLEARANCE_OIDC_ISSUER sets one",
        )
    return app.oidc


def _underway(request: Request) -> tuple[Departure, str]:
    try:
        departure, path = json.loads(base64.urlsafe_b64decode(request.cookies[UNDERWAY]))
        return Departure(**departure), str(path)
    except (KeyError, ValueError, TypeError) as error:
        raise _not_begun() from error


def _not_begun() -> InvalidInput:
    return InvalidInput(
        "this log-in was not begun in this browser, or too long ago", code="login_not_begun", hint="begin again here"
    )


def _end(app: Clearance, session: str, address: str) -> bool:
    """End the session if it is one of a log-in; whether it was."""
    try:
        principal = app.sessions.principal(session, address)
        with app.database.write() as tx:
            access.end_session(tx, principal, session)
    except (
        Conflict,
        Unauthenticated,
        RateLimited,
    ):  # a token, or over already: then the cookie is all there is to forget
        return False
    app.sessions.forget(session)
    return True


def _farewell(request: Request, app: Clearance) -> str | None:
    """Return where one logs out of the provider too, if it says so."""
    try:
        return None if app.oidc is None else app.oidc.farewell(base_of(request) + "/login")
    except Unavailable:  # whoever is logged out here need not hear that the provider is away
        return None


def _callback(request: Request) -> str:
    return base_of(request) + _CALLBACK


def _is_secure(request: Request) -> bool:
    return base_of(request).startswith("https://")
