"""The page of access, for administrators: who gets which role, which tokens there are, where secrets come from."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from clearance.access import service
from clearance.access.model import Permission, Principal, Role
from clearance.access.people import NewBinding
from clearance.api.core import App
from clearance.web.core import back_to, page_needs, render

router = APIRouter(include_in_schema=False)
Admin = Annotated[Principal, page_needs(Permission.ACCESS_ADMIN)]


@router.get("/access", response_class=HTMLResponse)
def access(request: Request, app: App, caller: Admin) -> HTMLResponse:
    """Roles, tokens and secrets as they are."""
    with app.database.read() as tx:
        bindings = service.list_bindings(tx)
        tokens = service.list_tokens(tx)
    now = app.clock.now()
    secrets = [secret.condition(now) for secret in app.secrets.values() if secret]
    return render(
        request,
        "access.html",
        bindings=bindings,
        tokens=sorted(tokens, key=lambda token: (token.revoked_at is not None, token.expires_at)),
        secrets=secrets,
        roles=list(Role),
        provider=app.settings.oidc_issuer,
    )


@router.post("/access/bind")
def bind(
    app: App,
    caller: Admin,
    subject: Annotated[str, Form()],
    role: Annotated[Role, Form()],
    team: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """Give somebody a role."""
    with app.database.write() as tx:
        service.bind_role(tx, caller, NewBinding(subject=subject.strip(), role=role, team=team.strip() or None))
    return back_to("/access")


@router.post("/access/unbind")
def unbind(
    app: App,
    caller: Admin,
    subject: Annotated[str, Form()],
    role: Annotated[Role, Form()],
    team: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """Take a role away again."""
    with app.database.write() as tx:
        service.unbind_role(tx, caller, subject, role, team or None)
    return back_to("/access")


@router.post("/access/tokens/{token_id}/revoke")
def revoke(token_id: str, app: App, caller: Admin) -> RedirectResponse:
    """Make a token useless from now on."""
    with app.database.write() as tx:
        service.revoke_token(tx, caller, token_id)
    return back_to("/access")
