"""Whose secret is this? Of a token that was issued, or of a session after a log-in."""

from __future__ import annotations

from datetime import datetime

from clearance.access import bindings, login, secret, store, tokens
from clearance.access.model import Principal
from clearance.errors import Unauthenticated
from clearance.storage.database import Transaction

_HINT = "an administrator issues one with `clearance tokens issue NAME --role ROLE`"
_LOG_IN = "log in again: in a browser, or with `clearance login`"


def authenticate(tx: Transaction, bearer: str) -> Principal:
    """Return whose token or session this is.

    Raises:
        Unauthenticated: malformed, unknown, expired or revoked; the message says which, once the secret is right.
    """
    shown = secret.parse(bearer)
    return _by_session(tx, shown) if shown.prefix == login.PREFIX else _by_token(tx, shown)


def _by_token(tx: Transaction, shown: secret.Shown) -> Principal:
    found = store.find(tx, shown.id) if shown.prefix == tokens.PREFIX and shown.random else None
    if found is None or not shown.fits(found[1]):
        raise Unauthenticated("this token is not known here", code="token_unknown", hint=_HINT)
    token = found[0]
    if token.revoked_at is not None:
        raise _over(f"token {token.id} was revoked", token.revoked_at, "token_revoked", _HINT)
    if token.expires_at <= tx.now:
        raise _over(f"token {token.id} expired", token.expires_at, "token_expired", _HINT)
    return Principal(
        name=token.name, roles=token.roles, scope=token.scope, issued_by=token.issued_by, expires_at=token.expires_at
    )


def _by_session(tx: Transaction, shown: secret.Shown) -> Principal:
    session = login.find_session(tx, shown)
    if session is None:
        raise Unauthenticated("this session is not known here", code="session_unknown", hint=_LOG_IN)
    if session.ended_at is not None:
        raise _over("the session was ended", session.ended_at, "session_ended", _LOG_IN)
    if session.expires_at <= tx.now:
        raise _over("the session ran out", session.expires_at, "session_expired", _LOG_IN)
    return bindings.principal_of(tx, session)


def _over(what: str, at: datetime, code: str, hint: str) -> Unauthenticated:
    return Unauthenticated(f"{what} on {at:%Y-%m-%d %H:%M} UTC", code=code, hint=hint)
