"""What every route stands on: the parts, who is calling, and errors as problem details (RFC 9457)."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Match

from clearance.access.model import Permission, Principal, require
from clearance.api import faults, place
from clearance.app import Clearance
from clearance.errors import ClearanceError, InvalidInput, NotFound, Unauthenticated

logger = logging.getLogger(__name__)

STATUS: dict[str, HTTPStatus] = {
    "invalid_input": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "not_found": HTTPStatus.NOT_FOUND,
    "conflict": HTTPStatus.CONFLICT,
    "unauthenticated": HTTPStatus.UNAUTHORIZED,
    "forbidden": HTTPStatus.FORBIDDEN,
    "denied": HTTPStatus.FORBIDDEN,
    "verification_failed": HTTPStatus.UNPROCESSABLE_ENTITY,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "storage_full": HTTPStatus.INSUFFICIENT_STORAGE,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "error": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""HTTP status of each kind of error; nowhere else is one chosen."""

_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"www-authenticate": 'Bearer realm="clearance"'},
    HTTPStatus.SERVICE_UNAVAILABLE: {"retry-after": "1"},
}
COOKIE = "clearance_session"
EXPIRES = "clearance.expires_at"
"""Where a request's scope says when the caller's token ends, for the header that warns of it."""
ErrorPage = Callable[[Request, ClearanceError], Response | None]


def parts(request: Request) -> Clearance:
    """Return the installation that serves this request."""
    found: Clearance = request.app.state.clearance
    return found


async def _parts(request: Request) -> Clearance:
    return parts(request)  # asynchronous, for what waits for nothing needs no thread


App = Annotated[Clearance, Depends(_parts)]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000, description="most items on a page")]


def identify(request: Request) -> Principal:
    """Return who is calling: the local user of an in-process call, or the owner of the token or session.

    Raises:
        Unauthenticated: nobody.
        RateLimited: too many wrong tokens came from there.
    """
    local = _local(request)
    return local if local is not None else parts(request).sessions.principal(bearer_of(request), address_of(request))


async def known(request: Request) -> Principal:
    """Return the same as `identify` without keeping others waiting; at once for a token that was just here."""
    local = _local(request)
    if local is not None:
        return local
    bearer, sessions = bearer_of(request), parts(request).sessions
    remembered = sessions.remembered(bearer)
    if remembered is not None:
        return remembered
    return await run_in_threadpool(sessions.principal, bearer, address_of(request))


def bearer_of(request: Request) -> str:
    """Return the token that a request carries, as `Bearer`, as the password of `Basic`, or in the session's cookie.

    Raises:
        Unauthenticated: none.
    """
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    bearer = sent.strip() if scheme.lower() == "bearer" else _password(sent) if scheme.lower() == "basic" else ""
    if not bearer and request.method in {"GET", "HEAD"}:
        # A cookie only ever reads: pages change state through forms that carry the token of the session themselves.
        bearer = request.cookies.get(COOKIE, "")
    if not bearer:
        raise Unauthenticated(
            "this needs a token",
            code="token_missing",
            hint="commands take it from --token, CLEARANCE_TOKEN or `clearance login`, other programs send it as "
            "`Authorization: Bearer …`; an administrator makes one: `clearance tokens issue NAME --role ROLE`",
        )
    return bearer


def address_of(request: Request) -> str:
    """Return where a request comes from, as the server in front of us says."""
    return request.client.host if request.client else ""


def base_of(request: Request) -> str:
    """Return the address under which people reach this server: as the settings say, else as this request came here.

    Scheme, host with its port, and whatever stands before our own paths; it does not end with a slash.
    """
    named = parts(request).settings.public_url
    host = request.headers.get("host")
    if named or not host:
        return named or str(request.base_url).rstrip("/")
    return f"{request.scope['scheme']}://{host}{request.scope.get('root_path', '')}".rstrip("/")


def hosts_of(request: Request) -> tuple[str, ...]:
    """Return what this server is called, each with its port where that is not the scheme's own: by this caller, and by its settings."""
    called = (request.headers.get("host", ""), parts(request).settings.public_url.partition("://")[2].partition("/")[0])
    return tuple(filter(None, called))


def _local(request: Request) -> Principal | None:
    found: Principal | None = request.scope.get("clearance.principal")
    return found


def _password(credentials: str) -> str:
    """Return the password of HTTP Basic (RFC 7617): clients that know no other way carry the token there, under any name."""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


