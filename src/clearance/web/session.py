"""Pages of the session: log in with a token, log out; and the files that pages load."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from clearance.access import service as access
from clearance.api.core import COOKIE, App
from clearance.errors import NotFound, Unauthenticated
from clearance.web.core import FOLDER, HEADERS, back_to, render, require_own_site

router = APIRouter(include_in_schema=False)
_STATIC = {"style.css": "text/css", "charts.js": "text/javascript", "icon.svg": "image/svg+xml"}
_KEEP = {**HEADERS, "cache-control": "public, max-age=3600"}


@router.get("/login", response_class=HTMLResponse)
def login_page(request: Request, next: str = "/") -> HTMLResponse:  # noqa: A002  # the field's usual name
    """Ask for a token."""
    return render(request, "login.html", next=_local(next), problem="")


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
        with app.database.read() as tx:
            access.authenticate(tx, token.strip())
    except Unauthenticated as error:
        return render(request, "login.html", status=401, next=_local(next), problem=error.message)
    answer = back_to(_local(next))
    answer.set_cookie(COOKIE, token.strip(), httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


@router.post("/logout")
def logout(request: Request) -> RedirectResponse:
    """Forget the session."""
    require_own_site(request)
    answer = back_to("/login")
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
