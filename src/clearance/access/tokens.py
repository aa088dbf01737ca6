"""Use cases of tokens: issue, rotate, revoke."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from clearance.access import secret, store
from clearance.access.model import SERVICE, IssuedToken, NewToken, Principal, Scope, Token
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, InvalidInput, NotFound
from clearance.storage.database import Transaction

PREFIX = "clr"
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,99}", re.IGNORECASE)
_LONGEST_DAYS = 366
_LONGEST_OVERLAP = timedelta(days=7)
_MOST_MODELS = 100


def issue_token(tx: Transaction, caller: Principal, new: NewToken) -> IssuedToken:
    """Issue a token for `user:NAME`, or for the program `service:NAME`; its secret is in the answer and nowhere else.

    Raises:
        InvalidInput: a name that is none, no role, a scope that reaches nothing, or a life of zero or over a year.
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
    token = Token(
        id=tx.new_id("tok"),
        name=f"{SERVICE if new.service else 'user:'}{new.name}",
        roles=new.roles,
        scope=_checked(new.scope, new),
        issued_at=tx.now,
        issued_by=caller.name,
        expires_at=tx.now + timedelta(days=new.days),
        revoked_at=None,
        successor=None,
        last_used_at=None,
    )
    return _issue(tx, caller, token, Event.TOKEN_ISSUED)


def rotate_token(tx: Transaction, caller: Principal, token_id: str, overlap: timedelta) -> IssuedToken:
    """Issue the successor of a token, for the same and as long a life; the old one still works during the overlap.

    Raises:
        NotFound: no such token.
        Conflict: it is revoked, expired or rotated already.
        InvalidInput: an overlap below zero or over a week.
    """
    if not timedelta() <= overlap <= _LONGEST_OVERLAP:
        raise InvalidInput(
            f"an overlap can't be {overlap}", code="bad_overlap", hint="0 seconds to 7 days, such as --overlap 1h"
        )
    old = _find(tx, token_id)
    if old.revoked_at is not None:
        raise _revoked(old)
    if old.expires_at <= tx.now:
        raise Conflict(
            f"token {old.id} expired on {old.expires_at:%Y-%m-%d %H:%M} UTC",
            code="token_expired",
            hint="issue a fresh one: `clearance tokens issue`",
        )
    if old.successor is not None:
        raise Conflict(f"token {old.id} was rotated already: {old.successor} replaces it", code="token_rotated")
    fresh = replace(
        old,
        id=tx.new_id("tok"),
        issued_at=tx.now,
        issued_by=caller.name,
        expires_at=tx.now + (old.expires_at - old.issued_at),
        last_used_at=None,
    )
    store.succeed(tx, old.id, fresh.id, min(old.expires_at, tx.now + overlap))
    return _issue(tx, caller, fresh, Event.TOKEN_ROTATED, replaces=old.id)


def revoke_token(tx: Transaction, caller: Principal, token_id: str) -> Token:
    """Make a token useless from now on.

    Raises:
        NotFound: no such token.
        Conflict: it is revoked already.
    """
    found = _find(tx, token_id)
    if found.revoked_at is not None:
        raise _revoked(found)
    store.revoke(tx, token_id, tx.now)
    log.record(tx, Event.TOKEN_REVOKED, actor=caller.name, subject=f"token/{token_id}", data={"name": found.name})
    return replace(found, revoked_at=tx.now)


def list_tokens(tx: Transaction) -> tuple[Token, ...]:
    """Return all tokens, also those that no longer work."""
    return store.listing(tx)


def _issue(tx: Transaction, caller: Principal, token: Token, event: Event, **more: str) -> IssuedToken:
    made = secret.new(PREFIX, token.id)
    store.insert(tx, token, made.digest)
    data = {"name": token.name, "roles": token.roles, "scope": token.scope, "expires_at": token.expires_at, **more}
    log.record(tx, event, actor=caller.name, subject=f"token/{token.id}", data=data)
    return IssuedToken(token=token, secret=made.text)


def _checked(scope: Scope | None, new: NewToken) -> Scope | None:
    if scope is None or scope == Scope():
        return None
    if scope.team is not None and not scope.team.strip():
        raise InvalidInput("the team has no name", code="bad_scope", hint="leave --team out to mean all teams")
    if len(scope.models) > _MOST_MODELS:
        raise InvalidInput(
            f"a token can't name more than {_MOST_MODELS} models", code="bad_scope", hint="narrow it to a team instead"
        )
    whole = Principal(name="service:any" if new.service else "user:any", roles=new.roles)
    for permission in scope.permissions:
        if not whole.may(permission):
            raise InvalidInput(
                f"the permission {permission.value} is in none of the roles {', '.join(new.roles)}",
                code="bad_scope",
                hint="a scope narrows what the roles give, it adds nothing",
            )
    return scope


def _find(tx: Transaction, token_id: str) -> Token:
    found = store.find(tx, token_id)
    if found is None:
        raise NotFound(
            f"there is no token {token_id[:80]}", code="token_not_found", hint="`clearance tokens list` shows all"
        )
    return found[0]


def _revoked(token: Token) -> Conflict:
    return Conflict(f"token {token.id} is revoked already", code="token_revoked")
