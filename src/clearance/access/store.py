"""The tables of access; of a secret only its SHA-256 is kept (it has 256 random bits: no salt or stretching needed)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clearance.access.model import Permission, Role, Scope, Token
from clearance.access.people import Binding, Session
from clearance.storage.database import Json, Transaction, UtcDateTime, metadata
from clearance.values import plain

tokens = sa.Table(
    "access_tokens",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False, index=True),
    sa.Column("roles", Json, nullable=False),
    sa.Column("scope", Json),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    sa.Column("issued_at", UtcDateTime, nullable=False),
    sa.Column("issued_by", sa.String(255), nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("successor", sa.String(64)),
)

token_uses = sa.Table(
    "access_token_uses",
    metadata,
    sa.Column("token_id", sa.String(64), primary_key=True),
    sa.Column("last_used_at", UtcDateTime, nullable=False),
    info={"audited": False},
)
"""When each token was last used, to within a minute: an observation, written beside the requests."""

bindings = sa.Table(
    "access_bindings",
    metadata,
    sa.Column("subject", sa.String(255), primary_key=True),
    sa.Column("role", sa.String(32), primary_key=True),
    sa.Column("team", sa.String(255), primary_key=True),
    sa.Column("bound_at", UtcDateTime, nullable=False),
    sa.Column("bound_by", sa.String(255), nullable=False),
)
"""An empty team stands for all."""

sessions = sa.Table(
    "access_sessions",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False, index=True),
    sa.Column("groups", Json, nullable=False),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    sa.Column("proof", sa.String(71), nullable=False, unique=True),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
)
"""`proof` is the digest of the identity token that opened the session: each opens one."""

_WITH_USE = sa.select(tokens, token_uses.c.last_used_at).outerjoin(token_uses, token_uses.c.token_id == tokens.c.id)


def insert(tx: Transaction, token: Token, secret_hash: bytes) -> None:
    tx.execute(
        sa.insert(tokens),
        {
            "id": token.id,
            "name": token.name,
            "roles": [role.value for role in token.roles],
            "scope": sa.null() if token.scope is None else plain(token.scope),
            "secret_hash": secret_hash,
            "issued_at": token.issued_at,
            "issued_by": token.issued_by,
            "expires_at": token.expires_at,
            "revoked_at": token.revoked_at,
            "successor": token.successor,
        },
    )


def find(tx: Transaction, token_id: str) -> tuple[Token, bytes] | None:
    """Return a token and the hash of its secret."""
    row = tx.execute(_WITH_USE.where(tokens.c.id == token_id)).first()
    return None if row is None else (_token(row), bytes(row.secret_hash))


def listing(tx: Transaction) -> tuple[Token, ...]:
    """Return all tokens, oldest first."""
    return tuple(_token(row) for row in tx.execute(_WITH_USE.order_by(tokens.c.id)))


def revoke(tx: Transaction, token_id: str, at: datetime) -> None:
    tx.execute(sa.update(tokens).where(tokens.c.id == token_id).values(revoked_at=at))


def succeed(tx: Transaction, token_id: str, successor: str, expires_at: datetime) -> None:
    """Let a token end at a time, with another one in its place."""
    change = {"successor": successor, "expires_at": expires_at}
    tx.execute(sa.update(tokens).where(tokens.c.id == token_id).values(**change))


def note_uses(tx: Transaction, uses: Mapping[str, datetime]) -> None:
    """Keep when tokens were last used; a later time that is there already stays."""
    known = {
        row.token_id: row.last_used_at
        for row in tx.execute(sa.select(token_uses).where(token_uses.c.token_id.in_(list(uses))))
    }
    fresh = [{"token_id": token_id, "last_used_at": at} for token_id, at in uses.items() if token_id not in known]
    if fresh:
        tx.execute(sa.insert(token_uses), fresh)
    for token_id, at in uses.items():
        if token_id in known and known[token_id] < at:
            tx.execute(sa.update(token_uses).where(token_uses.c.token_id == token_id).values(last_used_at=at))


def insert_binding(tx: Transaction, binding: Binding) -> None:
    tx.execute(
        sa.insert(bindings),
        {
            "subject": binding.subject,
            "role": binding.role.value,
            "team": binding.team or "",
            "bound_at": binding.bound_at,
            "bound_by": binding.bound_by,
        },
    )


def find_binding(tx: Transaction, subject: str, role: Role, team: str | None) -> Binding | None:
    row = tx.execute(sa.select(bindings).where(*_named(subject, role, team))).first()
    return None if row is None else _binding(row)


def delete_binding(tx: Transaction, subject: str, role: Role, team: str | None) -> None:
    tx.execute(sa.delete(bindings).where(*_named(subject, role, team)))


def list_bindings(tx: Transaction, subjects: Iterable[str] | None = None) -> tuple[Binding, ...]:
    """Return the bindings of these subjects, or of all."""
    query = sa.select(bindings).order_by(bindings.c.subject, bindings.c.team, bindings.c.role)
    if subjects is not None:
        query = query.where(bindings.c.subject.in_(list(subjects)))
    return tuple(_binding(row) for row in tx.execute(query))


def insert_session(tx: Transaction, session: Session, secret_hash: bytes, proof: str) -> None:
    tx.execute(
        sa.insert(sessions),
        {
            "id": session.id,
            "name": session.name,
            "groups": list(session.groups),
            "secret_hash": secret_hash,
            "proof": proof,
            "opened_at": session.opened_at,
            "expires_at": session.expires_at,
            "ended_at": session.ended_at,
        },
    )


def find_session(tx: Transaction, session_id: str) -> tuple[Session, bytes] | None:
    """Return a session and the hash of its secret."""
    row = tx.execute(sa.select(sessions).where(sessions.c.id == session_id)).first()
    if row is None:
        return None
    session = Session(
        id=row.id,
        name=row.name,
        groups=tuple(row.groups),
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
    )
    return session, bytes(row.secret_hash)


def is_used(tx: Transaction, proof: str) -> bool:
    """Whether an identity token has opened a session already."""
    return tx.execute(sa.select(sessions.c.id).where(sessions.c.proof == proof)).first() is not None


def end_session(tx: Transaction, session_id: str, at: datetime) -> None:
    tx.execute(sa.update(sessions).where(sessions.c.id == session_id).values(ended_at=at))


def _named(subject: str, role: Role, team: str | None) -> tuple[sa.ColumnElement[bool], ...]:
    return bindings.c.subject == subject, bindings.c.role == role.value, bindings.c.team == (team or "")


def _token(row: sa.Row[tuple[object, ...]]) -> Token:
    found = row._mapping
    return Token(
        id=found["id"],
        name=found["name"],
        roles=tuple(Role(role) for role in found["roles"]),
        scope=_scope(found["scope"]),
        issued_at=found["issued_at"],
        issued_by=found["issued_by"],
        expires_at=found["expires_at"],
        revoked_at=found["revoked_at"],
        successor=found["successor"],
        last_used_at=found["last_used_at"],
    )


def _scope(found: Mapping[str, Any] | None) -> Scope | None:
    if found is None:
        return None
    permissions = tuple(Permission(each) for each in found["permissions"])
    return Scope(permissions=permissions, models=tuple(found["models"]), team=found["team"])


def _binding(row: sa.Row[tuple[object, ...]]) -> Binding:
    found = row._mapping
    return Binding(
        subject=found["subject"],
        role=Role(found["role"]),
        team=found["team"] or None,
        bound_at=found["bound_at"],
        bound_by=found["bound_by"],
    )
