"""Routes of access: tokens, and who am I."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from clearance.access import service
from clearance.access.model import IssuedToken, NewToken, Permission, Principal, Token
from clearance.api.core import App, needs
from clearance.values import Page

router = APIRouter(tags=["access"])


@router.get("/whoami")
def whoami(caller: Annotated[Principal, needs(Permission.READ)]) -> Principal:
    """Who the server takes the caller to be."""
    return caller


@router.post("/tokens", status_code=201)
def issue_token(body: NewToken, app: App, caller: Annotated[Principal, needs(Permission.ACCESS_ADMIN)]) -> IssuedToken:
    """Issue a token; the secret is in this answer and nowhere else."""
    with app.database.write() as tx:
        return service.issue_token(tx, caller, body)


@router.get("/tokens")
def list_tokens(app: App, caller: Annotated[Principal, needs(Permission.ACCESS_ADMIN)]) -> Page[Token]:
    """All tokens, without their secrets."""
    with app.database.read() as tx:
        return Page(items=service.list_tokens(tx))


@router.delete("/tokens/{token_id}")
def revoke_token(token_id: str, app: App, caller: Annotated[Principal, needs(Permission.ACCESS_ADMIN)]) -> Token:
    """Make a token useless from now on."""
    with app.database.write() as tx:
        return service.revoke_token(tx, caller, token_id)
