"""Issue, revoke and check tokens."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import timedelta

from clearance.access import store
from clearance.access.model import IssuedToken, NewToken, Principal, Token
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from clearance.storage.database import Transaction

_PREFIX = "clr"
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,99}", re.IGNORECASE)
_LONGEST_DAYS = 366


def issue_token(tx: Transaction, caller: Principal, new: NewToken) -> IssuedToken:
    """Issue a token for `user:NAME`; its secret is in the answer and nowhere else.

    Raises:
        InvalidInput: a name that is none, no role, or a life of zero or over a year.
    """
    if not _NAME.fullmatch(new.name):
        raise InvalidInput(
            f"{new.name!r} is not a name",
            code="bad_name",
            hint="letters, digits, . _ @ -, at most 100, a letter or digit first",
        )
    if not new.roles:
        raise InvalidInput("a token needs at least one role", code="no_role", hint="for example --role viewer")
    if not 0 < new.days <= _LONGEST_DAYS:
        raise InvalidInput(
            f"a token can't live {new.days:g} days", code="bad_expiry", hint=f"more than 0, at most {_LONGEST_DAYS}"
        )
    secret = secrets.token_urlsafe(32)
    token = Token(
        id=tx.new_id("tok"),
        name=f"user:{new.name}",
        roles=new.roles,
        issued_at=tx.now,
        issued_by=caller.name,
        expires_at=tx.now + timedelta(days=new.days),
        revoked_at=None,
    )
    store.insert(tx, token, _hash(secret))
    log.record(
        tx,
        Event.TOKEN_ISSUED,
        actor=caller.name,
        subject=f"token/{token.id}",
        data={"name": token.name, "roles": token.roles, "expires_at": token.expires_at},
    )
    return IssuedToken(token=token, secret=f"{_PREFIX}.{token.id}.{secret}")


def revoke_token(tx: Transaction, caller: Principal, token_id: str) -> Token:
    """Make a token useless from now on.

    Raises:
        NotFound: no such token.
        Conflict: it is revoked already.
    """
    found = store.find(tx, token_id)
    if found is None:
        raise NotFound(
            f"there is no token {token_id}", code="token_not_found", hint="`clearance tokens list` shows all"
        )
    if found[0].revoked_at is not None:
        raise Conflict(f"token {token_id} is revoked already", code="token_revoked")
    store.revoke(tx, token_id, tx.now)
    log.record(tx, Event.TOKEN_REVOKED, actor=caller.name, subject=f"token/{token_id}", data={"name": found[0].name})
    revoked = store.find(tx, token_id)
    assert revoked is not None
    return revoked[0]


def list_tokens(tx: Transaction) -> tuple[Token, ...]:
    """Return all tokens, also those that no longer work."""
    return store.listing(tx)


def authenticate(tx: Transaction, bearer: str) -> Principal:
    """Return whose token this is.

    Raises:
        Unauthenticated: malformed, unknown, expired or revoked; the message says which, once the secret is right.
    """
    prefix, _, rest = bearer.partition(".")
    token_id, _, secret = rest.partition(".")
    found = store.find(tx, token_id) if prefix == _PREFIX and secret else None
    if found is None or not hmac.compare_digest(found[1], _hash(secret)):
        raise Unauthenticated("this token is not known here", code="token_unknown", hint=_HINT)
    token = found[0]
    if token.revoked_at is not None:
        raise Unauthenticated(
            f"token {token.id} was revoked on {token.revoked_at:%Y-%m-%d %H:%M} UTC", code="token_revoked", hint=_HINT
        )
    if token.expires_at <= tx.now:
        raise Unauthenticated(
            f"token {token.id} expired on {token.expires_at:%Y-%m-%d %H:%M} UTC", code="token_expired", hint=_HINT
        )
    return Principal(name=token.name, roles=token.roles)


_HINT = "an administrator issues one with `clearance tokens issue NAME --role ROLE`"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
