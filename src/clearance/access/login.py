"""Use cases of log-ins: open a session for a person whom the identity provider vouches for, and end it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from clearance.access import secret, store
from clearance.access.model import Principal
from clearance.access.oidc import Identity
from clearance.access.people import OpenedSession, Session
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, Unauthenticated
from clearance.storage.database import Transaction

PREFIX = "cls"


def open_session(tx: Transaction, identity: Identity, hours: float) -> OpenedSession:
    """Open a session for whoever an identity token names; each identity token opens one.

    Raises:
        Unauthenticated: the identity token was used before (`identity_token_used`).
    """
    tx.lock(f"identity token {identity.proof}")
    if store.is_used(tx, identity.proof):
        raise Unauthenticated(
            "this identity token has opened a session already", code="identity_token_used", hint="log in again"
        )
    session = Session(
        id=tx.new_id("ses"),
        name=identity.name,
        groups=identity.groups,
        opened_at=tx.now,
        expires_at=tx.now + timedelta(hours=hours),
        ended_at=None,
    )
    made = secret.new(PREFIX, session.id)
    store.insert_session(tx, session, made.digest, identity.proof)
    data = {"issuer": identity.issuer, "expires_at": session.expires_at}
    log.record(tx, Event.SESSION_OPENED, actor=session.name, subject=f"session/{session.id}", data=data)
    return OpenedSession(session=session, secret=made.text)


def end_session(tx: Transaction, caller: Principal, shown: str) -> Session:
    """End the session that a secret belongs to; ending it twice is no mistake.

    Raises:
        Conflict: it is the secret of no session (`no_session`).
    """
    session = find_session(tx, secret.parse(shown))
    if session is None:
        raise Conflict(
            "this is no session of a log-in",
            code="no_session",
            hint="a token ends with `clearance tokens revoke ID`",
        )
    if session.ended_at is not None:
        return session
    store.end_session(tx, session.id, tx.now)
    data = {"name": session.name}
    log.record(tx, Event.SESSION_ENDED, actor=caller.name, subject=f"session/{session.id}", data=data)
    return replace(session, ended_at=tx.now)


def find_session(tx: Transaction, shown: secret.Shown) -> Session | None:
    """Return the session that a secret belongs to, also one that is over; None for a secret that fits none."""
    found = store.find_session(tx, shown.id) if shown.prefix == PREFIX and shown.random else None
    return found[0] if found is not None and shown.fits(found[1]) else None
