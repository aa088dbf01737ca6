"""The table of tokens; of a secret only its SHA-256 is kept (the secret has 256 random bits: no salt or stretching needed)."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from clearance.access.model import Role, Token
from clearance.storage.database import Json, Transaction, UtcDateTime, metadata

tokens = sa.Table(
    "access_tokens",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False, index=True),
    sa.Column("roles", Json, nullable=False),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    sa.Column("issued_at", UtcDateTime, nullable=False),
    sa.Column("issued_by", sa.String(255), nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
)


def insert(tx: Transaction, token: Token, secret_hash: bytes) -> None:
    tx.execute(
        sa.insert(tokens),
        {
            "id": token.id,
            "name": token.name,
            "roles": [role.value for role in token.roles],
            "secret_hash": secret_hash,
            "issued_at": token.issued_at,
            "issued_by": token.issued_by,
            "expires_at": token.expires_at,
            "revoked_at": token.revoked_at,
        },
    )


def find(tx: Transaction, token_id: str) -> tuple[Token, bytes] | None:
    """Return a token and the hash of its secret."""
    row = tx.execute(sa.select(tokens).where(tokens.c.id == token_id)).first()
    return None if row is None else (_token(row), bytes(row.secret_hash))


def listing(tx: Transaction) -> tuple[Token, ...]:
    """Return all tokens, oldest first."""
    return tuple(_token(row) for row in tx.execute(sa.select(tokens).order_by(tokens.c.id)))


def revoke(tx: Transaction, token_id: str, at: datetime) -> None:
    tx.execute(sa.update(tokens).where(tokens.c.id == token_id).values(revoked_at=at))


def _token(row: sa.Row[tuple[object, ...]]) -> Token:
    found = row._mapping
    return Token(
        id=found["id"],
        name=found["name"],
        roles=tuple(Role(role) for role in found["roles"]),
        issued_at=found["issued_at"],
        issued_by=found["issued_by"],
        expires_at=found["expires_at"],
        revoked_at=found["revoked_at"],
    )
