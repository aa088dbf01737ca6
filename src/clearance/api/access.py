"""Routes of access: who am I, tokens, role bindings, log-ins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response

from clearance.access import service
from clearance.access.model import IssuedToken, NewToken, Permission, Principal, Role, Rotation, Token
from clearance.access.people import Binding, LoginMethods, NewBinding, NewSession, OpenedSession, Session
from clearance.api.core import App, address_of, bearer_of, needs
from clearance.clock import span
from clearance.errors import Conflict
from clearance.values import Page

router = APIRouter(tags=["access"])
Known = Annotated[Principal, needs(Permission.OWN)]
Admin = Annotated[Principal, needs(Permission.ACCESS_ADMIN)]

NO_STORE = {"cache-control": "no-store"}
"""On answers that hold a secret: nobody keeps them, neither a cache nor the memory of idempotency keys."""


@router.get("/whoami")
def whoami(caller: Known) -> Principal:
    """Who the server takes the caller to be, with what roles, and until when."""
    return caller


@router.post("/tokens", status_code=201)
def issue_token(body: NewToken, app: App, response: Response, caller: Admin) -> IssuedToken:
    """Issue a token; the secret is in this answer and nowhere else."""
    response.headers.update(NO_STORE)
    with app.database.write() as tx:
        return service.issue_token(tx, caller, body)


@router.get("/tokens")
def list_tokens(app: App, caller: Admin) -> Page[Token]:
    """All tokens, without their secrets."""
    with app.database.read() as tx:
        return Page(items=service.list_tokens(tx))


@router.post("/tokens/{token_id}/rotate", status_code=201)
def rotate_token(token_id: str, body: Rotation, app: App, response: Response, caller: Admin) -> IssuedToken:
    """Issue the successor of a token; the old one still works during the overlap."""
    response.headers.update(NO_STORE)
    with app.database.write() as tx:
        return service.rotate_token(tx, caller, token_id, span(seconds=body.overlap_seconds))


@router.delete("/tokens/{token_id}")
def revoke_token(token_id: str, app: App, caller: Admin) -> Token:
    """Make a token useless from now on."""
    with app.database.write() as tx:
        return service.revoke_token(tx, caller, token_id)


@router.post("/roles", status_code=201)
def bind_role(body: NewBinding, app: App, caller: Admin) -> Binding:
    """Give a role to a person or a group, for one team's models or for all."""
    with app.database.write() as tx:
        return service.bind_role(tx, caller, body)


@router.get("/roles")
def list_bindings(app: App, caller: Admin) -> Page[Binding]:
    """Who gets which role when they log in."""
    with app.database.read() as tx:
        return Page(items=service.list_bindings(tx))


@router.delete("/roles")
def unbind_role(subject: str, role: Role, app: App, caller: Admin, team: str | None = None) -> Binding:
    """Take a role away again."""
    with app.database.write() as tx:
        return service.unbind_role(tx, caller, subject, role, team)


@router.get("/login-methods")
def login_methods(app: App) -> LoginMethods:
    """How one can log in here; anybody may ask."""
    return LoginMethods(token=True, provider=app.oidc.described() if app.oidc is not None else None)


@router.post("/sessions", status_code=201)
def open_session(body: NewSession, request: Request, app: App, response: Response) -> OpenedSession:
    """Open a session for whoever an identity token names; the secret is in this answer and nowhere else."""
    if app.oidc is None:
        raise Conflict(
            "people can't log in here: no identity provider is set",
            code="no_provider",
            hint="use a token; an administrator sets CLEARANCE_OIDC_ISSUER on the server",
        )
    response.headers.update(NO_STORE)
    with app.sessions.attempt(address_of(request)):
        identity = app.oidc.identity(body.id_token, audience=app.oidc.audience_of_cli())
    with app.database.write() as tx:
        return service.open_session(tx, identity, app.settings.session_hours)


@router.delete("/sessions/current")
def end_session(request: Request, app: App, caller: Known) -> Session:
    """End the session that this request came with."""
    bearer = bearer_of(request)
    with app.database.write() as tx:
        ended = service.end_session(tx, caller, bearer)
    app.sessions.forget(bearer)
    return ended