class Needs:
    """The dependency by which a route declares its permission; answers who is calling, with the roles that count there.

    What the request is about is found in `place`, for every route in the same way: a role that is bound to one team counts
    only for that team's models, and a narrowed token only for what it names. A request about no known model needs both to
    be without such limits.
    """

    def __init__(self, permission: Permission, *, anywhere: bool = False) -> None:
        self.permission = permission
        self.anywhere = anywhere or permission is Permission.OWN

    async def __call__(self, request: Request) -> Principal:
        caller = await self.admit(request, await known(request))
        await place.check_living(request)
        return caller

    async def admit(self, request: Request, principal: Principal) -> Principal:
        """Return the principal as they stand towards what the request is about, or refuse.

        Raises:
            Forbidden: the permission is missing there.
        """
        here = principal
        if principal.scope is None and not principal.team_roles:
            require(principal, self.permission)
        elif not (self.anywhere and principal.may_somewhere(self.permission)):
            for each in reversed(await place.of(request)):  # the first one, which the route acts on, is what remains
                here = require(principal, self.permission, each)
            for each in await place.taken_from(request):
                require(principal, Permission.READ, each)
        if principal.expires_at is not None and principal.issued_by:
            request.scope[EXPIRES] = principal.expires_at
        return here


def needs(permission: Permission, *, anywhere: bool = False) -> Any:
    """Declare, in a route's `caller: Annotated[Principal, needs(Permission.X)]`, what the caller must be allowed.

    Args:
        permission: what it takes.
        anywhere: it suffices to have it for one team or model: what the route does is about none, such as bringing bytes
            that only a later request, which is checked, makes into a version.
    """
    return Depends(Needs(permission, anywhere=anywhere))


def problem(error: ClearanceError, instance: str) -> JSONResponse:
    """Return the problem details of an error."""
    status = STATUS[error.kind]
    body: dict[str, Any] = {
        "type": f"urn:clearance:error:{error.code}",
        "title": status.phrase,
        "status": status.value,
        "detail": error.message,
        "instance": instance,
        "kind": error.kind,
        "code": error.code,
        "hint": error.hint,
        "details": error.details,
    }
    if instance.startswith("/v2"):
        body["error"] = error.message  # what clients of the Open Inference Protocol look for
    headers = dict(_HEADERS.get(status, {}))
    if "retry_after_seconds" in error.details:
        headers["retry-after"] = str(error.details["retry_after_seconds"])
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


def _as_page(request: Request, error: HTTPException) -> ClearanceError:
    """Return the framework's error in words for somebody with a browser."""
    if error.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        return NotFound(
            f"there is no page {request.url.path}",
            code="page_not_found",
            hint="the address may be mistyped, or what it showed is gone",
        )
    return InvalidInput(f"this can't be read: {error.detail}", code="request_invalid", hint="open the page again")


def _methods(request: Request) -> list[str]:
    """Return the methods of all routes that lead to what was asked for: the framework knows only those of the first."""
    return [
        method
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]


def install_error_handlers(app: FastAPI, page: ErrorPage) -> None:
    """Give every error that leaves a route the one shape.

    Args:
        app: the application.
        page: returns the page to show instead when a browser asked for one, else None.
    """

    def answer(request: Request, error: ClearanceError) -> Response:
        return page(request, error) or problem(error, request.url.path)

    @app.exception_handler(ClearanceError)
    def expected(request: Request, error: ClearanceError) -> Response:
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> Response:
        return answer(request, faults.refusal(error.errors(), request.headers.get("content-type", "")))

    @app.exception_handler(HTTPException)
    def foreign(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        shown = page(request, _as_page(request, error))
        if shown is not None:
            return shown
        if status == HTTPStatus.BAD_REQUEST:  # the framework's own: its reader of JSON gave up
            return answer(request, faults.unreadable())
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "detail": f"{request.method} {request.url.path}: {error.detail}",
            "instance": request.url.path,
            "kind": "not_found" if status == HTTPStatus.NOT_FOUND else "invalid_input",
            "code": status.phrase.lower().replace(" ", "_"),
            "hint": "/docs lists the routes",
            "details": {},
        }
        headers = {name.lower(): text for name, text in (error.headers or {}).items()}
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["allow"] = ", ".join(_methods(request))
        return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return answer(
            request,
            ClearanceError(
                "this is a mistake in Clearance, not in your request",
                code="internal_error",
                hint="the server's log has the trace",
            ),
        )
